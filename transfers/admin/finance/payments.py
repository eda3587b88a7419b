"""Payments, and batches of them: looked at, approved by somebody else, fetched as a file for the bank."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from transfers.actions import batches
from transfers.admin.finance.frame import AT_ONCE, PER_PAGE, Here, here_at, here_of, numbers, show
from transfers.admin.finance.money import Answer, answers_of, report
from transfers.admin.worklist import CappedPaginator
from transfers.models import PaymentBatch
from transfers.rules.bank import BatchState, PaymentState
from transfers.rules.errors import Refusal
from transfers.selectors import console, finance


def payments_view(request: HttpRequest) -> HttpResponse:
    """Every payment of the agency, the newest first; posted, a batch of rests and refunds that are ready, or they are
    not made."""
    here = here_of(request)
    if "drop" in request.POST:
        return _drop(request, here)
    if request.method == "POST":
        made = batches.make_batch(here.actor, here.agency.pk, payments=numbers(request.POST.getlist("pk"))[:AT_ONCE])
        messages.success(request, _made(made.batch.count))
        back = here.address("batch", made.batch.pk)
        if not made.left_out:
            return HttpResponseRedirect(back)
        left = answers_of(made.left_out)
        return report(request, here, left, title=_("Left out of the batch"), back=back, tab="batches")
    state = request.GET.get("state", "")
    state = state if state in set(PaymentState) else ""
    reference = request.GET.get("q", "").strip().upper()[:40]
    paginator = CappedPaginator(finance.payments_in(here.agency.pk, state=state, reference=reference), PER_PAGE)
    shown = paginator.get_page(request.GET.get("page"))
    context = {
        "shown": shown,
        "capped": paginator.count >= console.COUNTED,
        "states": [(one.value, one.named) for one in PaymentState],
        "state": state,
        "reference": reference,
        "query": f"agency={here.agency.pk}&state={state}&q={reference}",
        "loose": {row.pk for row in finance.loose_payments(here.agency.pk)[:AT_ONCE]} if here.does else set(),
    }
    return show(request, here, "payments", context, title=_("Payments"), tab="payments")


def _drop(request: HttpRequest, here: Here) -> HttpResponse:
    """The ticked ones are not made, with one note for all."""
    ticked = finance.loose_payments(here.agency.pk).filter(pk__in=numbers(request.POST.getlist("pk"))[:AT_ONCE])
    back, answers = here.address("payments", state=PaymentState.READY.value), []
    for payment in ticked.order_by("pk"):
        why = None
        try:
            batches.drop_payment(here.actor, payment.pk, note=request.POST.get("note", ""))
        except Refusal as error:
            why = error
        answers.append(Answer(payment.case_id, payment.reference, why))
    if not answers:
        messages.warning(request, _("Tick the rows first."))
        return HttpResponseRedirect(back)
    return report(request, here, answers, title=_("Not made"), back=back, tab="payments")


def _made(count: int) -> str:
    return ngettext(
        "A batch with %(n)d payment has been made. Somebody else must approve it.",
        "A batch with %(n)d payments has been made. Somebody else must approve it.",
        count,
    ) % {"n": count}


def batches_view(request: HttpRequest) -> HttpResponse:
    """The batches, those that wait first."""
    here = here_of(request)
    rows = PaymentBatch.objects.filter(agency=here.agency).select_related("made_by", "approved_by")
    waiting = list(rows.filter(state=BatchState.DRAFT.value).order_by("pk")[:PER_PAGE])
    shown = CappedPaginator(rows.exclude(state=BatchState.DRAFT.value), PER_PAGE).get_page(request.GET.get("page"))
    context = {"waiting": waiting, "shown": shown, "query": f"agency={here.agency.pk}"}
    return show(request, here, "batches", context, title=_("Batches"), tab="batches")


def batch_view(request: HttpRequest, pk: int) -> HttpResponse:
    """One batch; posted, it is approved (without what was ticked off) or cancelled."""
    batch, here = _find(request, pk)
    if request.method != "POST":
        return _show(request, here, batch)
    try:
        if "cancel" in request.POST:
            batches.cancel_batch(here.actor, pk, note=request.POST.get("note", ""))
            messages.success(request, _("The batch was cancelled; its payments are ready for another one."))
            return HttpResponseRedirect(here.address("batch", pk))
        outcome = batches.approve_batch(here.actor, pk, without=numbers(request.POST.getlist("without")))
    except Refusal as error:
        return _show(request, here, batch, error)
    messages.success(request, _("Approved. Fetch the file now and give it to the bank."))
    back = here.address("batch", pk)
    if not outcome.left_out:
        return HttpResponseRedirect(back)
    left = answers_of(outcome.left_out)
    return report(request, here, left, title=_("Left out of the batch"), back=back, tab="batches")


def _show(request: HttpRequest, here: Here, batch: PaymentBatch, error: Refusal | None = None) -> HttpResponse:
    rows = batch.payments.select_related("case", "payee_agency").order_by("pk")
    shown = Paginator(rows, 100).get_page(request.GET.get("page"))
    draft = batch.state == BatchState.DRAFT
    context = {
        "batch": batch,
        "state": BatchState(batch.state).named,
        "shown": shown,
        "query": f"agency={here.agency.pk}",
        "mine": batch.made_by_id == here.actor.user_id,
        "may_approve": here.does and draft and batch.made_by_id != here.actor.user_id,
        "may_cancel": here.does and draft,
        "may_fetch": here.does and batch.state == BatchState.APPROVED,
        "refusal": error,
    }
    title = _("Batch %(n)s") % {"n": batch.sequence or f"#{batch.pk}"}
    return show(request, here, "batch", context, title=title, tab="batches", status=error.http_status if error else 200)


def file_view(request: HttpRequest, pk: int) -> HttpResponse:
    """The file of an approved batch, as the bank is to get it; whoever fetched it is written down."""
    batch, here = _find(request, pk)
    try:
        name, data = batches.file_of(here.actor, batch.pk)
    except Refusal as error:
        return _show(request, here, batch, error)
    return as_file(data, name)


def as_file(data: bytes, name: str) -> HttpResponse:
    """Something to keep: never shown as a page of ours, never cached."""
    return HttpResponse(
        data,
        content_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store, private",
        },
    )


def _find(request: HttpRequest, pk: int) -> tuple[PaymentBatch, Here]:
    batch = PaymentBatch.objects.select_related("agency", "made_by", "approved_by").filter(pk=pk).first()
    if batch is None:
        raise Http404
    return batch, here_at(request, batch.agency_id)
