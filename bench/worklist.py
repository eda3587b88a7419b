"""W4, the worklist: its first page for somebody of one agency, among few cases and among very many.

Two databases of our own: the small one is copied and filled up, so that the agency, its cases and its people are the
same to the row in both. What is measured is the whole answer of the real view, from the middleware to the last byte.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from statistics import median
from typing import Any

import psycopg
from django.contrib import admin
from django.db import connection, connections
from django.db.models import Model
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.test import Client, RequestFactory
from django.utils import timezone
from psycopg import sql

from accounts.crypto import seal_value
from accounts.models import User
from bench.database import fill_schema, own_database
from bench.dataset import catch_up, insert_rows
from bench.harness import Benchmark, Check, Contender, Sample, Target, Unfit
from transfers.access import actor_for
from transfers.admin.worklist import PER_PAGE
from transfers.memory import forget
from transfers.models import Agency, Area, Clock, Membership, Person, TransferCase
from transfers.policies import applying
from transfers.rules.parties import Role
from transfers.rules.workdays import due_instant, local_date
from transfers.selectors import console
from transfers.sla.calendars import calendar_for, edition_for

PAGE = "/console/transfers/transfercase/"
TIMES = 15
SLOW_TIMES = 3

# What a row of the page shows, and nothing around it.
SQL_PAGE = """
SELECT c.id, c.number, c.state, c.name, c.acts, c.holder_id, c.due_at, c.outbound_area_id, c.inbound_area_id,
    u.display_name, r.state, k.counted_until
FROM transfers_transfercase c LEFT JOIN accounts_user u ON u.id = c.owner_id
LEFT JOIN transfers_remittance r ON r.case_id = c.id
LEFT JOIN transfers_clock k ON k.case_id = c.id AND k.status = 'running'
WHERE c.holder_id = %s AND c.closed_at IS NULL AND c.acts <> 'applicant' ORDER BY c.due_at, c.id LIMIT %s
"""


@dataclass(frozen=True, slots=True)
class Place:
    """The agency that is looked at, one of its handlers, and somebody who sees every agency."""

    agency: int
    handler: User
    nation: User


class StockAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """What a project would write in ten minutes: columns, a filter, a hundred rows."""

    list_display = ("number", "state", "name", "holder", "owner", "outbound_area", "inbound_area", "due_at")
    list_filter = ("state",)
    list_per_page = PER_PAGE
    ordering = ("due_at", "id")
    holder: int | None = None

    def get_queryset(self, request: HttpRequest) -> Any:
        rows = super().get_queryset(request).filter(closed_at__isnull=True)
        return rows if self.holder is None else rows.filter(holder=self.holder)


@contextlib.contextmanager
def benchmark(_cases: object, size: dict[str, Any]) -> Iterator[Benchmark]:
    """The benchmark, with its two databases."""
    before = connection.settings_dict["NAME"]
    with contextlib.ExitStack() as stack:
        stack.callback(_use, before)
        few, many = stack.enter_context(own_database()), stack.enter_context(own_database())
        stack.callback(forget)
        _use(few)
        forget()
        fill_schema()
        place = people()
        fill(place, 1, size["of_agency"], agencies=[place.agency])
        others = [agency.pk for agency in working() if agency.pk != place.agency]
        fill(place, size["of_agency"] + 1, size["few"], agencies=others)
        clients = {name: _signed_in(user) for name, user in (("handler", place.handler), ("nation", place.nation))}
        _settle()
        _copy(few, many)
        _use(many)
        with _indexes_afterwards(Person, TransferCase, Clock):
            fill(place, size["few"] + 1, size["many"], agencies=others)
        _settle()

        def page(database: str, client: Client, times: int = TIMES) -> float:
            _use(database)
            return _median_ms(lambda: _rows_shown(client.get(f"{PAGE}?shelf=ours").content), times)

        def ours(_number: int) -> Sample:
            small, large = page(few, clients["handler"]), page(many, clients["handler"])
            return Sample(large, {"ms_among_few": small, "flat": large / small})

        def limit(_number: int) -> Sample:
            _use(many)
            with connection.cursor() as cursor:
                return Sample(_median_ms(lambda: _sql_page(cursor, place.agency), TIMES))

        def stock(holder: int | None, times: int) -> Callable[[int], Sample]:
            view = StockAdmin(TransferCase, admin.AdminSite(name="admin"))
            view.holder = holder

            def measure(_number: int) -> Sample:
                _use(many)
                return Sample(_median_ms(lambda: _stock_page(view, place.nation), times))

            return measure

        yield Benchmark(
            name="W4",
            title=f"worklist, {PER_PAGE} rows",
            unit="ms",
            better="less",
            contenders=[
                Contender("limit", "limit", "the SQL of the page, raw psycopg", limit),
                Contender("stock", "peer", "a stock ModelAdmin, one agency", stock(place.agency, SLOW_TIMES)),
                Contender("stock_all", "peer", "a stock ModelAdmin, all agencies", stock(None, SLOW_TIMES)),
                Contender("ours", "ours", "the worklist of the console, one agency", ours),
                Contender(
                    "nation",
                    "beside",
                    "the worklist of the console, all agencies",
                    lambda _number: Sample(page(many, clients["nation"])),
                ),
            ],
            sizes={
                "cases": size["many"],
                "cases in the small database": size["few"],
                "open cases of the agency": size["of_agency"],
                "agencies": len(others) + 1,
                "requests a round": TIMES,
            },
            targets=[
                Target("first", "a page in at most 45 ms", figure="value", at_most=45),
                Target(
                    "first",
                    f"flat: among {size['many']:,} ÷ among {size['few']:,} at most 1.3",
                    figure="flat",
                    at_most=1.3,
                ),
                Target("far", "at most 3 times the SQL", against="limit", at_least=1 / 3),
            ],
            notes=[
                "Our page comes through all middleware with session, user, memberships, filters and links; the stock "
                "pages are the view and its template alone, which favours them.",
            ],
            checks=lambda: [_same_rows(many, clients["handler"], place), _by_index(many, place), _found(many)],
        )


def _use(name: str) -> None:
    """Let Django's connection be one to this database. What is remembered holds in both of ours, and nowhere else."""
    if connection.settings_dict["NAME"] != name:
        connections.close_all()
        connection.settings_dict["NAME"] = name


def _copy(source: str, target: str) -> None:
    """Make `target` what `source` is."""
    connections.close_all()
    with psycopg.connect(os.environ["DATABASE_URL"].rpartition("/")[0] + "/postgres", autocommit=True) as server:
        server.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(target)))
        server.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(target), sql.Identifier(source)))


@contextlib.contextmanager
def _indexes_afterwards(*models: type[Model]) -> Iterator[None]:
    """Take away the indexes of these tables that no constraint needs, and build them anew when the rows are there:
    a million rows come in three times as fast.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT x.indexrelid::regclass::text, pg_get_indexdef(x.indexrelid) FROM pg_index x "
            "WHERE x.indrelid = ANY(%s::regclass[]) "
            "AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = x.indexrelid)",
            [[model._meta.db_table for model in models]],
        )
        found = cursor.fetchall()
        for name, _definition in found:
            cursor.execute(f"DROP INDEX {name}")
    yield
    with connection.cursor() as cursor:
        for _name, definition in found:
            cursor.execute(definition)


def _settle() -> None:
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
        cursor.execute("CHECKPOINT")


def working() -> list[Agency]:
    """The agencies that take cases, by area."""
    return list(Agency.objects.filter(valid_to__isnull=True, area__pooling=True).order_by("area_id"))


def people() -> Place:
    """The first agency with a handler, and an auditor of the nation."""
    agency = working()[0]
    nation = Agency.objects.filter(area__level=Area.Level.NATION).first() or Agency.objects.create(
        area=Area.objects.get(level=Area.Level.NATION), name="测试"
    )
    handler = User.objects.create(username="handler", display_name="测试经办", is_staff=True)
    watcher = User.objects.create(username="nation", display_name="测试全国", is_staff=True, is_superuser=True)
    for role in (Role.OUT_HANDLER, Role.IN_HANDLER):
        Membership.objects.create(user=handler, agency=agency, role=role)
    Membership.objects.create(user=watcher, agency=nation, role=Role.AUDITOR)
    return Place(agency.pk, handler, watcher)


def _signed_in(user: User) -> Client:
    client = Client(headers={"host": "localhost"})
    client.force_login(user)
    return client


def fill(place: Place, first: int, last: int, *, agencies: list[int]) -> None:
    """Open cases `first` to `last`, with the outbound side, one agency after another; their last days lie in a year."""
    now = timezone.now()
    today = local_date(now)
    calendar = calendar_for("100000")
    due_on = calendar.add(today, 10)
    given = {
        "agencies": agencies,
        "first": first,
        "last": last,
        "policy": applying("100000", today).id,
        "edition": edition_for("100000"),
        "at": now - timedelta(days=1),
        "today": today,
        "due_on": due_on,
        "due_at": due_instant(due_on, None),
        "phone": seal_value("13800000000", context="case.phone"),
        "identity": seal_value("0", context="person.identity_number"),
        "inbound": place.agency if place.agency not in agencies else agencies[0],
    }
    due = "%(due_at)s::timestamptz + (i * 7919 %% 365) * interval '1 day'"
    series = (
        "FROM generate_series(%(first)s::bigint, %(last)s::bigint) i "
        "JOIN transfers_agency o ON o.id = (%(agencies)s::bigint[])[1 + i %% cardinality(%(agencies)s::bigint[])] "
        "JOIN transfers_agency p ON p.id = (SELECT min(id) FROM transfers_agency WHERE id <> o.id AND valid_to IS NULL)"
    )
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        insert_rows(
            cursor,
            Person,
            {
                "id": "i", "identity_number": "%(identity)s", "name": "'测试'",
                "identity_hash": "sha256(i::text::bytea)", "tail_hash": "sha256(('t' || i)::bytea)",
            },
            "FROM generate_series(%(first)s::bigint, %(last)s::bigint) i",
            given,
        )  # fmt: skip
        insert_rows(
            cursor,
            TransferCase,
            {
                "id": "i", "number": "'JX26' || lpad(i::text, 11, '0')", "state": "'ACCEPTED'", "version": "2",
                "person_id": "i", "name": "'测试'", "phone": "%(phone)s", "outbound_area_id": "o.area_id",
                "inbound_area_id": "p.area_id", "outbound_agency_id": "o.id", "inbound_agency_id": "p.id",
                "outbound_scheme": "'310'", "inbound_scheme": "'310'", "applicant": "'self'", "channel": "'platform'",
                "acts": "'out'", "holder_id": "o.id", "outbound_policy_id": "%(policy)s",
                "inbound_policy_id": "%(policy)s", "applied_at": "%(at)s", "accepted_at": "%(at)s",
                "state_since": "%(at)s", "due_at": due,
            },
            series,
            given,
        )  # fmt: skip
        insert_rows(
            cursor,
            Clock,
            {
                "id": "i", "case_id": "i", "kind": "'OUT'", "side": "'out'", "area_id": "o.area_id",
                "agency_id": "o.id", "calendar_id": "%(edition)s", "budget": "10", "started_at": "%(at)s",
                "counted_until": "%(today)s", "due_on": "%(due_on)s", "due_at": due, "next_at": due,
            },
            series,
            given,
        )  # fmt: skip
        cursor.execute("SET session_replication_role = DEFAULT")
        for model in (Person, TransferCase, Clock):
            catch_up(cursor, model)


def _median_ms(do: Callable[[], int], times: int) -> float:
    """The median of so many runs in milliseconds. Raises Unfit when one shows another number of rows."""
    took = []
    for _ in range(times):
        began = time.perf_counter()
        rows = do()
        took.append(time.perf_counter() - began)
        if rows != PER_PAGE:
            raise Unfit(f"{rows} rows instead of {PER_PAGE}")
    return median(took) * 1000


def _rows_shown(page: bytes) -> int:
    return page.count(b'data-testid="row"')


def _sql_page(cursor: Any, agency: int) -> int:
    cursor.execute(SQL_PAGE, [agency, PER_PAGE])
    return len(cursor.fetchall())


def _stock_page(view: StockAdmin, user: User) -> int:
    request: Any = RequestFactory(headers={"host": "localhost"}).get(PAGE)
    request.user = user
    response = view.changelist_view(request)
    assert isinstance(response, TemplateResponse)
    return response.render().content.count(b'class="action-select"') or len(response.context_data["cl"].result_list)


# --- afterwards -----------------------------------------------------------------------------------
def _same_rows(database: str, client: Client, place: Place) -> Check:
    """The page shows what the SQL finds, in its order."""
    _use(database)
    with connection.cursor() as cursor:
        cursor.execute(SQL_PAGE, [place.agency, PER_PAGE])
        wanted = [row[1] for row in cursor.fetchall()]
    page = client.get(f"{PAGE}?shelf=ours").content.decode()
    places = [page.find(f">{number}<") for number in wanted]
    right = -1 not in places and places == sorted(places)
    return Check("the page shows the rows of the SQL in their order", right, f"{len(wanted)} rows", "ours")


def _by_index(database: str, place: Place) -> Check:
    """The worklist reads its own index, also where the planner knows no values."""
    _use(database)
    user = User.objects.get(pk=place.handler.pk)
    plan = console.slim(console.on_shelf(console.OURS, actor_for(user), timezone.now()))[:PER_PAGE].explain()
    right = "case_worklist" in plan and "Seq Scan on transfers_transfercase" not in plan
    return Check("the worklist is read by its partial index", right, plan.splitlines()[0], "ours")


def _found(database: str) -> Check:
    """A public look-up finds its case by the unique number."""
    _use(database)
    plan = TransferCase.objects.filter(number="JX2600000000001").exclude(state="DRAFT").explain()
    right = "Index Scan using transfers_transfercase_number" in plan
    return Check("a look-up finds its case by the unique number", right, plan.splitlines()[0], "ours")
