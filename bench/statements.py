"""W9: statements of the bank, taken in and matched.

Each round has a file of its own, with one line for each case whose money is on its way to one area: most lines carry
the case number, some only payer and amount, a few belong to nobody. They are matched through the door, with versions,
events, postings and all, by two processes as two workers do it, and what does not fit is queued with a reason; then the
file comes a second time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction

from accounts.models import User
from bench.crew import Crew
from bench.dataset import Dataset
from bench.harness import Benchmark, Check, Contender, Sample, Target, Unfit
from transfers.access import actor_for
from transfers.actions.statements import match_new, take_statement
from transfers.models import Allocation, Membership, TransferCase
from transfers.places import agency_with, area_of
from transfers.rules import bankfiles
from transfers.rules.parties import Role
from transfers.rules.workdays import local_date

HANDS = 2
NUMBERED, NOBODY = 90, 2
"""Of a hundred lines so many carry the case number, so many belong to nobody; the others have payer and amount."""


@dataclass(frozen=True, slots=True)
class _Way:
    """The cases whose money is on its way to the one agency: (id, outbound area), in the order of the files."""

    agency: int
    area: str
    sent_at: datetime
    cases: Sequence[tuple[int, str]]
    numbers: Sequence[str]

    def file(self, number: int, lines: int) -> bytes:
        """The statement of one round, counted from 0."""
        rows = []
        for at, (case, area) in enumerate(self.cases[number * lines : (number + 1) * lines], 1):
            numbered, nobody = at % 100 < NUMBERED, at % 100 >= 100 - NOBODY
            rows.append(
                bankfiles.Line(
                    at,
                    f"W9{case:010d}",
                    self.sent_at + timedelta(days=1),
                    f"{area_of(area).name}医疗保障经办机构",
                    "6222000011112222",
                    1 if nobody else amount_fen(case),
                    f"医保转移{self.numbers[case - 1]}-1" if numbered else "医保个人账户转移",
                )
            )
        return bankfiles.write_statement(
            rows, area=self.area, sequence=number + 1, day=local_date(self.sent_at + timedelta(days=1))
        )


def amount_fen(case: int) -> int:
    """What the money of a case is: no two alike, as far as one file goes."""
    return 100_000 + case * 7


@contextmanager
def benchmark(cases: Dataset | None, size: dict[str, Any]) -> Iterator[Benchmark]:
    """Send the money of all cases to one area, and give each round as many of them as there are."""
    assert cases is not None
    way = _on_its_way(cases)
    lines = len(way.cases) // (size["rounds"] + 1)
    clerk = User.objects.create(username="finance", display_name="财务", is_staff=True)
    Membership.objects.create(user=clerk, agency_id=way.agency, role=Role.FINANCE)
    actor, now = actor_for(clerk), way.sent_at + timedelta(days=1, hours=1)
    wanted = sum(at % 100 < 100 - NOBODY for at in range(1, lines + 1))

    with Crew(HANDS) as crew:

        def ours(number: int) -> Sample:
            data = way.file(number, lines)
            began = time.perf_counter()
            taken = take_statement(actor, way.agency, data, now=now)
            imported = time.perf_counter()
            matched = sum(crew.run(_hand, [(way.agency, now)] * HANDS))
            done = time.perf_counter()
            if taken.stored != lines or matched != wanted:
                raise Unfit(f"{taken.stored} lines stored, {matched} matched of {wanted}")
            if not take_statement(actor, way.agency, data, now=now).again or match_new(way.agency, now=now).seen:
                raise Unfit("the file a second time was not left alone")
            more = {"import_s": imported - began, "match_s": done - imported, "again_s": time.perf_counter() - done}
            return Sample(lines / (done - began), {**more, "s_of_100000": (done - began) * 100_000 / lines})

        yield Benchmark(
            name="W9",
            title=f"Statements of {lines:,} lines, taken in and matched",
            unit="lines/s",
            better="more",
            contenders=[Contender("jiexu", "ours", "take_statement, then match_new in two processes", ours)],
            sizes={"lines": lines, "numbered": NUMBERED, "nobody": NOBODY},
            targets=[Target("first", "100,000 lines in two minutes", figure="s_of_100000", at_most=120)],
            checks=_checks,
        )


def _hand(agency: int, now: datetime) -> Callable[[], int]:
    """What one of those who match does; how many lines it matched."""
    return lambda: match_new(agency, now=now).matched


def _checks() -> list[Check]:
    """Nothing lost and nothing doubled, in fen; and no line is another case's."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT sum(amount_fen) FROM transfers_allocation),"
            " (SELECT sum(amount_fen) FROM transfers_ledgerentry WHERE book = 'received'),"
            " (SELECT sum(received_fen) FROM transfers_remittance WHERE state = 'MATCHED'),"
            " (SELECT sum(allocated_fen) FROM transfers_statementline)"
        )
        sums = cursor.fetchone()
        cursor.execute(
            "SELECT count(*) FROM transfers_allocation a JOIN transfers_statementline l ON l.id = a.line_id"
            " WHERE l.bank_reference <> 'W9' || lpad(a.case_id::text, 10, '0')"
        )
        wrong = cursor.fetchone()[0]
    return [
        Check("allocated = in the books = received = taken from lines", len(set(sums)) == 1, f"{sums} fen", "jiexu"),
        Check("no line is another case's", wrong == 0, f"{wrong} of {Allocation.objects.count()}", "jiexu"),
    ]


def _on_its_way(cases: Dataset) -> _Way:
    """All cases go to the inbound area of the first; their relationships are done, and the money was sent."""
    agency = TransferCase.objects.values_list("inbound_agency_id", flat=True).get(pk=1)
    area, sent_at = agency_with(agency).area_id, cases.accepted_at
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(
            "UPDATE transfers_transfercase SET state = 'RELATION_DONE', acts = 'in', inbound_area_id = %s,"
            " inbound_agency_id = %s, holder_id = %s WHERE outbound_area_id <> %s",
            [area, agency, agency, area],
        )
        cursor.execute("UPDATE transfers_clock SET kind = 'FUND'")
        cursor.execute(
            "INSERT INTO transfers_remittance (case_id, state, version, round, amount_fen, settled_fen, payments,"
            " postings, holder_id, destination, options, payee_name, payee_bank, payee_account, payee_relation,"
            " frozen_at, remitted_at, bank_reference, wallet_fen, trouble_reason, trouble_note, held_state)"
            " SELECT id, 'IN_TRANSIT', version, 1, 100000 + id * 7, 0, 1, 2, %s, 'inbound', '{}', '', '', '', '',"
            " %s, %s, '', 0, '', '', '' FROM transfers_transfercase WHERE inbound_agency_id = %s"
            " AND outbound_area_id <> %s",
            [agency, sent_at, sent_at, agency, area],
        )
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    rows = TransferCase.objects.filter(inbound_agency=agency).exclude(outbound_area=area).order_by("pk")
    return _Way(agency, area, sent_at, list(rows.values_list("pk", "outbound_area_id")), cases.numbers)
