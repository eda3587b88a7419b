"""What a simulated time came to, as JSON data. Nothing in it depends on when or how fast it was made."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Sum

from simulate.cases import explained
from simulate.checks import Books, Limit, alarms_and_events, doubled_letters, unsent_letters
from simulate.country import Country
from simulate.scenario import Scenario
from transfers.models import Alarm, CaseEvent, Payment, Remittance, TransferCase
from transfers.places import lineage
from transfers.rules.routes import ClockKind
from transfers.rules.workdays import local_date
from transfers.selectors.reconciliation import reconcile
from transfers.selectors.verify import problems
from transfers.sla.calendars import calendar_for

TOLD = 20
"""How many of what is wrong are named."""


def figures(country: Country, end: datetime, scenario: Scenario) -> dict[str, Any]:
    """Everything. `ok` says whether all that must hold does."""
    books = Books(end)
    where, unexplained = explained()
    wrong, doubled, broken = list(books.wrong()), doubled_letters(), problems(now=end)
    last = reconcile(local_date(end), now=end)
    alarms, events = alarms_and_events()
    unsent = unsent_letters(end)
    holds = {
        "verify finds nothing": not broken,
        "every limit has exactly its reminders and escalations": not wrong and alarms == events,
        "no letter is there twice, and none was handed over twice": not doubled and not country.gateway.again,
        "every letter that was due was handed over": not unsent and not country.gateway.counted["failed"],
        "every case is explained": not unexplained,
        "every night and the last day reconcile without difference": last.ok
        and all(ok for _d, ok, _n in country.books),
    }
    return {
        "asked": {
            "areas": scenario.areas,
            "days": scenario.days,
            "per_day": scenario.per_day,
            "seed": scenario.seed,
            "from": scenario.first.isoformat(),
            "shortened": {code: dict(values) for code, values in sorted(scenario.shortened.items())},
        },
        "areas": len(country.offices),
        "until": end.isoformat(),
        "cases": dict(sorted(where.items(), key=lambda item: (-item[1], item[0]))),
        "shares": _shares(country),
        "breaches": _breaches(books),
        "alarms": _alarms(books),
        "money": _money(country),
        "letters": _letters(country),
        "by_day": _by_day(country, books),
        "by_area": _by_area(country, books, scenario),
        "steps": dict(sorted((str(step), count) for step, count in country.taken.items())),
        "refused": dict(sorted((step, count) for step, count in country.refused.items() if count)),
        "holds": holds,
        "wrong": {
            "verify": [f"{one.invariant} {one.subject}: {one.en}" for one in broken[:TOLD]],
            "alarms": wrong[:TOLD],
            "alarms_and_events": [alarms, events],
            "letters": doubled[:TOLD],
            "letters_unsent": unsent,
            "cases": unexplained[:TOLD],
            "books": [one.en for one in last.differences[:TOLD]],
        },
        "ok": all(holds.values()),
    }


def _share(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 0.0


def _shares(country: Country) -> dict[str, dict[str, Any]]:
    """What was assumed as a share, as it came out: how many of how many."""
    taken, bank = country.taken, country.bank.counted
    applied, accepted = sum(country.arrived.values()), len(country.fates)
    lines = sum(bank[kind] for kind in ("plain", "merged", "split", "doubled", "less", "more"))
    found = {
        "prechecks that failed": (taken["NOT_ACCEPTED"], applied),
        "supplements": (taken["request_supplement"], accepted),
        "returns": (taken["return_soft"] + taken["return_hard"], accepted),
        "clarifications": (taken["raise_query"], accepted),
        "withdrawals asked for": (taken["request_withdrawal"], accepted),
        "amounts that differ": (bank["less"] + bank["more"], lines),
        "returned by the bank": (bank["returned"], bank["payments"] - bank["refunds"]),
    }
    return {what: {"count": n, "of": of, "share": _share(n, of)} for what, (n, of) in found.items()}


def _days_late(limit: Limit, end: datetime) -> int:
    return max(limit.used_at(end) - limit.budget, 0)


def _breaches(books: Books) -> dict[str, dict[str, Any]]:
    """By kind of limit: how many there were, how many were not met, and by how many working days."""
    counted = Counter(limit.kind for limit in books.limits)
    late: dict[str, list[int]] = defaultdict(list)
    for limit in books.late:
        late[limit.kind].append(_days_late(limit, books.end))
    return {
        kind.value: {
            "named": kind.named.en,
            "limits": counted[kind],
            "breached": len(late[kind]),
            "share": _share(len(late[kind]), counted[kind]),
            "mean_days_late": round(sum(late[kind]) / len(late[kind]), 2) if late[kind] else 0.0,
            "most_days_late": max(late[kind], default=0),
        }
        for kind in ClockKind
        if counted[kind]
    }


def _alarms(books: Books) -> list[dict[str, Any]]:
    """By rung, in the order of the ladder: how often it fired, and to whom."""
    counted: Counter[tuple[str, str]] = Counter()
    rungs: dict[tuple[str, str], Any] = {}
    for limit in books.limits:
        for rung in books.ladder(limit):
            rungs.setdefault((limit.kind, rung.code), rung)
        counted.update((limit.kind, code) for code in limit.fired)
    return [
        {
            "limit": kind,
            "rung": code,
            "to": list(rung.to),
            "kind": "escalation" if rung.escalates else "reminder",
            "fired": counted[kind, code],
        }
        for (kind, code), rung in sorted(rungs.items(), key=lambda item: (item[0][0], item[1].at, item[0][1]))
    ]


def _money(country: Country) -> dict[str, Any]:
    """Amounts in fen."""
    states = Remittance.objects.values_list("state").annotate(n=Count("pk"), fen=Sum("amount_fen")).order_by("state")
    payments = Payment.objects.values_list("kind", "state").annotate(n=Count("pk"), fen=Sum("amount_fen"))
    return {
        "balances_by_state": {state: {"cases": n, "fen": fen} for state, n, fen in states},
        "payments": {
            f"{kind} {state}": {"payments": n, "fen": fen} for kind, state, n, fen in payments.order_by("kind", "state")
        },
        "batches": country.taken["batches"],
        "bank": dict(sorted(country.bank.counted.items())),
        "lines_by_hand": country.taken["lines by hand"],
        "lines_sent_back": country.taken["lines sent back"],
        "nights": len(country.books),
    }


def _letters(country: Country) -> dict[str, int]:
    return {
        "letters": country.gateway.counted["letters"],
        "messages": country.gateway.counted["messages"],
        "morning_digests": country.letters["morning"],
    }


def _by_day(country: Country, books: Books) -> list[dict[str, Any]]:
    """What happened on each day, and how many cases were open at its end."""
    done: dict[str, Counter[Any]] = defaultdict(Counter)
    for name in ("accept", "approve_out", "approve_in"):
        ats = CaseEvent.objects.filter(name=name).values_list("at", flat=True)
        done[name].update(local_date(at) for at in ats.iterator())
    done["closed"].update(
        local_date(at)
        for at in TransferCase.objects.filter(closed_at__isnull=False, accepted_at__isnull=False)
        .values_list("closed_at", flat=True)
        .iterator()
    )
    escalating = {(limit.kind, rung.code) for limit in books.limits for rung in books.ladder(limit) if rung.escalates}
    for kind, code, at in Alarm.objects.values_list("clock__kind", "rung", "fired_at").iterator():
        done["escalations" if (kind, code) in escalating else "reminders"][local_date(at)] += 1
    done["breached"].update(limit.due_on + timedelta(days=1) for limit in books.late)
    opened, found = 0, []
    calendar = calendar_for("100000")
    for day, applied in sorted(country.arrived.items()):
        opened += done["accept"][day] - done["closed"][day]
        found.append(
            {
                "day": day.isoformat(),
                "working": calendar.is_working(day),
                "applied": applied,
                "accepted": done["accept"][day],
                "sent_out": done["approve_out"][day],
                "taken_over": done["approve_in"][day],
                "closed": done["closed"][day],
                "open": opened,
                "breached": done["breached"][day],
                "reminders": done["reminders"][day],
                "escalations": done["escalations"][day],
            }
        )
    return found


def _by_area(country: Country, books: Books, scenario: Scenario) -> list[dict[str, Any]]:
    """One row for each area, by code."""
    cases = {
        side: dict(
            TransferCase.objects.filter(accepted_at__isnull=False)
            .values_list(f"{side}bound_area")
            .annotate(n=Count("pk"))
            .order_by()
        )
        for side in ("out", "in")
    }
    credited = Remittance.objects.filter(state="CREDITED").values_list("case__inbound_area")
    fen = dict(credited.annotate(fen=Sum("amount_fen")).order_by())
    counted: dict[str, Counter[str]] = defaultdict(Counter)
    for limit in books.limits:
        mine, escalates = counted[limit.area], {rung.code for rung in books.ladder(limit) if rung.escalates}
        mine[f"{limit.kind} limits"] += 1
        if limit.stopped_at is not None:
            mine[f"{limit.kind} stopped"] += 1
            mine[f"{limit.kind} used"] += limit.used
        for code in limit.fired:
            mine["escalations" if code in escalates else "reminders"] += 1
    for limit in books.late:
        counted[limit.area][f"{limit.kind} late" if limit.kind in ("OUT", "IN") else "other late"] += 1
    return [
        {
            **_area(country, office, cases, counted[office.area], fen.get(office.area, 0)),
            "shortened": bool(set(lineage(office.area)) & scenario.shortened.keys()),
        }
        for office in country.offices
    ]


def _area(
    country: Country, office: Any, cases: Mapping[str, Mapping[str, int]], mine: Mapping[str, int], fen: int
) -> dict[str, Any]:
    def mean(kind: str) -> float:
        stopped = mine.get(f"{kind} stopped", 0)
        return round(mine.get(f"{kind} used", 0) / stopped, 2) if stopped else 0.0

    pace = country.pace[office.pk]
    return {
        "code": office.area,
        "name": office.agency.area.name,
        "slow": pace.slow,
        "a_day": pace.a_day,
        "out_cases": cases["out"].get(office.area, 0),
        "out_breaches": mine.get("OUT late", 0),
        "out_mean_days": mean("OUT"),
        "in_cases": cases["in"].get(office.area, 0),
        "in_breaches": mine.get("IN late", 0),
        "in_mean_days": mean("IN"),
        "other_breaches": mine.get("other late", 0),
        "reminders": mine.get("reminders", 0),
        "escalations": mine.get("escalations", 0),
        "credited_fen": fen,
    }
