"""Statements of the bank: taken in once, and their lines matched to the cases that await them.

A file is taken in whole or not at all. Its lines are then worked on in chunks, each in a transaction of its own: what
is certain is matched through the door, the rest is queued with its candidates and the reason. Whatever has not been
looked at is NEW, so a run that was killed goes on where it stopped, and two at once take turns. Lines that came before
what they belong to, or while that was in doubt, are looked at again for some days.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import structlog
from django.db import connection, transaction
from django.utils import timezone
from psycopg.types.json import Jsonb

from accounts.crypto import seal_value
from transfers.access import SYSTEM, Actor, require_finance
from transfers.actions.adopting import Adopted, adopt, would_adopt
from transfers.actions.door import Done, perform_many
from transfers.actions.lines import WORK
from transfers.memory import remembered
from transfers.models import Allocation, BankAccount, BankFile, StatementLine
from transfers.places import agencies, agency_with, area_of
from transfers.policies import applying
from transfers.rules import bankfiles, matching
from transfers.rules.bank import FileKind, LineState
from transfers.rules.errors import Refusal, refusal
from transfers.rules.matching import Expected, Line, Office, Stands, Verdict, Waits, plain
from transfers.rules.money import MoneyState
from transfers.rules.workdays import local_date
from transfers.sla.ageing import first_reminder

log = structlog.get_logger(__name__)
CHUNK = 1000
LONG = 4 * CHUNK
LOOKED_UP = 10_000
"""So many references are asked for at once: a statement takes 65,535 parameters."""
AGAIN_DAYS = 30
"""For how many days a line is looked at again that came before what it belongs to, or while that was in doubt."""
TRIES = 3
# From here the money may be awaited again: written down, differing, being undone, asked back.
_DOUBTED = (MoneyState.RECEIVED, MoneyState.MISMATCH, MoneyState.UNMATCH_REVIEW, MoneyState.RECLAIM)
_LOCK = 0x4A58_4D41  # "JXMA": one at a time takes in a file of an agency, or looks again
_BLOCK = 0x4A58_4D42  # "JXMB": one at a time works on a block of lines
Tell = Callable[[str, int, int], None]
"""Hears of progress: what is being done, how many lines of how many."""


@dataclass(frozen=True, slots=True)
class Twice:
    """A line of the file that was there before. `differs`: its amount is another one now, so the bank must be asked."""

    row: int
    bank_reference: str
    differs: bool


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a file. `again`: the same file had been taken in before, and nothing was changed.

    `stored` lines are new; `twice` were known from another file; `adopted` had been written down by hand.
    """

    file: BankFile
    stored: int = 0
    twice: tuple[Twice, ...] = ()
    adopted: tuple[Adopted, ...] = ()
    again: bool = False


@dataclass(frozen=True, slots=True)
class Preview:
    """What taking in a file would do. `again`: it has been, and nothing would change."""

    sequence: int
    day: date
    count: int
    total_fen: int
    twice: tuple[Twice, ...]
    again: bool
    adopted: tuple[Adopted, ...] = ()


@dataclass(slots=True)
class Matched:
    """What a run did: lines looked at, matched, queued by reason."""

    seen: int = 0
    matched: int = 0
    queued: dict[Waits, int] = field(default_factory=lambda: defaultdict(int))


# --- taking in ----------------------------------------------------------------------------------------


def preview_statement(
    actor: Actor, agency: int, data: bytes, *, name: str = "", now: datetime | None = None
) -> Preview:
    """Look at a file without taking it in. Refused as `take_statement` would be."""
    require_finance(actor, agency, WORK)
    statement = _read(agency, data, name, now or timezone.now())
    before = _before(agency, statement)
    known = _known(agency, statement.rows) if before is None else ()
    header = statement.header
    adopted = would_adopt(agency, statement.rows) if before is None else ()
    return Preview(
        header.sequence, header.day, header.count, header.total_fen, tuple(known), before is not None, adopted
    )


def take_statement(
    actor: Actor, agency: int, data: bytes, *, name: str = "", now: datetime | None = None, tell: Tell | None = None
) -> Taken:
    """Take in a statement of this agency: all of its lines that are new, or nothing.

    J-NOT-YOURS; J-FILE (with everything that is wrong); J-FILE-GAP, J-FILE-SEQUENCE (not the next one). The same file
    again changes nothing and says so; a line that another file brought is told, and not stored; one that somebody had
    written down becomes the bank's.
    """
    require_finance(actor, agency, WORK)
    now, tell = now or timezone.now(), tell or _silent
    statement = _read(agency, data, name, now)
    with transaction.atomic():
        _take_turns(agency)
        before = _before(agency, statement)
        if before is not None:
            return Taken(before, again=True)
        twice = tuple(_known(agency, statement.rows))
        file = BankFile.objects.create(
            agency_id=agency,
            kind=FileKind.STATEMENT.value,
            sequence=statement.header.sequence,
            digest=statement.digest,
            name=name[:120],
            count=len(statement.rows),
            total_fen=statement.header.total_fen,
            taken_by_id=actor.user_id,
            taken_at=now,
        )
        adopted = adopt(file, statement.rows, now=now)
        known = {one.row for one in twice} | {one.row for one in adopted}
        fresh = [row for row in statement.rows if row.number not in known]
        _store(file, fresh, now, tell)
        new = StatementLine.objects.filter(file=file, state=LineState.NEW.value).count()
        file.done, file.finished_at = file.count - new, None if new else now
        file.save(update_fields=["done", "finished_at"])
    return Taken(file, len(fresh), twice, adopted)


def _silent(_what: str, _done: int, _of: int) -> None:
    """Nobody listens."""


def _read(agency: int, data: bytes, name: str, now: datetime) -> bankfiles.Statement:
    statement = bankfiles.read_statement(data, name=name, now=now)
    if statement.header.area != agency_with(agency).area_id:
        raise bankfiles.file_refusal(name, [bankfiles.problem(1, "other-area")])
    return statement


def _before(agency: int, statement: bankfiles.Statement) -> BankFile | None:
    """The same file, where it was taken in before; else it must be the next one."""
    files = BankFile.objects.filter(agency=agency, kind=FileKind.STATEMENT.value)
    same = files.filter(digest=statement.digest).first()
    if same is not None:
        return same
    last = files.order_by("-sequence").values_list("sequence", flat=True).first() or 0
    found = statement.header.sequence
    if found <= last:
        raise refusal("J-FILE-SEQUENCE", found=found)
    if last and found > last + 1:
        raise refusal("J-FILE-GAP", expected=last + 1, found=found)
    return None


def _known(agency: int, rows: Sequence[bankfiles.Line]) -> Iterator[Twice]:
    """The lines that another file has brought, by the bank's own reference."""
    told = StatementLine.objects.filter(agency=agency, file__isnull=False)
    known: dict[str, int] = {}
    for start in range(0, len(rows), LOOKED_UP):
        references = [row.bank_reference for row in rows[start : start + LOOKED_UP]]
        known |= dict(told.filter(bank_reference__in=references).values_list("bank_reference", "amount_fen"))
    for row in rows:
        if row.bank_reference in known:
            yield Twice(row.number, row.bank_reference, known[row.bank_reference] != row.amount_fen)


def _store(file: BankFile, rows: Sequence[bankfiles.Line], now: datetime, tell: Tell) -> None:
    area, today = agency_with(file.agency_id).area_id, local_date(now)
    first = {day: first_reminder(area, day, today=today) for day in {local_date(row.at) for row in rows}}
    columns = (
        "agency_id, file_id, row, bank_reference, booked_at, payer_name, payer_account, remark, amount_fen,"
        " allocated_fen, returned_fen, state, reason, candidates, return_note, remind_at, reminded"
    )
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY transfers_statementline ({columns}) FROM STDIN") as copy,
    ):
        for done, row in enumerate(rows, 1):
            copy.write_row(
                (
                    *(file.agency_id, file.pk, row.number, row.bank_reference, row.at, row.payer),
                    seal_value(row.account, context="line.payer_account"),
                    *(row.remark, row.amount_fen, 0, 0, LineState.NEW.value, "", "[]", ""),
                    *(first[local_date(row.at)], 0),
                )
            )
            if done % 10_000 == 0 or done == len(rows):
                tell("store", done, len(rows))


def _take_turns(agency: int) -> None:
    """Wait until nobody else works on this agency's lines; held until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK, agency])


# --- matching -----------------------------------------------------------------------------------------


def match_new(agency: int, *, now: datetime | None = None, tell: Tell | None = None) -> Matched:
    """Work through all lines of an agency that nobody has looked at, then look again at those that came early.

    Several may run at once: each takes blocks of lines that no other is working on.
    """
    now, tell, run = now or timezone.now(), tell or _silent, Matched()
    work = _Work(agency, now, run)
    new = StatementLine.objects.filter(agency=agency, state=LineState.NEW.value)
    todo, wait = new.count(), False
    while blocks := _blocks(agency):
        seen = run.seen
        for block in blocks:
            work.block(block, wait=wait)
            tell("match", min(run.seen, todo), todo)
        wait = run.seen == seen  # all that is left is in other hands: after them it is looked at once more
    work.count()
    if todo:
        look_again(agency, now=now, run=run)
    return run


def _blocks(agency: int) -> list[int]:
    """Where the lines are that nobody has looked at: a block is a thousand keys."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT id / %s FROM transfers_statementline WHERE agency_id = %s AND state = 'new' ORDER BY 1",
            [CHUNK, agency],
        )
        return [block for (block,) in cursor.fetchall()]


def look_again(agency: int, *, now: datetime | None = None, run: Matched | None = None) -> Matched:
    """Look again at queued lines that may have come before what they belong to, or while that was in doubt."""
    now, run = now or timezone.now(), run or Matched()
    work = _Work(agency, now, run, deep=True)
    last = 0
    while pks := _queued(agency, last, now):
        last = pks[-1]
        work.chunk(pks)
    return run


def is_long(agency: int) -> bool:
    """Whether more than a few blocks of lines are left that nobody has looked at: worth another process."""
    new = StatementLine.objects.filter(agency=agency, state=LineState.NEW.value)
    return new[LONG:].exists()


def agencies_waiting(*, now: datetime) -> list[int]:
    """The agencies that have lines which the system is to look at, or to look at again."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT agency_id FROM transfers_statementline WHERE state = 'new'"
            " OR (state = 'queued' AND reason = ANY(%s) AND booked_at > %s)",
            [[waits.value for waits in matching.AGAIN], now - timedelta(days=AGAIN_DAYS)],
        )
        return [agency for (agency,) in cursor.fetchall()]


def _queued(agency: int, after: int, now: datetime) -> list[int]:
    lines = StatementLine.objects.filter(
        agency=agency,
        state=LineState.QUEUED.value,
        reason__in=[waits.value for waits in matching.AGAIN],
        booked_at__gt=now - timedelta(days=AGAIN_DAYS),
        pk__gt=after,
    )
    return list(lines.order_by("pk").values_list("pk", flat=True)[:CHUNK])


@dataclass(frozen=True, slots=True)
class _Row:
    """A line as it was read: what is open of it, and what it says."""

    line: Line
    bank_reference: str
    state: str
    reason: str
    file: int | None


@dataclass(frozen=True, slots=True)
class _Match:
    """A line, or a part of it, that shall be a case's."""

    row: _Row
    case: int
    amount_fen: int
    score: int
    why: tuple[str, ...]


_FOUND = """
SELECT c.id, c.number, c.version, c.name, c.outbound_area_id, c.inbound_agency_id, r.state,
    r.amount_fen - COALESCE(r.received_fen, 0), r.received_fen, r.remitted_at
"""
_BY_NUMBER = f"""{_FOUND}, NULL FROM transfers_transfercase c LEFT JOIN transfers_remittance r ON r.case_id = c.id
WHERE c.number = ANY(%s)"""
_BY_AMOUNT = f"""{_FOUND}, NULL FROM unnest(%s::bigint[]) AS v(fen)
JOIN transfers_remittance r ON r.holder_id = %s AND r.state = 'IN_TRANSIT'
    AND (r.amount_fen - COALESCE(r.received_fen, 0)) = v.fen
JOIN transfers_transfercase c ON c.id = r.case_id"""
_BY_NAME = f"""{_FOUND}, NULL FROM transfers_transfercase c JOIN transfers_remittance r ON r.case_id = c.id
WHERE c.name = ANY(%s) AND c.inbound_agency_id = %s AND r.state = 'IN_TRANSIT' AND r.holder_id = c.inbound_agency_id"""
# All that was sent on one day from one area, or in one batch, where it makes exactly one of the amounts.
_TOGETHER = f"""
WITH awaited AS ({_FOUND}, p.batch_id, (r.remitted_at AT TIME ZONE 'Asia/Shanghai')::date AS day,
        r.amount_fen - COALESCE(r.received_fen, 0) AS fen
    FROM transfers_remittance r JOIN transfers_transfercase c ON c.id = r.case_id
    LEFT JOIN transfers_payment p ON p.case_id = c.id AND p.kind = 'remit' AND p.state = 'sent'
    WHERE r.holder_id = %s AND r.state = 'IN_TRANSIT' AND c.outbound_area_id = ANY(%s)),
summed AS (SELECT *, sum(fen) OVER by_day AS of_day, count(*) OVER by_day AS n_day,
        sum(fen) OVER by_batch AS of_batch, count(*) OVER by_batch AS n_batch
    FROM awaited WINDOW by_day AS (PARTITION BY outbound_area_id, day), by_batch AS (PARTITION BY batch_id))
SELECT id, number, version, name, outbound_area_id, inbound_agency_id, state, fen, received_fen, remitted_at, batch_id
FROM summed
WHERE (n_day > 1 AND of_day = ANY(%s)) OR (batch_id IS NOT NULL AND n_batch > 1 AND of_batch = ANY(%s))
"""  # nosec B608 - our own columns


class _Work:
    """One run over the lines of an agency. `deep` also looks by names and for merged payments, which takes longer."""

    def __init__(self, agency: int, now: datetime, run: Matched, *, deep: bool = False) -> None:
        self.agency, self.now, self.run, self.deep = agency, now, run, deep
        area = agency_with(agency).area
        self.here = _names(area.code)
        self.threshold = applying(area.code, local_date(now)).policy.match_threshold
        self.offices = _offices()
        self.versions: dict[int, int] = {}
        self.tries: dict[int, int] = defaultdict(int)
        self.taken = 0

    def block(self, block: int, *, wait: bool) -> None:
        """Work on the new lines of a block, unless somebody else does; or after them."""
        take = "pg_advisory_xact_lock" if wait else "pg_try_advisory_xact_lock"

        def rows() -> list[_Row]:
            with connection.cursor() as cursor:
                cursor.execute(f"SELECT {take}(%s, %s)", [_BLOCK, block % 2**31])  # nosec B608 - one of two names
                if cursor.fetchone() == (False,):
                    return []
            return self._rows(state=LineState.NEW.value, pk__gte=block * CHUNK, pk__lt=(block + 1) * CHUNK)

        self._work_on(rows)

    def chunk(self, pks: Sequence[int]) -> None:
        """Look again at queued lines."""

        def rows() -> list[_Row]:
            _take_turns(self.agency)
            return self._rows(state=LineState.QUEUED.value, pk__in=pks)

        self._work_on(rows)

    def _work_on(self, rows: Callable[[], list[_Row]]) -> None:
        """Settle lines in one transaction. What could not be settled now stays as it was."""
        try:
            with transaction.atomic():
                if found := rows():
                    self._settle(found)
        except Refusal as error:
            # Somebody took one of these lines meanwhile: what is left is read anew.
            log.info("lines_taken_meanwhile", agency=self.agency, code=error.code)
            self.taken += 1
            if self.taken > TRIES:
                raise

    def _rows(self, **which: Any) -> list[_Row]:
        found = StatementLine.objects.filter(agency=self.agency, **which).values_list(
            *("pk", "payer_name", "remark", "amount_fen", "allocated_fen", "returned_fen", "booked_at"),
            *("bank_reference", "state", "reason", "file_id"),
        )
        return [
            _Row(Line(pk, payer, remark, amount - allocated - returned, local_date(at), self.here), *rest)
            for pk, payer, remark, amount, allocated, returned, at, *rest in found.order_by("booked_at", "pk")
        ]

    def _settle(self, rows: Sequence[_Row]) -> None:
        judged = [(row, self._judge(row.line, found)) for row, found in self._candidates(rows)]
        # Whoever names a case comes before those who only have its amount.
        judged.sort(key=lambda pair: not matching.read(pair[0].line.remark).numbers)
        matches: list[_Match] = []
        later: set[int] = set()
        busy: set[int] = set()
        for row, verdict in judged:
            cases = {one.expected.case for one in verdict.matched}
            if cases & busy:
                later.add(row.line.key)  # another line is this case's: judge this one when that has been done
                continue
            busy |= cases
            matches += [
                _Match(row, one.expected.case, one.share_fen, one.score, tuple(point.value for point in one.why))
                for one in verdict.matched
            ]
        refused = self._match(matches)
        for row, _verdict in judged:
            if row.line.key in refused:
                self.tries[row.line.key] += 1
                if self.tries[row.line.key] < TRIES:
                    later.add(row.line.key)
        queued = [
            (row, Waits.REFUSED if verdict.matched else verdict.reason or Waits.NONE, verdict)
            for row, verdict in judged
            if (not verdict.matched or row.line.key in refused) and row.line.key not in later
        ]
        self._queue(queued)
        settled = [row for row, _verdict in judged if row.line.key not in later]
        self.run.seen += len(settled)
        self.run.matched += sum(1 for row, verdict in judged if verdict.matched and row.line.key not in refused | later)
        self.count()

    def _judge(self, line: Line, found: Iterable[Expected]) -> Verdict:
        return matching.judge(line, list(found), threshold=self.threshold)

    # --- what a line may belong to

    def _candidates(self, rows: Sequence[_Row]) -> list[tuple[_Row, list[Expected]]]:
        numbers = {row.line.key: matching.read(row.line.remark).numbers for row in rows}
        by_number = {one.number: one for one in self._find(_BY_NUMBER, [sorted(set().union(*numbers.values()))])}
        without = [row for row in rows if not numbers[row.line.key]]
        by_amount: dict[int, list[Expected]] = defaultdict(list)
        for one in self._find(_BY_AMOUNT, [sorted({row.line.amount_fen for row in without}), self.agency]):
            by_amount[one.outstanding_fen].append(one)
        found = {
            row.line.key: [by_number[number] for number in numbers[row.line.key] if number in by_number]
            or ([] if numbers[row.line.key] else by_amount[row.line.amount_fen])
            for row in rows
        }
        if self.deep:
            self._look_deeper([row for row in without if not found[row.line.key]], found)
        return [(row, found[row.line.key]) for row in rows]

    def _look_deeper(self, rows: Sequence[_Row], found: dict[int, list[Expected]]) -> None:
        """For lines whose amount fits nobody: the people that they name, and payments that may have been merged."""
        names = {row.line.key: matching.names_in(row.line) for row in rows}
        by_name: dict[str, list[Expected]] = defaultdict(list)
        for one in self._find(_BY_NAME, [sorted(frozenset().union(*names.values())), self.agency]) if rows else ():
            by_name[one.name].append(one)
        areas = {row.line.key: self._areas(row.line) for row in rows}
        wanted = [row for row in rows if areas[row.line.key]]
        together: dict[str, list[Expected]] = defaultdict(list)
        if wanted:
            amounts = sorted({row.line.amount_fen for row in wanted})
            every = sorted(frozenset().union(*areas.values()))
            for one in self._find(_TOGETHER, [self.agency, every, amounts, amounts]):
                together[one.office.area].append(one)
        for row in rows:
            key = row.line.key
            found[key] = [one for name in names[key] for one in by_name[name]]
            found[key] += [one for area in areas[key] for one in together[area]]

    def _areas(self, line: Line) -> frozenset[str]:
        """The outbound areas that a line tells: by its payer, else by whatever it names."""
        payer = plain(line.payer)
        by_payer = frozenset(office.area for office in self.offices.values() if payer in office.payers)
        text = f"{line.payer} {line.remark}"
        return by_payer or frozenset(
            office.area for office in self.offices.values() if any(place in text for place in office.places)
        )

    def _find(self, sql: str, arguments: list[Any]) -> list[Expected]:
        with connection.cursor() as cursor:
            cursor.execute(sql, arguments)
            rows = cursor.fetchall()
        found = []
        parts = self._parts([case for case, *_more, received, _sent, _batch in rows if received])
        for case, number, version, name, area, inbound, money, fen, _received, sent, batch in rows:
            self.versions[case] = version
            stands = self._stands(inbound, money)
            when = local_date(sent) if sent else None
            arrived = frozenset(parts.get(case, ()))
            found.append(Expected(case, number, name, self.offices[area], fen or 0, when, batch, stands, arrived))
        return found

    def _parts(self, cases: Sequence[int]) -> dict[int, list[tuple[str, int]]]:
        """The lines of which a part is a case's already: case -> who paid how much."""
        found: dict[int, list[tuple[str, int]]] = defaultdict(list)
        if cases:
            live = Allocation.objects.filter(case__in=cases, undone_at=None)
            for case, payer, fen in live.values_list("case_id", "line__payer_name", "line__amount_fen"):
                found[case].append((plain(payer), fen))
        return found

    def _stands(self, inbound: int, money: str | None) -> Stands:
        if inbound != self.agency:
            return Stands.ELSEWHERE
        if money == MoneyState.IN_TRANSIT:
            return Stands.AWAITED
        if money in _DOUBTED:
            return Stands.DOUBTED
        return Stands.NOT_SENT if money is None or MoneyState(money).info.here else Stands.ENDED

    # --- what becomes of it

    def _match(self, matches: Sequence[_Match]) -> set[int]:
        """Take the matches through the door; the lines of those that were refused."""
        answers = perform_many(
            [
                (
                    match.case,
                    self.versions[match.case],
                    {
                        "line": match.row.line.key,
                        "amount_fen": match.amount_fen,
                        "bank_reference": match.row.bank_reference,
                        "score": match.score,
                        "why": list(match.why),
                    },
                )
                for match in matches
            ],
            "auto_match",
            SYSTEM,
            now=self.now,
        )
        refused = set()
        for match, answer in zip(matches, answers, strict=True):
            if isinstance(answer, Done):
                self.versions[match.case] = answer.case.version
            else:
                log.info("match_refused", line=match.row.line.key, case=match.case, code=answer.code)
                refused.add(match.row.line.key)
        return refused

    def _queue(self, queued: Sequence[tuple[_Row, Waits, Verdict]]) -> None:
        """Let lines wait for a person, with why and for which cases."""
        for row, reason, _verdict in queued:
            if row.reason != reason:
                self.run.queued[reason] += 1
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE transfers_statementline l SET state = 'queued', reason = v.reason, candidates = v.candidates"
                " FROM unnest(%s::bigint[], %s::text[], %s::jsonb[]) AS v(id, reason, candidates)"
                " WHERE l.id = v.id AND l.state IN ('new', 'queued')",
                [
                    [row.line.key for row, _reason, _verdict in queued],
                    [reason.value for _row, reason, _verdict in queued],
                    [Jsonb([one.told() for one in verdict.candidates]) for _row, _reason, verdict in queued],
                ],
            )

    def count(self) -> None:
        """Say of each file how far it has been worked on: what is not new any more has been looked at, by whomever."""
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE transfers_bankfile f SET done = f.count - w.n,"
                " finished_at = CASE WHEN w.n = 0 THEN %s ELSE f.finished_at END"
                " FROM (SELECT o.id, count(l.id) AS n FROM transfers_bankfile o"
                " LEFT JOIN transfers_statementline l ON l.file_id = o.id AND l.state = 'new'"
                " WHERE o.agency_id = %s AND o.kind = 'statement' AND o.finished_at IS NULL GROUP BY o.id) w"
                " WHERE f.id = w.id AND f.done <= f.count - w.n",
                [self.now, self.agency],
            )


def _names(code: str) -> tuple[str, ...]:
    """How people name an area, and its province."""
    area = area_of(code)
    around = [area.parent] if area.parent is not None and area.parent.level != area.Level.NATION else []
    return tuple(name for one in (area, *around) for name in (one.name, one.short_name) if len(name) > 1)


@remembered
def _offices() -> dict[str, Office]:
    """Every area as bank lines may call it: its names, its agency's, and those of the accounts that it has had.

    From memory, as it is the same for the lines of every agency: a new account's name counts half a minute later.
    """
    accounts: dict[int, list[str]] = defaultdict(list)
    for key, name in BankAccount.objects.exclude(checked_at=None).values_list("agency_id", "name"):
        accounts[key].append(name)
    found = {}
    for agency in agencies():
        names = _names(agency.area_id)
        payers = frozenset(plain(name) for name in (agency.name, *accounts[agency.pk]))
        found[agency.area_id] = Office(agency.area_id, payers, names[:2], names[2:])
    return found
