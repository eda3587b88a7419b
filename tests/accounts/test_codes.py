"""One-time codes, and what a guesser meets."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from accounts import codes
from accounts.models import OneTimeCode

NOW = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06d}"


@pytest.mark.django_db
def test_right_once() -> None:
    code = codes.issue("lookup", "C1", now=NOW)
    assert len(code) == 6
    assert code.isdigit()
    assert codes.check("lookup", "C1", f" {code} ", now=NOW) is True
    assert codes.check("lookup", "C1", code, now=NOW) is False


@pytest.mark.django_db
def test_wrong_then_right() -> None:
    code = codes.issue("lookup", "C1", now=NOW)
    assert codes.check("lookup", "C1", wrong(code), now=NOW) is False
    assert codes.check("lookup", "C1", code, now=NOW) is True


@pytest.mark.django_db
@pytest.mark.parametrize(("after", "accepted"), [(299, True), (300, False), (301, False)])
def test_life(after, accepted) -> None:
    code = codes.issue("lookup", "C1", now=NOW)
    assert codes.check("lookup", "C1", code, now=NOW + timedelta(seconds=after)) is accepted


@pytest.mark.django_db
@pytest.mark.parametrize(("failures", "accepted"), [(4, True), (5, False)])
def test_attempts(failures, accepted) -> None:
    code = codes.issue("lookup", "C1", now=NOW)
    for _ in range(failures):
        assert codes.check("lookup", "C1", wrong(code), now=NOW) is False
    assert codes.check("lookup", "C1", code, now=NOW) is accepted


@pytest.mark.django_db
def test_the_newest_replaces_the_older() -> None:
    old = codes.issue("lookup", "C1", now=NOW)
    new = codes.issue("lookup", "C1", now=NOW + timedelta(seconds=1))
    while new == old:
        new = codes.issue("lookup", "C1", now=NOW + timedelta(seconds=1))
    later = NOW + timedelta(seconds=2)
    assert codes.check("lookup", "C1", old, now=later) is False
    assert codes.check("lookup", "C1", new, now=later) is True


@pytest.mark.django_db
def test_a_code_serves_its_purpose_and_subject_only() -> None:
    code = codes.issue("lookup", "C1", now=NOW)
    assert codes.check("sign-in", "C1", code, now=NOW) is False
    assert codes.check("lookup", "C2", code, now=NOW) is False
    assert codes.check("lookup", "C1", code, now=NOW) is True


@pytest.mark.django_db
def test_new_codes_buy_no_more_guesses() -> None:
    guesses = 0
    for _ in range(4):
        code = codes.issue("lookup", "C1", now=NOW)
        for _ in range(5):
            assert codes.check("lookup", "C1", wrong(code), now=NOW) is False
            guesses += 1
    assert guesses == codes.MAX_GUESSES
    code = codes.issue("lookup", "C1", now=NOW)
    assert codes.check("lookup", "C1", code, now=NOW) is False
    # One window later the same subject is served again.
    later = NOW + codes.GUESS_WINDOW
    code = codes.issue("lookup", "C1", now=later)
    assert codes.check("lookup", "C1", code, now=later) is True


@pytest.mark.django_db
def test_right_answers_use_up_no_guesses() -> None:
    for minute in range(30):
        now = NOW + timedelta(minutes=minute)
        assert codes.check("lookup", "C1", codes.issue("lookup", "C1", now=now), now=now) is True


@pytest.mark.django_db
def test_nothing_readable_is_stored() -> None:
    code = codes.issue("lookup", "CASE-NUMBER", now=NOW)
    row = OneTimeCode.objects.get()
    for value in (bytes(row.subject_hash), bytes(row.code_hash)):
        assert len(value) == 32
        assert code.encode() not in value
        assert b"CASE-NUMBER" not in value


@pytest.mark.django_db
def test_an_unknown_subject_costs_the_same_work(django_assert_num_queries) -> None:
    codes.issue("lookup", "known", now=NOW)
    for subject in ("known", "unknown"):
        before = OneTimeCode.objects.filter(attempts__gte=1).count()
        with django_assert_num_queries(1) as seen:
            assert codes.check("lookup", subject, "000000x", now=NOW) is False
        assert "ON CONFLICT" in seen.captured_queries[0]["sql"]
        assert OneTimeCode.objects.filter(attempts__gte=1).count() == before + 1


@pytest.mark.django_db
def test_a_guessed_unknown_subject_opens_nothing_later() -> None:
    assert codes.check("lookup", "C1", "123456", now=NOW) is False
    code = codes.issue("lookup", "C1", now=NOW)
    assert codes.check("lookup", "C1", code, now=NOW) is True


@pytest.mark.django_db
@pytest.mark.parametrize("odd", ["", "\x00", "1" * 10_000, "١٢٣٤٥٦", "\ud800"])
def test_odd_input_is_just_wrong(odd) -> None:
    code = codes.issue("lookup", "C1", now=NOW)
    assert codes.check("lookup", "C1", odd, now=NOW) is False
    assert codes.check("lookup", odd, code, now=NOW) is False
    assert codes.check("lookup", "C1", code, now=NOW) is True


@pytest.mark.django_db
def test_purge_keeps_what_still_counts() -> None:
    codes.issue("lookup", "C1", now=NOW)
    assert codes.purge(now=NOW + timedelta(minutes=6)) == 0
    assert codes.purge(now=NOW + codes.GUESS_WINDOW) == 1


def race(work, threads: int = 8) -> list[bool]:
    """Run `work(barrier)` in threads with a connection each; their answers."""
    answers: list[bool] = []
    barrier = threading.Barrier(threads)

    def run() -> None:
        try:
            answers.append(work(barrier))
        finally:
            connection.close()

    running = [threading.Thread(target=run) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    assert len(answers) == threads
    return answers


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_one_is_let_in() -> None:
    code = codes.issue("lookup", "C1", now=NOW)

    def guess(barrier: threading.Barrier) -> bool:
        barrier.wait()
        return codes.check("lookup", "C1", code, now=NOW)

    assert sum(race(guess, threads=5)) == 1


@pytest.mark.django_db(transaction=True)
def test_control_read_then_write_lets_several_in() -> None:
    """The same race with a check that reads first and writes afterwards goes wrong, so the test above can see."""
    code = codes.issue("lookup", "C1", now=NOW)

    def guess(barrier: threading.Barrier) -> bool:
        row = OneTimeCode.objects.get()
        good = not row.used and bytes(row.code_hash) == codes._hashes("lookup", "C1", code)[1]
        barrier.wait()
        OneTimeCode.objects.update(used=True)
        return good

    assert sum(race(guess, threads=5)) > 1


@pytest.mark.django_db(transaction=True)
def test_many_wrong_guesses_at_once_are_all_counted() -> None:
    code = codes.issue("lookup", "C1", now=NOW)

    def guess(barrier: threading.Barrier) -> bool:
        barrier.wait()
        return codes.check("lookup", "C1", wrong(code), now=NOW)

    assert sum(race(guess, threads=6)) == 0
    assert OneTimeCode.objects.get().attempts == 6
    assert codes.check("lookup", "C1", code, now=NOW) is False
