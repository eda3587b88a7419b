"""The day of finance staff at one agency: what waits, counted by few statements and listed page by page.

A list of money is a shelf, as in the worklist. Who has the finance role in an agency does its finance; its supervisors,
heads and auditors, and those above it, look on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from django.db.models import Count, Exists, F, Min, OuterRef, Q, QuerySet, Sum, TextField
from django.db.models.functions import Cast, TruncDate

from accounts.mask import mask_name
from transfers.access import Actor
from transfers.models import (
    Agency,
    Allocation,
    BankFile,
    CaseEvent,
    Payment,
    PaymentBatch,
    PaymentResult,
    Remittance,
    StatementLine,
    TransferCase,
)
from transfers.rules.bank import BatchState, LineState, PaymentKind, PaymentState
from transfers.rules.codes import ALL, Reason
from transfers.rules.matching import Point, Waits
from transfers.rules.money import Destination, MoneyState
from transfers.rules.parties import Named, Role
from transfers.rules.routes import State
from transfers.rules.workdays import ZONE, CalendarRangeError, local_date
from transfers.selectors.console import area_names
from transfers.selectors.expectations import measured_between, measured_pairs
from transfers.selectors.settlements import outstanding
from transfers.sla.ageing import PART_ARRIVED
from transfers.sla.calendars import calendar_for

LOOKERS = (Role.SUPERVISOR, Role.HEAD, Role.AUDITOR)
BANDS = (
    ("calm", Named("0–3 个工作日", "0–3 working days"), 3),
    ("soon", Named("4–10 个工作日", "4–10 working days"), 10),
    ("over", Named("超过 10 个工作日", "more than 10 working days"), None),
)
PAIRS = 10
"""So many area pairs are drawn; the others are summed up."""
OPEN_LINES = (LineState.NEW.value, LineState.QUEUED.value)
UNCONFIRMED = "unconfirmed"
"""The lines that somebody wrote down and the bank has not told, whatever became of them."""
_UNCONFIRMED = Q(file__isnull=True) & ~Q(state=LineState.STRUCK.value)
_HELD = [state.value for state in State if state.info.holds]
_UNDER_WAY = [state.value for state in MoneyState if state.info.stage in (2, 3)]


def finance_of(actor: Actor) -> list[Agency]:
    """The agencies whose finance the actor does, or may look at, by area; their own first."""
    seen = {agency for agency in actor.roles if actor.has(agency, Role.FINANCE, *LOOKERS)}
    rows = Agency.objects.filter(area__pooling=True, valid_to__isnull=True).select_related("area__parent")
    if not (actor.everything and actor.holds(*LOOKERS)):
        rows = rows.filter(pk__in=seen | (actor.below if actor.holds(*LOOKERS) else frozenset()))
    return sorted(rows, key=lambda agency: (not actor.has(agency.pk, Role.FINANCE), agency.area_id))


def looks_at_finance(actor: Actor) -> bool:
    """Whether there is any finance for this actor to do or to look at."""
    return actor.holds(Role.FINANCE, *LOOKERS)


# --- shelves --------------------------------------------------------------------------------------------

Money = QuerySet[Remittance]


@dataclass(frozen=True, slots=True)
class Shelf:
    """Money that waits for the same thing. `pick` narrows what the agency holds, for one person at an instant.

    `bulk`: the step that can be taken for many at once; `batch` makes a batch of payments of them.
    """

    code: str
    named: Named
    empty: Named
    pick: Callable[[int | None, datetime], Q]
    tone: str = "work"
    bulk: str = ""


def _in(*states: MoneyState) -> Q:
    return Q(state__in=[state.value for state in states])


def _choosing(now: datetime) -> Q:
    return _in(MoneyState.FROZEN) & Q(options__len__gt=0, chosen_at__isnull=True, choose_by__gt=now)


_IN_BATCH = Q(
    Exists(
        Payment.objects.filter(case=OuterRef("pk"), state=PaymentState.READY.value, batch__state=BatchState.DRAFT.value)
    )
)
_TO_SEND = (MoneyState.FROZEN, MoneyState.REMIT_FAILED)
SHELVES: tuple[Shelf, ...] = (
    Shelf(
        "propose",
        Named("待申请划转", "To propose"),
        Named("没有待申请划转的资金。", "Nothing to propose."),
        lambda user, now: _in(*_TO_SEND) & ~_choosing(now),
        bulk="batch",
    ),
    Shelf(
        "mine",
        Named("我已申请，未入批次", "Proposed by me, in no batch"),
        Named("没有您申请后未入批次的资金。", "Nothing that you proposed is outside a batch."),
        lambda user, now: _in(MoneyState.REMIT_REVIEW) & Q(maker=user) & ~_IN_BATCH,
        tone="plain",
        bulk="batch",
    ),
    Shelf(
        "approve",
        Named("待复核划出", "To approve"),
        Named("没有待您逐笔复核的划转。", "No single remittance waits for your approval."),
        lambda user, now: _in(MoneyState.REMIT_REVIEW) & ~Q(maker=user) & ~_IN_BATCH,
        bulk="approve_remittance",
    ),
    Shelf(
        "choice",
        Named("待本人选择去向", "Waits for the person's choice"),
        Named("没有等待本人选择的资金。", "Nobody is asked to choose."),
        lambda user, now: _choosing(now),
        tone="plain",
    ),
    Shelf(
        "settle",
        Named("待结算锁定", "To be settled"),
        Named("没有待结算的余额。", "Nothing to settle."),
        lambda user, now: _in(MoneyState.PENDING_SETTLE, MoneyState.SETTLE_HELD),
    ),
    Shelf(
        "year_end",
        Named("年末清算暂停", "Held at year end"),
        Named("没有因年末清算暂停的资金。", "Nothing is held by the year-end settlement."),
        lambda user, now: _in(MoneyState.YEAR_END, MoneyState.REVIEW_HELD),
        tone="plain",
    ),
    Shelf(
        "returned",
        Named("银行退回", "Returned by the bank"),
        Named("没有银行退回的资金。", "The bank has returned nothing."),
        lambda user, now: _in(MoneyState.REMIT_FAILED),
        tone="alarm",
        bulk="batch",
    ),
    Shelf(
        "differs",
        Named("待答复金额不符", "Differences to answer"),
        Named("没有待答复的金额差异。", "No difference waits for an answer."),
        lambda user, now: _in(MoneyState.MISMATCH),
        tone="warn",
    ),
    Shelf(
        "back",
        Named("待确认退回到账", "Coming back, to confirm"),
        Named("没有退回途中的资金。", "Nothing is coming back."),
        lambda user, now: _in(MoneyState.RETURNING),
    ),
    Shelf(
        "paying",
        Named("银行支付中", "Being paid by the bank"),
        Named("没有银行支付中的资金。", "The bank is paying nobody."),
        lambda user, now: _in(MoneyState.PAYING, MoneyState.TO_WALLET),
        tone="plain",
    ),
    Shelf(
        "part",
        Named("部分到账，余款未到", "Part arrived, rest outstanding"),
        Named("没有只到账一部分的资金。", "There is nothing of which only a part has arrived."),
        lambda user, now: PART_ARRIVED,
        tone="warn",
    ),
    Shelf(
        "awaited",
        Named("在途待到账", "Awaited"),
        Named("没有在途资金。", "Nothing is on its way here."),
        lambda user, now: _in(MoneyState.IN_TRANSIT) & ~PART_ARRIVED,
        tone="plain",
    ),
    Shelf(
        "recorded",
        Named("已登记待核对", "Recorded, to be matched"),
        Named("没有手工登记待核对的到账。", "Nothing that was recorded by hand waits."),
        lambda user, now: _in(MoneyState.RECEIVED),
    ),
    Shelf(
        "credit",
        Named("待入账", "To credit"),
        Named("没有待您入账的资金。", "Nothing waits for you to credit it."),
        lambda user, now: _in(MoneyState.MATCHED) & ~Q(matcher=user),
        bulk="credit_account",
    ),
    Shelf(
        "review",
        Named("待复核撤销、追回", "Unmatching and reclaims to review"),
        Named("没有待您复核的撤销匹配或追回。", "No unmatching or reclaim waits for you."),
        lambda user, now: _in(MoneyState.UNMATCH_REVIEW) & ~Q(unmatcher=user) | _in(MoneyState.RECLAIM),
        tone="warn",
    ),
)
BY_CODE = {shelf.code: shelf for shelf in SHELVES}
_CALM = {"mine", "choice", "settle", "year_end", "back", "paying", "awaited", "recorded"}


def on_shelf(shelf: Shelf, agency: int, user: int | None, now: datetime) -> Money:
    """What of the agency's money is on a shelf, what has waited longest first. Of a case that is held, nothing."""
    held = _held_by(agency).filter(shelf.pick(user, now))
    return held.order_by(F("remitted_at").asc(nulls_first=True), "frozen_at", "pk")


def _held_by(agency: int) -> Money:
    return Remittance.objects.filter(
        holder=agency, state__in=[state.value for state in MoneyState if not state.info.settled]
    ).exclude(case__state__in=_HELD)


# --- the home page --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tile:
    """How much waits: cases, lines or batches. `link` is the page's name, `query` what it opens with."""

    code: str
    named: Named
    count: int
    fen: int | None
    link: str
    query: Mapping[str, str] = field(default_factory=dict)
    tone: str = "work"


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a drawing with its figures. `width` is 0 to 100; `since`: the oldest of it.

    `usual`: how long it usually takes between two areas, None where nothing has been measured.
    """

    named: Named
    tone: str
    count: int
    fen: int
    width: int
    since: date | None = None
    out: str = ""
    into: str = ""
    usual: Named | None = None


@dataclass(frozen=True, slots=True)
class Day:
    """The finance home page of one agency."""

    tiles: Sequence[Tile]
    pairs: Sequence[Bar]
    pairs_more: int
    bands: Sequence[Bar]
    unfinished: Sequence[BankFile]


def day_of(agency: Agency, user: int | None, now: datetime) -> Day:
    """What waits at the agency for this person, in a few statements however much it is."""
    money = _held_by(agency.pk).aggregate(
        **{f"{shelf.code}_n": Count("pk", filter=shelf.pick(user, now)) for shelf in SHELVES},
        **{f"{shelf.code}_fen": Sum("amount_fen", filter=shelf.pick(user, now), default=0) for shelf in SHELVES},
    )
    batches = PaymentBatch.objects.filter(agency=agency, state=BatchState.DRAFT.value).aggregate(
        n=Count("pk", filter=~Q(made_by=user)), fen=Sum("total_fen", filter=~Q(made_by=user), default=0)
    )
    sent = Payment.objects.filter(agency=agency, state=PaymentState.SENT.value).aggregate(
        n=Count("pk"), fen=Sum("amount_fen", default=0)
    )
    loose = loose_payments(agency.pk).aggregate(n=Count("pk"), fen=Sum("amount_fen", default=0))
    results = problems(agency.pk).count()
    by_day, matching, returning = _lines(agency, user)
    short, unconfirmed = _written_down(agency)
    tiles = [
        *(_tile(shelf, money) for shelf in SHELVES if shelf.code in ("propose", "approve")),
        Tile("batches", Named("待复核批次", "Batches to approve"), batches["n"], batches["fen"], "batches"),
        *(_tile(shelf, money) for shelf in SHELVES if shelf.code == "returned"),
        Tile(
            "sent",
            Named("银行未回执", "Sent, unanswered"),
            sent["n"],
            sent["fen"],
            "payments",
            {"state": "sent"},
            "plain",
        ),
        Tile("lines", Named("待匹配流水", "Lines to match"), *matching, "lines"),
        *(_tile(shelf, money) for shelf in SHELVES if shelf.code in ("credit", "part", "differs", "review")),
        Tile("refunds", Named("待复核退款", "Returns to review"), *returning, "lines", {"state": "returning"}, "warn"),
        *(_tile(shelf, money) for shelf in SHELVES if shelf.code in _CALM and money[f"{shelf.code}_n"]),
    ]
    if loose["n"]:
        named = Named("待入批次的补汇和退款", "Rests and refunds for a batch")
        tiles.append(Tile("loose", named, loose["n"], loose["fen"], "payments", {"state": "ready"}))
    if results:
        named = Named("回执未能办理", "Results with a problem")
        tiles.append(Tile("results", named, results, None, "files", {}, "alarm"))
    if short[0]:
        named = Named("银行金额少于已匹配", "Less came than was matched")
        tiles.append(Tile("short", named, *short, "lines", {"state": LineState.SHORT.value}, "alarm"))
    if unconfirmed[0]:
        named = Named("人工登记，银行未确认", "Written down, not told by the bank")
        tiles.append(Tile("unconfirmed", named, *unconfirmed, "lines", {"state": UNCONFIRMED}, "warn"))
    tiles += _settling(agency, user)
    pairs, more = _pairs(agency)
    unfinished = list(BankFile.objects.filter(agency=agency, finished_at__isnull=True)[:5])
    return Day(tiles, pairs, more, _bands(agency, by_day, now), unfinished)


def _settling(agency: Agency, user: int | None) -> list[Tile]:
    """What the agency's fund owes for what was credited at once, and what of it waits for this person's approval."""
    owing = [one for one in outstanding([agency.area_id]) if one.outbound == agency.area_id]
    if not owing:
        return []
    fen = sum(one.amount_fen for one in owing)
    tiles = [Tile("owed", Named("待清算地区", "Areas to settle with"), len(owing), fen, "books", tone="plain")]
    to_judge = [one.proposed for one in owing if one.proposed is not None and one.proposed.made_by_id != user]
    if to_judge:
        total = sum(one.amount_fen for one in to_judge)
        tiles.append(Tile("settlements", Named("待复核清算", "Settlements to approve"), len(to_judge), total, "books"))
    return tiles


def _tile(shelf: Shelf, money: Mapping[str, int]) -> Tile:
    count, fen = money[f"{shelf.code}_n"], money[f"{shelf.code}_fen"]
    return Tile(shelf.code, shelf.named, count, fen, "money", {"shelf": shelf.code}, shelf.tone)


def _lines(agency: Agency, user: int | None) -> tuple[list[tuple[date, int, int]], tuple[int, int], tuple[int, int]]:
    """What is open of the agency's lines by day of booking; how much is to match, and to be judged by this person."""
    rest = F("amount_fen") - F("allocated_fen") - F("returned_fen")
    rows = (
        StatementLine.objects.filter(agency=agency)
        .filter(state__in=(*OPEN_LINES, LineState.RETURNING.value))
        .values(day=TruncDate("booked_at", tzinfo=ZONE), waits=F("state"))
        .annotate(n=Count("pk"), fen=Sum(rest), others=Count("pk", filter=~Q(return_by=user)))
        .annotate(others_fen=Sum(rest, filter=~Q(return_by=user), default=0))
        .order_by("day")
    )
    by_day: Counter[date] = Counter()
    fen: Counter[date] = Counter()
    matching, returning = [0, 0], [0, 0]
    for row in rows:
        by_day[row["day"]] += row["n"]
        fen[row["day"]] += row["fen"]
        if row["waits"] == LineState.RETURNING:
            returning = [returning[0] + row["others"], returning[1] + row["others_fen"]]
        else:
            matching = [matching[0] + row["n"], matching[1] + row["fen"]]
    listed = [(day, by_day[day], fen[day]) for day in sorted(by_day)]
    return listed, (matching[0], matching[1]), (returning[0], returning[1])


def _written_down(agency: Agency) -> tuple[tuple[int, int], tuple[int, int]]:
    """Lines that somebody had written down: of which less came than was matched, with what is missing; and those that
    the bank has not told."""
    told = StatementLine.objects.filter(agency=agency).aggregate(
        short=Count("pk", filter=Q(state=LineState.SHORT.value)),
        short_fen=Sum(
            F("allocated_fen") + F("returned_fen") - F("amount_fen"), filter=Q(state=LineState.SHORT.value), default=0
        ),
        waits=Count("pk", filter=_UNCONFIRMED),
        waits_fen=Sum("amount_fen", filter=_UNCONFIRMED, default=0),
    )
    return (told["short"], told["short_fen"]), (told["waits"], told["waits_fen"])


def _bands(agency: Agency, by_day: Iterable[tuple[date, int, int]], now: datetime) -> list[Bar]:
    """How long open lines have waited, in working days of the agency's calendar."""
    calendar, today = calendar_for(agency.area_id), local_date(now)
    counts, fens, since = [0] * len(BANDS), [0] * len(BANDS), [None] * len(BANDS)
    for day, count, fen in by_day:
        try:
            waited = calendar.count(day, today) if day < today else 0
        except CalendarRangeError:
            waited = (today - day).days
        band = next(n for n, (_tone, _named, last) in enumerate(BANDS) if last is None or waited <= last)
        counts[band], fens[band] = counts[band] + count, fens[band] + fen
        since[band] = since[band] or day  # type: ignore[call-overload] # days come in order
    most = max(fens)
    return [
        Bar(named, tone, counts[n], fens[n], _width(fens[n], most), since[n])
        for n, (tone, named, _last) in enumerate(BANDS)
    ]


def _pairs(agency: Agency) -> tuple[list[Bar], int]:
    """What is on its way from and to the agency, by area pair, the largest amounts first."""
    found: dict[tuple[str, str], tuple[int, int, datetime | None]] = {}
    under_way = Remittance.objects.filter(state__in=_UNDER_WAY).order_by()
    for end in ("outbound_agency", "inbound_agency"):
        rows = under_way.filter(**{f"case__{end}": agency}).values_list("case__outbound_area", "case__inbound_area")
        for out, into, count, fen, since in rows.annotate(Count("pk"), Sum("amount_fen"), Min("remitted_at")):
            found[out, into] = (count, fen, since)
    names = area_names()
    ranked = sorted(found.items(), key=lambda pair: -pair[1][1])
    measured = measured_pairs([pair for pair, _figures in ranked[:PAIRS]])
    most = max((fen for _count, fen, _since in found.values()), default=0)
    return [
        Bar(
            Named(*[f"{names.get(out, out)} → {names.get(into, into)}"] * 2),
            "none" if out == agency.area_id else "calm",
            count,
            fen,
            _width(fen, most),
            local_date(since) if since else None,
            out,
            into,
            measured[out, into].brief if (out, into) in measured else None,
        )
        for (out, into), (count, fen, since) in ranked[:PAIRS]
    ], max(len(ranked) - PAIRS, 0)


def _width(part: int, most: int) -> int:
    return max(round(part * 100 / most), 1) if part and most else 0


# --- rows -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MoneyRow:
    """One case's money in a list, in fen. The name is masked."""

    pk: int
    version: int
    number: str
    name: str
    from_area: str
    to_area: str
    state: Named
    destination: Named
    amount_fen: int
    received_fen: int | None
    since: date | None
    reason: Reason | None
    note: str
    who: str


_COLUMNS = (
    *("state", "destination", "amount_fen", "received_fen", "frozen_at", "remitted_at", "received_at", "matched_at"),
    *("trouble_reason", "trouble_note", "case__number", "case__name", "case__version", "case__outbound_area_id"),
    *("case__inbound_area_id", "maker__display_name", "maker__username", "matcher__display_name", "matcher__username"),
)
_TROUBLED = (
    *(MoneyState.REMIT_FAILED, MoneyState.MISMATCH, MoneyState.UNMATCH_REVIEW, MoneyState.RECLAIM),
    MoneyState.RETURNING,
)


def slim(money: Money) -> Money:
    """Only the columns that a row shows."""
    return money.select_related("case", "maker", "matcher").only(*_COLUMNS)


def rows_of(money: Iterable[Remittance]) -> list[MoneyRow]:
    """The lines of a list. Load them with `slim`."""
    names = area_names()
    return [
        MoneyRow(
            pk=one.pk,
            version=one.case.version,
            number=one.case.number,
            name=mask_name(one.case.name),
            from_area=names.get(one.case.outbound_area_id, one.case.outbound_area_id),
            to_area=names.get(one.case.inbound_area_id, one.case.inbound_area_id),
            state=Named(one.info.zh, one.info.en),
            destination=Destination(one.destination).named,
            amount_fen=one.amount_fen,
            received_fen=one.received_fen,
            since=local_date(since) if (since := _since(one)) else None,
            reason=ALL.get(one.trouble_reason) if one.state in _TROUBLED else None,
            note=one.trouble_note if one.state in _TROUBLED else "",
            who=str(one.matcher or one.maker or ""),
        )
        for one in money
    ]


def _since(money: Remittance) -> datetime | None:
    """Since when it stands where it is: matched, arrived in part, sent, or fixed."""
    return money.matched_at or money.received_at or money.remitted_at or money.frozen_at


def payments_in(agency: int, *, state: str = "", reference: str = "") -> QuerySet[Payment]:
    """The agency's payments, the newest first; of one state, or whose reference begins so."""
    rows = Payment.objects.filter(agency=agency).select_related("batch", "payee_agency").order_by("-pk")
    if reference:
        rows = rows.filter(reference__startswith=reference)
    return rows.filter(state=state) if state else rows


def loose_payments(agency: int) -> QuerySet[Payment]:
    """Rests and refunds that are ready and in no batch; what moves the ledger is found by its money line."""
    kinds = (PaymentKind.REST.value, PaymentKind.REFUND.value)
    return Payment.objects.filter(agency=agency, state=PaymentState.READY.value, batch=None, kind__in=kinds)


def problems(agency: int) -> QuerySet[PaymentResult]:
    """Rows of result files that could not be acted upon and that nobody has dealt with."""
    rows = PaymentResult.objects.filter(file__agency=agency, applied_at__isnull=True, problem__isnull=False)
    return rows.select_related("payment", "file").order_by("file_id", "row")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A case to which a line may belong: how likely (0–100), why, and what of the line would be its, in fen.

    `pk` and `version` are None where the case is not one that the agency can match.
    """

    number: str
    score: int
    why: tuple[Named, ...]
    fen: int | None
    pk: int | None
    version: int | None
    name: str = ""
    from_area: str = ""


@dataclass(frozen=True, slots=True)
class LineRow:
    """A line of a statement as the queue shows it. `open_fen`: what nobody has explained yet."""

    line: StatementLine
    state: Named
    reason: Named | None
    open_fen: int
    candidates: tuple[Candidate, ...]


def lines_in(agency: int, *, state: str = "", reason: str = "", file: int | None = None) -> QuerySet[StatementLine]:
    """The agency's lines: those that wait, in one state, all, or UNCONFIRMED; what has waited longest first."""
    rows = StatementLine.objects.filter(agency=agency).select_related("return_by")
    if file is not None:
        return rows.filter(file=file).order_by("row")
    if state == "all":
        return rows.order_by("-booked_at", "-pk")
    if state == UNCONFIRMED:
        return rows.filter(_UNCONFIRMED).order_by("booked_at", "pk")
    rows = rows.filter(state=state) if state else rows.filter(state__in=OPEN_LINES)
    return (rows.filter(reason=reason) if reason else rows).order_by("booked_at", "pk")


def line_rows(lines: Iterable[StatementLine]) -> list[LineRow]:
    """The lines with their candidates, whose cases are loaded at once."""
    listed = list(lines)
    wanted = {found["case"] for line in listed for found in line.candidates}
    cases = TransferCase.objects.filter(pk__in=wanted).only(
        "number", "name", "version", "outbound_area_id", "inbound_agency_id"
    )
    return [
        LineRow(
            line=line,
            state=LineState(line.state).named,
            reason=Waits(line.reason).named if line.reason in set(Waits) else None,
            open_fen=0 if line.state == LineState.STRUCK else line.amount_fen - line.allocated_fen - line.returned_fen,
            candidates=tuple(_candidate(found, line.agency_id, loaded) for found in line.candidates),
        )
        for loaded in [{case.pk: case for case in cases}]
        for line in listed
    ]


def _candidate(found: Mapping[str, object], agency: int, cases: Mapping[int, TransferCase]) -> Candidate:
    case = cases.get(int(str(found["case"])))
    why = tuple(Point(str(code)).named for code in _list(found.get("why")) if code in set(Point))
    fen = found.get("fen")
    ours = case is not None and case.inbound_agency_id == agency
    return Candidate(
        number=str(found["number"]),
        score=int(str(found["score"])),
        why=why,
        fen=int(str(fen)) if fen is not None else None,
        pk=case.pk if case is not None and ours else None,
        version=case.version if case is not None and ours else None,
        name=mask_name(case.name) if case is not None and ours else "",
        from_area=area_names().get(case.outbound_area_id, "") if case is not None else "",
    )


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


# --- one case -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CaseMoney:
    """What the case page shows of the money beside its line. Account numbers are masked by the page.

    `why`: how the policies came to the destination, None where nothing was recorded; `usual`: how long it takes between
    the two areas as measured, while the money is not there; `missing_fen`: what is outstanding where a part is there.
    """

    money: Remittance
    destination: Named
    why: Named | None
    reason: Reason | None
    payments: Sequence[Payment]
    allocations: Sequence[Allocation]
    usual: Named | None
    missing_fen: int


def money_of(case: TransferCase, money: Remittance | None) -> CaseMoney | None:
    """The payments and bank lines of a case, and where its balance goes; None when there is nothing to move."""
    if money is None or money.state == MoneyState.NONE:
        return None
    fixed = CaseEvent.objects.filter(case=case, name__in=("freeze", "keep", "await_settlement")).order_by("-id")
    why = (fixed.values_list("data", flat=True).first() or {}).get("why")
    moves = not money.info.settled and money.destination == Destination.INBOUND
    measured = measured_between(case.outbound_area_id, case.inbound_area_id) if moves else None
    return CaseMoney(
        money=money,
        destination=Destination(money.destination).named,
        why=Named(why["zh"], why["en"]) if why else None,
        reason=ALL.get(money.trouble_reason) if money.state in _TROUBLED else None,
        payments=list(Payment.objects.filter(case=case).order_by("-number")),
        allocations=list(Allocation.objects.filter(case=case).select_related("line", "made_by").order_by("-pk")),
        usual=measured.brief if measured is not None else None,
        missing_fen=money.amount_fen - money.received_fen if money.received_fen and money.matched_at is None else 0,
    )


def lines_for(case: TransferCase, *, limit: int = 50) -> list[StatementLine]:
    """The open lines of the inbound agency from which one may be matched to the case, likely ones first."""
    lines = StatementLine.objects.filter(agency=case.inbound_agency_id, state__in=OPEN_LINES)
    likely = lines.filter(candidates__contains=[{"case": case.pk}]).order_by("pk")
    named = lines.annotate(text=Cast("candidates", TextField())).exclude(text__contains=f'"case": {case.pk},')
    found = list(likely[:limit])
    return found + list(named.order_by("-booked_at", "-pk")[: limit - len(found)])
