"""The home page, the worklist, search and export."""

from __future__ import annotations

import csv
from datetime import timedelta
from io import StringIO

import pytest

from tests.admin.conftest import address
from tests.world import MONDAY, identity_number, person, user
from transfers.access import actor_for
from transfers.admin.worklist import CappedPaginator, harmless
from transfers.models import AccessEvent, TransferCase
from transfers.rules.parties import Role
from transfers.selectors import console

pytestmark = pytest.mark.django_db


def numbers(response) -> list[str]:
    """The case numbers on a page of the worklist, in their order."""
    assert response.status_code == 200
    return [row.number for row in response.context["rows"]]


def shelf(client, code: str, **more: str) -> list[str]:
    return numbers(client.get(address("changelist"), {"shelf": code, **more}))


def at(world, now):
    """Where the clock of the page stands."""


def test_the_shelves_hold_what_waits_for_each(world, signed_in):
    to_claim = world.accepted(1)
    mine = world.carry(world.accepted(2), "claim_out")
    to_review = world.carry(world.accepted(3), "prepare_sheet")
    sent = world.carry(world.accepted(4), "approve_out")
    handler, reviewer = signed_in(world.out_handler), signed_in(world.out_reviewer)
    assert shelf(handler, "claim") == [to_claim.number]
    assert shelf(handler, "mine") == [mine.number]
    assert shelf(handler, "waiting") == [sent.number]
    assert set(shelf(handler, "ours")) == {to_claim.number, mine.number, to_review.number}
    assert shelf(handler, "money") == [sent.number]
    assert shelf(reviewer, "review") == [to_review.number]
    assert shelf(signed_in(world.in_handler), "claim") == [sent.number]
    assert len(shelf(handler, "open")) == 4
    assert shelf(signed_in(world.out_lead), "unclaimed") == [to_claim.number]


def test_nobody_finds_their_own_work_to_review(world, signed_in):
    both = user("both", world.out, (Role.OUT_HANDLER, Role.OUT_REVIEWER))
    case = world.accepted()
    world.take(case, "claim_out", both)
    world.take(case, "prepare_sheet", both)
    assert shelf(signed_in(both), "review") == []
    assert shelf(signed_in(world.out_reviewer), "review") == [case.number]


def test_money_leaves_the_shelf_of_who_proposed_it(world, signed_in):
    case = world.carry(world.accepted(), "propose_remittance")
    assert shelf(signed_in(world.out_handler), "money") == []
    assert shelf(signed_in(world.out_reviewer), "money") == [case.number]


@pytest.mark.parametrize(
    ("days", "code", "words"),
    [
        (0, "ours", "剩余10个工作日"),
        (14, "today", "今日到期"),
        (15, "overdue", "已逾期"),
        (16, "overdue", "已逾期1个工作日"),
    ],
)
def test_due_dates_are_said_in_words_and_colour(world, signed_in, monkeypatch, days, code, words):
    """Accepted on 2026-06-01, due on Monday 2026-06-15."""
    case = world.accepted()
    monkeypatch.setattr("django.utils.timezone.now", lambda: MONDAY + timedelta(days=days))
    client = signed_in(world.out_handler)
    page = client.get(address("changelist"), {"shelf": code})
    assert numbers(page) == [case.number]
    assert words in page.content.decode()
    tone = {"ours": "calm", "today": "today", "overdue": "over"}[code]
    assert f'class="jx-left jx-{tone}"' in page.content.decode()
    others = {"today", "overdue"} - {code}
    assert all(shelf(client, other) == [] for other in others)


def test_rows_come_by_due_date(world, signed_in):
    late, soon = world.accepted(1, now=MONDAY), world.accepted(2, now=MONDAY - timedelta(days=7))
    assert shelf(signed_in(world.out_handler), "claim") == [soon.number, late.number]


def test_filters_narrow_the_shelf(world, signed_in):
    first, second = world.accepted(1), world.carry(world.accepted(2), "claim_out")
    client = signed_in(world.out_handler)
    assert shelf(client, "open", state="OUT_PROCESSING") == [second.number]
    assert set(shelf(client, "open", side="out")) == {first.number, second.number}
    assert shelf(client, "open", side="in") == []
    assert len(shelf(client, "open", side="sideways", state="NONSENSE")) == 2


def test_search_by_number_name_and_identity(world, signed_in):
    case = world.accepted(1, name="测试甲")
    world.accepted(2)
    client = signed_in(world.in_handler)
    case_page = address("change", case.pk)
    for typed in (case.number, case.number.lower(), f" {case.number[:4]}-{case.number[4:]} "):
        assert client.get(address("changelist"), {"q": typed}).headers["Location"] == case_page
    assert case.number in numbers(client.get(address("changelist"), {"q": case.number[:9]}))
    assert len(numbers(client.get(address("changelist"), {"q": "测试"}))) == 2
    assert numbers(client.get(address("changelist"), {"q": "试甲"})) == []
    assert numbers(client.get(address("changelist"), {"q": identity_number(1)})) == [case.number]
    assert numbers(client.get(address("changelist"), {"q": identity_number(1)[:-1]})) == []
    assert numbers(client.get(address("changelist"), {"q": "测试\x00"})) == []


def test_search_finds_closed_cases_too(world, signed_in):
    case = world.carry(world.accepted(), "credit_account")
    client = signed_in(world.in_handler)
    assert shelf(client, "open") == []
    assert shelf(client, "closed") == [case.number]
    assert numbers(client.get(address("changelist"), {"q": "测试甲"})) == [case.number]


def test_names_are_masked_until_asked_for_and_then_written_down(world, signed_in):
    case = world.accepted(1)
    client = signed_in(world.in_handler)
    secrets = ("测试甲", identity_number(1), "13800000001")
    for page in (client.get("/console/"), client.get(address("changelist")), client.get(address("change", case.pk))):
        assert not any(secret in page.content.decode() for secret in secrets)
    assert not AccessEvent.objects.filter(kind="unmask").exists()
    shown = client.post(address("unmask", case.pk))
    assert all(secret in shown.content.decode() for secret in secrets)
    assert "no-store" in shown.headers["Cache-Control"]
    event = AccessEvent.objects.get(kind="unmask")
    assert (event.case_id, event.user_id, event.outcome) == (case.pk, world.in_handler.pk, "shown")
    assert not any(secret in client.get(address("change", case.pk)).content.decode() for secret in secrets)


def test_export_is_masked_recorded_and_harmless(world, signed_in):
    case = world.accepted(1)
    client = signed_in(world.out_handler)
    response = client.post(address("export"), {"shelf": "open"})
    rows = list(csv.reader(StringIO(response.content.decode("utf-8-sig"))))
    assert [row[0] for row in rows[1:]] == [case.number]
    assert rows[1][1] == "测**"
    assert response.headers["Content-Disposition"].startswith("attachment")
    event = AccessEvent.objects.get(kind="export")
    assert (event.user_id, event.detail) == (world.out_handler.pk, "shelf=open rows=1")


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "\r=1", "=cmd|' /C calc'!A0"])
def test_a_formula_is_text(cell):
    assert harmless(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["", "测试", "2026-06-15", "JX2600000000000", "a=b"])
def test_text_stays_as_it_is(cell):
    assert harmless(cell) == cell


def test_counting_stops_at_a_thousand_and_one(world):
    world.accepted()
    counted = CappedPaginator(TransferCase.objects.order_by("id"), 50)
    assert counted.count == 1
    # The statement itself carries the limit, so the table's size does not matter.
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as queries:
        assert CappedPaginator(TransferCase.objects.order_by("id"), 50).count == 1
    assert "LIMIT 1001" in queries[0]["sql"]


def test_the_number_of_statements_does_not_grow(world, signed_in, django_assert_max_num_queries):
    """Home ≤ 12, worklist ≤ 6, case ≤ 36, each the same for one case and for a dozen."""
    world.everyone()
    client = signed_in(world.out_handler)
    case = world.carry(world.accepted(1), "approve_out")
    pages = (("/console/", 12), (f"{address('changelist')}?shelf=open", 6), (address("change", case.pk), 36))
    for round_ in range(2):
        for path, most in pages:
            client.get(path)  # calendars, policies and area names are remembered
            with django_assert_max_num_queries(most):
                client.get(path)
        if not round_:
            for serial in range(2, 13):
                world.carry(world.accepted(serial), "claim_out")


def test_the_home_page_counts_and_links(world, signed_in):
    world.accepted(1)
    mine = world.carry(world.accepted(2), "claim_out")
    page = signed_in(world.out_handler).get("/console/")
    desk = page.context["desk"]
    assert {tile.shelf.code: tile.count for tile in desk.tiles if tile.count} == {
        "mine": 1,
        "claim": 1,
        "ours": 2,
        "open": 2,
    }
    assert [row.number for row in desk.tile("mine").rows] == [mine.number]
    assert sum(bar.count for bar in desk.bars) == 2
    assert "?shelf=claim" in page.content.decode()


def test_somebody_without_an_agency_is_told_so(world, signed_in):
    world.accepted()
    page = signed_in(world.superuser).get("/console/")
    assert page.context["desk"] is None
    assert signed_in(world.superuser).get(address("changelist")).status_code == 404


def test_the_next_case_is_the_most_urgent_one_that_is_theirs(world):
    late = world.accepted(1)
    soon = world.accepted(2, now=MONDAY - timedelta(days=7))
    actor = actor_for(world.out_handler)
    assert console.next_case(actor, MONDAY, after=0).pk == soon.pk
    assert console.next_case(actor, MONDAY, after=soon.pk).pk == late.pk
    assert console.next_case(actor_for(world.out_reviewer), MONDAY, after=0) is None


def test_a_strange_name_is_shown_as_text(world, signed_in):
    """Intake refuses markup in a name; one that got in another way is still only text."""
    made = person(9, name="测试甲")
    case = world.accepted(1)
    case.name = "<b>甲</b>"
    case.version += 0
    case.save(update_fields=["name"])
    page = signed_in(world.out_handler).post(address("unmask", case.pk)).content.decode()
    assert "&lt;b&gt;甲&lt;/b&gt;" in page
    assert "<b>甲</b>" not in page
    assert made.pk


def test_whatever_stands_in_a_row_is_text(world, signed_in):
    """The rows are put together by hand: each of the texts that people write is in one of them."""
    case = world.carry(world.accepted(), "claim_out")
    case.name = '<b>"甲'
    case.save(update_fields=["name"])
    world.out_handler.display_name = "<i>乙&丙</i>"
    world.out_handler.save(update_fields=["display_name"])
    page = signed_in(world.out_lead).get(address("changelist"), {"shelf": "open"}).content.decode()
    assert "<td>&lt;****</td>" in page
    assert "<td>&lt;i&gt;乙&amp;丙&lt;/i&gt;</td>" in page


def test_a_row_says_whose_it_is(world, signed_in):
    """Ours can be ticked and says so, mine too; what lies with others cannot, nor what is closed."""
    mine, theirs = world.carry(world.accepted(1), "claim_out"), world.carry(world.accepted(2), "claim_out")
    sent, closed = world.carry(world.accepted(3), "approve_out"), world.carry(world.accepted(4), "credit_account")
    theirs.owner = world.out_lead
    theirs.save(update_fields=["owner"])
    client = signed_in(world.out_handler)

    def row(case: TransferCase, shelf: str = "open") -> str:
        page = client.get(address("changelist"), {"shelf": shelf}).content.decode()
        found = [row for row in page.split("<tr")[1:] if f">{case.number}<" in row]
        assert len(found) == 1
        return found[0].partition("</tr>")[0]

    tick = f'<input type="checkbox" name="pk" value="{mine.pk}" form="jx-bulk" aria-label="选择{mine.number}">'
    assert row(mine).startswith(f' class="jx-ours" data-testid="row"><td>{tick}</td>')
    assert '<span class="jx-us">我方</span>' in row(mine)
    assert "<td><b>我</b></td>" in row(mine)
    assert f"<td>{world.out_lead}</td>" in row(theirs)
    assert row(sent).startswith(' data-testid="row"><td></td>')
    assert '<span class="jx-acts jx-acts-in">转入地</span></td>' in row(sent)
    assert '<span class="jx-muted">' in row(closed, "closed")
    assert "jx-left" not in row(closed, "closed")


def test_an_identity_number_is_in_no_address(world, signed_in):
    """The search is posted; what stands in the address afterwards, and in its links, is sealed."""
    case = world.accepted()
    client = signed_in(world.out_handler)
    number = identity_number(1)
    for typed in (number, f" {number.lower()} "):
        answer = client.post(address("changelist"), {"q": typed})
        assert answer.status_code == 302
        assert number.lower() not in answer["Location"].lower()
        page = client.get(answer["Location"])
        assert numbers(page) == [case.number]
        assert number.lower() not in page.content.decode().lower()
    # Nothing sensitive: it stays readable, and may be bookmarked.
    assert client.post(address("changelist"), {"q": "测试甲"})["Location"].endswith("?q=%E6%B5%8B%E8%AF%95%E7%94%B2")
    assert numbers(client.get(address("changelist"), {"q": "~nonsense"})) == []
