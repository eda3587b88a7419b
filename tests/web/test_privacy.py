"""What leaks to nobody: who exists, who asks, and what was proved."""

from __future__ import annotations

import re
import threading
from datetime import timedelta

import pytest
from django.db import connection, connections
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import OneTimeCode
from notifications.models import Letter
from tests.web.conftest import TAIL, WRONG_TAIL, look_up, sent_code, verified
from transfers.actions import lookup
from transfers.models import AccessEvent
from transfers.rules import casenumber
from transfers.rules.errors import Refusal
from transfers.web import passes
from transfers.web.origin import origin_of

pytestmark = pytest.mark.django_db

UNKNOWN = casenumber.number(987_654_321, 2026, b"another key, of tests")


def without_token(content: bytes, *typed: str) -> str:
    text = re.sub(r'name="csrfmiddlewaretoken" value="[^"]+"', "", content.decode())
    for number in typed:
        text = text.replace(number, "NUMBER")
    return text


def shape(queries) -> list[str]:
    """The statements with their values taken out."""
    return [re.sub(r"'[^']*'|\b\d+\b|NULL", "?", q["sql"]) for q in queries]


def test_unknown_and_mismatched_are_one_answer_after_the_same_work(world):
    case = world.accepted(now=timezone.now())
    with CaptureQueriesContext(connection) as for_mismatch:
        mismatched = look_up(Client(), case.number, WRONG_TAIL)
    with CaptureQueriesContext(connection) as for_unknown:
        unknown = look_up(Client(), UNKNOWN, WRONG_TAIL)
    assert mismatched.status_code == unknown.status_code == 404
    assert without_token(mismatched.content, case.number) == without_token(unknown.content, UNKNOWN)
    assert "J-LOOKUP" in unknown.content.decode()
    volatile = {"Content-Length"}
    assert {k: v for k, v in mismatched.items() if k not in volatile} == {
        k: v for k, v in unknown.items() if k not in volatile
    }
    assert set(mismatched.cookies) == set(unknown.cookies) == {"csrftoken"}
    assert len(for_mismatch) == len(for_unknown) > 0
    assert [s.split()[0] for s in shape(for_mismatch)] == [s.split()[0] for s in shape(for_unknown)]
    for queries in (for_mismatch, for_unknown):
        (about_cases,) = (statement for statement in shape(queries) if "transfers_" in statement)
        assert "FROM transfers_look_up(" in about_cases


def rows_read(client: Client, number: str, tail: str) -> set[str]:
    """The tables of which a look-up reads rows, as PostgreSQL counts them; the buckets left out."""
    counted = "SELECT relname, coalesce(idx_tup_fetch, 0) + seq_tup_read FROM pg_stat_xact_user_tables"
    with connection.cursor() as cursor:
        cursor.execute(counted)
        before = dict(cursor.fetchall())
        look_up(client, number, tail)
        cursor.execute(counted)
        after = dict(cursor.fetchall())
    return {table for table, rows in after.items() if rows > before.get(table, 0)} - {"accounts_tokenbucket"}


def test_nothing_of_a_case_is_read_before_the_tail_is_right(world):
    """The cost of a case's other rows would tell that there is one."""
    case = world.accepted(now=timezone.now())
    key_and_hash = {"transfers_transfercase", "transfers_person"}
    assert rows_read(Client(), case.number, WRONG_TAIL) == key_and_hash
    assert rows_read(Client(), case.number, TAIL) == {*key_and_hash, "transfers_clock"}  # the control


def test_json_answers_unknown_and_mismatched_alike(world, client):
    case = world.accepted(now=timezone.now())
    bodies = []
    for number in (case.number, UNKNOWN):
        response = client.post("/api/v1/track", {"number": number, "tail": WRONG_TAIL}, content_type="application/json")
        assert response.status_code == 404
        bodies.append({k: v for k, v in response.json().items() if k != "request_id"})
    assert bodies[0] == bodies[1]


def test_asking_for_a_code_answers_the_same_and_sends_only_to_the_right(world, client):
    case = world.accepted(now=timezone.now())
    answers = []
    for number, tail in ((case.number, TAIL), (case.number, WRONG_TAIL), (UNKNOWN, TAIL)):
        response = client.post("/api/v1/track/code", {"number": number, "tail": tail}, content_type="application/json")
        answers.append((response.status_code, response.content, response["Content-Type"]))
    assert answers[0][0] == 202
    assert answers[0] == answers[1] == answers[2]
    assert Letter.objects.filter(template="code").count() == 1
    assert OneTimeCode.objects.count() == 3


def test_a_stranger_cannot_make_the_persons_code_void(world, browser, client):
    case = world.accepted(now=timezone.now())
    look_up(browser, case.number)
    browser.post("/track/code/")
    client.post("/api/v1/track/code", {"number": case.number, "tail": WRONG_TAIL}, content_type="application/json")
    assert browser.post("/track/verify/", {"code": sent_code(case.number)}).status_code == 303


def test_nothing_of_a_case_is_in_any_address(world, browser):
    case = world.accepted(now=timezone.now())
    visited = []
    response = look_up(browser, case.number)
    visited += [response["Location"]]
    visited += [browser.post("/track/code/")["Location"]]
    visited += [browser.post("/track/verify/", {"code": sent_code(case.number)})["Location"]]
    assert visited == ["/track/status/", "/track/status/#code", "/track/status/"]
    for path in ("/track/", "/track/status/"):
        response = browser.get(path)
        assert response["Cache-Control"] == "no-store"
        assert "noindex" in response["X-Robots-Tag"]
        assert not re.search(rf'(?:href|action|src)="[^"]*({case.number}|{TAIL})', response.content.decode())


def test_the_page_needs_no_script_and_no_inline_style(world, browser):
    case = world.accepted(now=timezone.now())
    verified(browser, case.number)
    for path in ("/track/", "/track/status/"):
        response = browser.get(path)
        assert not re.search(r"<script|<style|\sstyle=|\son[a-z]+=", response.content.decode())
        assert "script-src 'self'" in response["Content-Security-Policy"]
        assert "unsafe" not in response["Content-Security-Policy"]


def test_the_pass_is_short_sealed_and_bound_to_its_case(world, browser, time_machine):
    case = world.accepted(now=timezone.now())
    look_up(browser, case.number)
    cookie = browser.cookies[passes.COOKIE]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"], cookie["max-age"]) == (
        True,
        "Strict",
        "/track/",
        900,
    )
    assert case.number not in cookie.value
    forged = cookie.value[:-4] + ("AAAA" if cookie.value[-4:] != "AAAA" else "BBBB")
    for value in (forged, "x", "", "é", "A" * 5000):
        stranger = Client()
        stranger.cookies[passes.COOKIE] = value
        assert stranger.get("/track/status/")["Location"] == "/track/"
    assert browser.get("/track/status/").status_code == 200
    first = browser.cookies[passes.COOKIE].value
    browser.post("/track/code/")
    browser.post("/track/verify/", {"code": sent_code(case.number)})
    assert browser.cookies[passes.COOKIE].value != first
    time_machine.shift(timedelta(minutes=15, seconds=1))
    assert browser.get("/track/status/").status_code == 303


def test_leaving_forgets(world, browser):
    case = world.accepted(now=timezone.now())
    verified(browser, case.number)
    assert browser.post("/track/leave/").status_code == 303
    assert browser.get("/track/status/")["Location"] == "/track/"


def test_steps_need_the_pass_and_a_post(world, browser):
    case = world.accepted(now=timezone.now())
    for path in ("/track/code/", "/track/verify/", "/track/supplement/"):
        assert browser.post(path).status_code == 303
        assert browser.get(path).status_code == 405
    assert not Letter.objects.filter(template="code").exists()
    look_up(browser, case.number)
    assert browser.post("/track/code/").status_code == 303
    assert Letter.objects.filter(template="code").count() == 1


def test_a_forged_post_is_refused(world):
    case = world.accepted(now=timezone.now())
    checked = Client(enforce_csrf_checks=True)
    assert checked.post("/track/", {"number": case.number, "tail": TAIL}).status_code == 403
    token = checked.get("/track/").cookies["csrftoken"].value
    sent = {"number": case.number, "tail": TAIL, "csrfmiddlewaretoken": token}
    assert checked.post("/track/", sent).status_code == 303


@pytest.mark.parametrize(
    ("number", "tail", "code"),
    [
        ("JX2600000000001", TAIL, "J-CASE-NUMBER"),
        ("<script>alert(1)</script>", TAIL, "J-CASE-NUMBER"),
        ("JX26\x0000", TAIL, None),
        ("X" * 41, TAIL, None),
        ("", "", None),
        (UNKNOWN, "12", "J-TAIL"),
        (UNKNOWN, "'; DROP", "J-TAIL"),
    ],
)
def test_bad_input_is_one_sentence_and_costs_nothing(client, number, tail, code):
    response = client.post("/track/", {"number": number, "tail": tail})
    text = response.content.decode()
    assert response.status_code == 400
    assert 'role="alert"' in text
    assert "<script" not in text
    assert code is None or code in text
    assert not AccessEvent.objects.exists()


# --- limits -------------------------------------------------------------------------------------
def test_wrong_tails_are_limited_per_case_for_known_and_unknown_alike(world):
    case = world.accepted(now=timezone.now())
    burst = int(lookup.BY_CASE.capacity // lookup.WRONG)
    for number in (case.number, UNKNOWN):
        client = Client()
        for _ in range(burst):
            assert look_up(client, number, WRONG_TAIL).status_code == 404
        limited = look_up(client, number, WRONG_TAIL)
        assert limited.status_code == 429
        assert int(limited["Retry-After"]) > 0
        assert "J-TOO-MANY" in limited.content.decode()
        # Exhausted, so the right tail tells nothing any more either.
        assert look_up(client, number, TAIL).status_code == 429


def test_right_look_ups_cost_less(world, browser):
    case = world.accepted(now=timezone.now())
    passed = sum(look_up(browser, case.number).status_code == 303 for _ in range(25))
    capacity, wrong = lookup.BY_CASE.capacity, lookup.WRONG
    assert passed == capacity - wrong + 1


def test_an_address_is_limited_across_numbers():
    client = Client()
    burst = int(lookup.BY_ADDRESS.capacity // lookup.WRONG)
    numbers = [casenumber.number(n, 2026, b"another key, of tests") for n in range(burst + 3)]
    answers = [look_up(client, number, WRONG_TAIL).status_code for number in numbers]
    assert answers[:burst] == [404] * burst
    assert 429 in answers[burst:]
    elsewhere = Client(REMOTE_ADDR="198.51.100.7")
    assert look_up(elsewhere, numbers[-1], WRONG_TAIL).status_code == 404
    # A flood leaves one line, not thousands.
    assert AccessEvent.objects.filter(outcome="limited").count() == 1


def test_codes_are_limited(world, browser):
    case = world.accepted(now=timezone.now())
    look_up(browser, case.number)
    answers = [browser.post("/track/code/").status_code for _ in range(4)]
    assert answers == [303, 303, 303, 429]
    assert Letter.objects.filter(template="code").count() == 3


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("charged", "passed"), [(None, 4), (lookup.RIGHT, 12)], ids=["charged first", "control"])
def test_parallel_guesses_get_no_more_than_the_bucket_holds(monkeypatch, charged, passed):
    """Twelve wrong guesses at once. The control charges an attempt as a right one, as if the rest were taken later."""
    if charged is not None:
        monkeypatch.setattr(lookup, "WRONG", charged)
    barrier, codes, now = threading.Barrier(12), [], timezone.now()

    def guess() -> None:
        barrier.wait()
        try:
            lookup.find(UNKNOWN, WRONG_TAIL, origin="198.51.100.1", now=now)
        except Refusal as error:
            codes.append(error.code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=guess) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert (codes.count("J-LOOKUP"), len(codes)) == (passed, 12)


# --- where somebody asks from -------------------------------------------------------------------
@pytest.mark.parametrize(
    ("proxies", "forwarded", "remote", "origin"),
    [
        (0, "198.51.100.1", "203.0.113.9", "203.0.113.9"),
        (1, "198.51.100.1", "10.0.0.1", "198.51.100.1"),
        (1, "6.6.6.6, 198.51.100.1", "10.0.0.1", "198.51.100.1"),
        (2, "6.6.6.6, 198.51.100.1, 10.0.0.2", "10.0.0.1", "198.51.100.1"),
        (2, "198.51.100.1", "10.0.0.1", "198.51.100.1"),
        (1, "", "10.0.0.1", "10.0.0.1"),
        (1, "not an address", "10.0.0.1", "10.0.0.1"),
        (1, "2001:db8:1:2:3:4:5:6", "10.0.0.1", "2001:db8:1:2::/64"),
        (1, "::ffff:198.51.100.1", "10.0.0.1", "198.51.100.1"),
    ],
)
def test_the_address_that_counts(settings, proxies, forwarded, remote, origin):
    settings.TRUSTED_PROXIES = proxies
    request = RequestFactory().get("/track/", HTTP_X_FORWARDED_FOR=forwarded, REMOTE_ADDR=remote)
    assert origin_of(request) == origin


def test_the_trace_holds_no_address(world, browser):
    case = world.accepted(now=timezone.now())
    look_up(browser, case.number)
    event = AccessEvent.objects.get(kind="lookup")
    assert len(bytes(event.origin_hash)) == 32
    assert b"127.0.0.1" not in bytes(event.origin_hash)
