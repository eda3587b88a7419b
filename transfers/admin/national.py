"""A case under the codes of the national platform: the card on its page, and the file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest, JsonResponse

from transfers.access import find_case
from transfers.actions.disclosure import unmask
from transfers.admin.pages import actor_of
from transfers.models import TransferCase
from transfers.rules import national
from transfers.rules.errors import Refusal
from transfers.rules.parties import Named
from transfers.selectors.national import process_of


@dataclass(frozen=True, slots=True)
class NodeLine:
    """One node on the card."""

    code: str
    named: Named
    status: Named
    at: datetime


@dataclass(frozen=True, slots=True)
class NationalCard:
    """The process and its nodes, in words."""

    code: str
    process: Named
    status: Named
    mode: Named
    nodes: list[NodeLine]


def card_of(case: TransferCase) -> NationalCard | None:
    """The card of a case, None before it has been accepted and when its history has left."""
    if case.accepted_at is None:
        return None
    try:
        process = process_of(case)
    except Refusal as gone:
        if gone.code != "J-ARCHIVED":
            raise
        return None
    return NationalCard(
        code=process.biz_prcs_codg,
        process=national.PROCESS.codes[process.biz_prcs_codg],
        status=national.PROCESS_STATE.codes[process.biz_prcs_stas],
        mode=national.MODE.codes[process.trans_mode],
        nodes=[
            NodeLine(
                code=node.biz_node_codg if node.biz_node_codg != national.CORRECTION else "",
                named=national.NODE.codes[node.biz_node_codg],
                status=national.NODE_STATE.codes[node.biz_node_stas],
                at=node.at,
            )
            for node in process.nodes
        ],
    )


def download_view(request: HttpRequest, pk: int) -> JsonResponse:
    """The file. Asked for with POST it has the particulars in full, which is written down as any unmasking is."""
    actor = actor_of(request)
    full = request.method == "POST"
    if full:
        unmask(actor, pk)
    case = find_case(actor, pk=pk)
    response = JsonResponse(
        process_of(case, masked=not full).data(), json_dumps_params={"ensure_ascii": False, "indent": 2}
    )
    response["Content-Disposition"] = f'attachment; filename="{case.number}-national.json"'
    response["Cache-Control"] = "no-store, private"
    return response
