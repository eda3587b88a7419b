"""Token buckets: the arithmetic against a plain model, and the same under concurrency."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts import buckets
from accounts.models import TokenBucket
from tests.accounts.test_codes import race

NOW = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)


@pytest.mark.django_db
def test_capacity_then_refusal_then_refill() -> None:
    takes = [buckets.take("a", capacity=3, per_second=0.5, now=NOW) for _ in range(4)]
    assert [taken.allowed for taken in takes] == [True, True, True, False]
    assert takes[3].retry_after == pytest.approx(2.0)
    assert takes[0].retry_after == 0
    just_before = NOW + timedelta(seconds=1.9)
    assert buckets.take("a", capacity=3, per_second=0.5, now=just_before).allowed is False
    assert buckets.take("a", capacity=3, per_second=0.5, now=NOW + timedelta(seconds=2)).allowed is True
    assert buckets.take("a", capacity=3, per_second=0.5, now=NOW + timedelta(seconds=2)).allowed is False


@pytest.mark.django_db
def test_a_refused_take_costs_nothing() -> None:
    assert buckets.take("a", capacity=10, per_second=1, now=NOW, cost=8).allowed
    assert not buckets.take("a", capacity=10, per_second=1, now=NOW, cost=3).allowed
    assert buckets.take("a", capacity=10, per_second=1, now=NOW, cost=2).allowed


@pytest.mark.django_db
def test_keys_are_apart_and_unreadable() -> None:
    assert buckets.take("203.0.113.7", capacity=1, per_second=1, now=NOW).allowed
    assert buckets.take("203.0.113.8", capacity=1, per_second=1, now=NOW).allowed
    assert all(b"203.0.113" not in bytes(row.key_hash) for row in TokenBucket.objects.all())


@pytest.mark.django_db
def test_a_clock_that_steps_back_changes_nothing() -> None:
    assert buckets.take("a", capacity=1, per_second=1, now=NOW).allowed
    back = buckets.take("a", capacity=1, per_second=1, now=NOW - timedelta(hours=1))
    assert (back.allowed, back.retry_after) == (False, pytest.approx(1.0))
    assert buckets.take("a", capacity=1, per_second=1, now=NOW + timedelta(seconds=1)).allowed


@pytest.mark.parametrize(
    ("capacity", "per_second", "cost"), [(0, 1, 1), (1, 0, 1), (1, 1, 2), (1, 1, 0), (float("inf"), 1, 1), (1, -1, 1)]
)
def test_impossible_buckets_are_refused(capacity, per_second, cost) -> None:
    with pytest.raises(ValueError, match="bucket"):
        buckets.take("a", capacity=capacity, per_second=per_second, now=NOW, cost=cost)


@pytest.mark.django_db
def test_purge_deletes_only_full_buckets() -> None:
    buckets.take("a", capacity=10, per_second=1, now=NOW, cost=5)
    assert buckets.purge(now=NOW + timedelta(seconds=4.9)) == 0
    assert buckets.purge(now=NOW + timedelta(seconds=5.1)) == 1


@pytest.mark.django_db
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    capacity=st.integers(1, 8),
    rate=st.sampled_from([0.25, 0.5, 1.0, 2.0]),
    steps=st.lists(st.tuples(st.integers(0, 6), st.integers(1, 8)), max_size=15),
)
def test_against_a_plain_model(capacity, rate, steps) -> None:
    TokenBucket.objects.all().delete()
    now, tokens = NOW, float(capacity)
    for wait, wanted in steps:
        cost = min(wanted, capacity)
        now += timedelta(seconds=wait)
        tokens = min(capacity, tokens + wait * rate)
        taken = buckets.take("a", capacity=capacity, per_second=rate, now=now, cost=cost)
        assert taken.allowed == (tokens >= cost)
        if taken.allowed:
            tokens -= cost
        else:
            assert taken.retry_after == pytest.approx((cost - tokens) / rate)


def give_back(key: str, amount: float) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT accounts_give_back(%s, 2, 0.5, %s)", [buckets.key_hash(key), amount])


@pytest.mark.django_db
def test_what_is_given_back_can_be_taken_again_and_no_more() -> None:
    for _ in range(3):
        assert buckets.take("a", capacity=2, per_second=0.5, now=NOW, cost=2).allowed
        give_back("a", 2)
    give_back("a", 99)
    takes = [buckets.take("a", capacity=2, per_second=0.5, now=NOW).allowed for _ in range(3)]
    assert takes == [True, True, False]
    assert buckets.purge(now=NOW + timedelta(seconds=3.9)) == 0
    assert buckets.purge(now=NOW + timedelta(seconds=4.1)) == 1
    give_back("never taken", 1)
    assert TokenBucket.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_exactly_the_capacity_passes() -> None:
    def grab(barrier: threading.Barrier) -> bool:
        barrier.wait()
        return buckets.take("a", capacity=3, per_second=0.001, now=NOW).allowed

    assert sum(race(grab)) == 3


@pytest.mark.django_db(transaction=True)
def test_control_read_then_write_lets_too_many_through() -> None:
    buckets.take("a", capacity=4, per_second=0.001, now=NOW)

    def grab(barrier: threading.Barrier) -> bool:
        with connection.cursor() as cursor:
            cursor.execute("SELECT tokens FROM accounts_tokenbucket")
            tokens = cursor.fetchone()[0]
            barrier.wait()
            if tokens < 1:
                return False
            cursor.execute("UPDATE accounts_tokenbucket SET tokens = %s", [tokens - 1])
            return True

    assert sum(race(grab)) > 3


@pytest.mark.django_db(transaction=True)
def test_a_purge_waits_for_nobody_who_takes_from_two() -> None:
    """A look-up holds the first of its buckets while it takes from the second."""
    for key in ("second", "first"):  # in the order in which the table is read
        buckets.take(key, capacity=3, per_second=1, now=NOW)
    later = NOW + timedelta(minutes=1)
    purged: list[int] = []

    def purge() -> None:
        purged.append(buckets.purge(now=later))
        connection.close()

    purging = threading.Thread(target=purge)
    with transaction.atomic():
        assert buckets.take("first", capacity=3, per_second=1, now=later).allowed
        purging.start()
        purging.join(0.5)
        assert buckets.take("second", capacity=3, per_second=1, now=later).allowed
    purging.join()
    assert purged == [1]
