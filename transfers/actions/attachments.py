"""Papers of a case: taken in with their type judged by content, kept outside the web root, read through the gate."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from transfers.access import Actor, ActorKind, agency_on, find_case, sees
from transfers.actions.door import Done, perform
from transfers.actions.history import tell_paper
from transfers.documents.files import write_new
from transfers.models import AccessEvent, Attachment, TransferCase
from transfers.rules.errors import Refusal, refusal
from transfers.rules.parties import Named, Role, Side
from transfers.rules.text import has_control
from transfers.rules.workdays import local_date

MAX_BYTES = 5 * 1024 * 1024
MAX_OF_A_CASE = 40
NAME_MAX = 120
KINDS: dict[str, Named] = {
    "id_front": Named("身份证件人像面", "Identity document, front"),
    "id_back": Named("身份证件国徽面", "Identity document, back"),
    "authorisation": Named("委托书", "Authorisation"),
    "certificate": Named("参保凭证", "Enrolment certificate"),
    "payment": Named("缴费证明", "Proof of payment"),
    "other": Named("其他材料", "Other paper"),
}
# What a file begins with -> (content type, extension).
_MAGIC = (
    (b"%PDF-", "application/pdf", ".pdf"),
    (b"\xff\xd8\xff", "image/jpeg", ".jpg"),
    (b"\x89PNG\r\n\x1a\n", "image/png", ".png"),
)
_EXTENSION = re.compile(r"\.(pdf|jpe?g|png)$", re.IGNORECASE)
_HANDLERS = ((Side.OUT, Role.OUT_HANDLER), (Side.IN, Role.IN_HANDLER))


class Upload(Protocol):
    """An uploaded file, as Django hands it over."""

    @property
    def name(self) -> str | None: ...
    @property
    def size(self) -> int | None: ...
    def read(self, num_bytes: int | None = ...) -> Any: ...


@dataclass(frozen=True, slots=True)
class Opened:
    """A stored file with its row; the caller closes `stream`."""

    attachment: Attachment
    stream: BinaryIO


def attaching_side(actor: Actor, case: TransferCase) -> Side:
    """On which side the actor may add papers: a handler for their agency, the person for themselves. Or a refusal."""
    if not sees(actor, case):
        raise refusal("J-NOT-FOUND")
    if actor.kind is ActorKind.PERSON:
        return Side.APPLICANT
    for side, role in _HANDLERS:
        if actor.has(case.outbound_agency_id if side is Side.OUT else case.inbound_agency_id, role):
            return side
    raise refusal("J-NOT-YOURS", what="上传材料", what_en="Add papers", who="经办人员", who_en="a handler")


def may_attach(actor: Actor, case: TransferCase) -> bool:
    """Whether `attach` would take papers from this actor now."""
    if case.closed_at is not None:
        return False
    try:
        attaching_side(actor, case)
    except Refusal:
        return False
    return True


def attach(case: TransferCase, actor: Actor, upload: Upload, kind: str, *, now: datetime | None = None) -> Attachment:
    """Keep one file of a case: PDF, JPEG or PNG by its content, at most 5 MB. J-FILE says what is wrong with it.

    The stored name is random; the name it came with is only shown. One event in the case's history.
    """
    now = now or timezone.now()
    side = attaching_side(actor, case)
    shown = _shown(upload.name)
    if case.closed_at is not None:
        raise _cannot(shown, "业务已结束", "the case is closed")
    if kind not in KINDS:
        raise _cannot(shown, "请选择材料种类", "choose what kind of paper it is")
    if (upload.size or 0) > MAX_BYTES:
        raise _too_big(shown)
    content = upload.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise _too_big(shown)
    if not content:
        raise _cannot(shown, "文件是空的", "it is empty")
    content_type, extension = _judge(shown, content)
    filename = shown if _EXTENSION.search(shown) else f"{shown[: NAME_MAX - 4]}{extension}"
    if _type_of_name(filename) != content_type:
        filename = f"{_EXTENSION.sub('', filename)[: NAME_MAX - 4]}{extension}"
    path = f"{local_date(now):%Y/%m}/{uuid.uuid4().hex}"
    with transaction.atomic():
        if Attachment.objects.filter(case=case).count() >= MAX_OF_A_CASE:
            raise _cannot(shown, f"每项业务最多{MAX_OF_A_CASE}份材料", f"a case holds at most {MAX_OF_A_CASE} papers")
        attachment = Attachment.objects.create(
            case=case,
            kind=kind,
            filename=filename,
            content_type=content_type,
            size=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
            path=path,
            uploaded_at=now,
            uploaded_by_id=actor.user_id,
        )
        named = KINDS[kind]
        tell_paper(
            case.pk,
            actor,
            "paper",
            Named(f"上传材料：{named.zh}", f"Paper added: {named.en}"),
            side=side,
            agency_id=agency_on(case, side),
            now=now,
            attachment=attachment.pk,
        )
        # Last, so that a row that cannot be written leaves no file; a file whose commit fails is only never found.
        write_new(_root() / path, content)
    return attachment


def provide_supplement(
    case: TransferCase,
    actor: Actor,
    uploads: Sequence[Upload],
    *,
    version: int,
    note: str,
    now: datetime | None = None,
) -> Done:
    """Take the step `provide_supplement` with the papers that belong to it: rows, files and step, all or none."""
    now = now or timezone.now()
    written: list[Path] = []
    with transaction.atomic():
        try:
            for upload in uploads:
                written.append(_root() / attach(case, actor, upload, "other", now=now).path)
            return perform(case, "provide_supplement", actor, version=version, note=note, now=now)
        except BaseException:
            # In here, where the rows are certain to go. When a connection is lost during COMMIT nobody knows: a file
            # without a row is only never found, a row without its file would have lost somebody's paper.
            for path in written:
                path.unlink(missing_ok=True)
            raise


def open_attachment(actor: Actor, case_pk: int, pk: int, *, now: datetime | None = None) -> Opened:
    """A file of a case that the actor may see; J-NOT-FOUND for none and for another's alike. The look is recorded."""
    case = find_case(actor, pk=case_pk)
    attachment = Attachment.objects.filter(case=case, pk=pk).first()
    if attachment is None:
        raise refusal("J-NOT-FOUND")
    try:
        stream = (_root() / attachment.path).open("rb")
    except FileNotFoundError:
        raise refusal("J-NOT-FOUND") from None
    AccessEvent.objects.create(
        at=now or timezone.now(),
        kind="download",
        case=case,
        user_id=actor.user_id,
        outcome="shown",
        detail=f"attachment {attachment.pk}",
    )
    return Opened(attachment, stream)


def _root() -> Path:
    return Path(settings.UPLOAD_DIR)


def _judge(shown: str, content: bytes) -> tuple[str, str]:
    for magic, content_type, extension in _MAGIC:
        if content.startswith(magic):
            return content_type, extension
    raise _cannot(shown, "只接受 PDF、JPEG、PNG 文件（按内容判断）", "only PDF, JPEG and PNG, judged by content")


def _type_of_name(name: str) -> str:
    found = _EXTENSION.search(name)
    extension = found[1].lower() if found else ""
    return {"pdf": "application/pdf", "png": "image/png"}.get(extension, "image/jpeg" if extension else "")


def _shown(name: str | None) -> str:
    """The name as it may be shown and sent back: the last part only, nothing that steers a path or a header."""
    base = re.split(r"[\\/]", name or "")[-1]
    kept = "".join(c for c in base if c.isprintable() and not has_control(c) and c not in "<>:\"|?*;%'&").strip(" .")
    return kept[-NAME_MAX:] or "file"


def _too_big(shown: str) -> Refusal:
    return _cannot(shown, "文件超过 5 MB", "it is larger than 5 MB")


def _cannot(shown: str, zh: str, en: str) -> Refusal:
    return refusal("J-FILE", name=shown, problem=zh, problem_en=en)
