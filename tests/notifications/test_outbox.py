"""The outbox: what is written, when it leaves, and what becomes of it."""

from __future__ import annotations

import json
import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction

from accounts.models import User
from notifications import delivery, leases, outbox
from notifications.errors import DraftError, NotInTransaction, PermanentFailure, TemporaryFailure
from notifications.models import Letter
from tests.notifications.conftest import NOW, Recorder, draft, drained, letter, posted

pytestmark = pytest.mark.django_db


# --- writing ---
@pytest.mark.django_db(transaction=True)
def test_only_inside_a_transaction() -> None:
    for write in (outbox.post, outbox.post_many):
        with pytest.raises(NotInTransaction):
            write([draft()], now=NOW)
    assert len(posted()) == 1


@pytest.mark.django_db(transaction=True)
def test_a_rollback_takes_the_letter_with_it(nudges) -> None:
    with transaction.atomic():
        assert len(outbox.post([draft()], now=NOW)) == 1
        transaction.set_rollback(True)
    assert nudges == []
    recorder = Recorder()
    assert drained(recorder) == outbox.DrainReport()
    # The same again, committed.
    posted()
    assert len(nudges) == 1
    assert drained(recorder).sent == 1
    assert len(recorder.messages) == 1


def test_many_letters_are_one_statement(django_assert_num_queries) -> None:
    with django_assert_num_queries(1):
        ids = outbox.post([draft(context={"n": n}) for n in range(50)], now=NOW)
    assert len(ids) == 50
    assert [letter(i).context["n"] for i in (ids[0], ids[49])] == [0, 49]


def stored_as(drafts, write) -> list[dict]:
    """The rows that these drafts become, without what is different each time."""
    write(drafts, now=NOW)
    rows = list(Letter.objects.order_by("id").values())
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM notifications_letter")
    return [{name: value for name, value in row.items() if name not in ("id", "key")} for row in rows]


def test_many_by_copy_become_the_same_rows() -> None:
    reader = User.objects.create(username="reader", email="reader@example.com")
    context = {"n": 1, "said": '引号"与\\反斜线\t制表'}
    drafts = [
        draft(channel="inbox", recipient_id=reader.pk, address="", secret=None, context=context, dedupe_key="a:inbox"),
        draft(recipient_id=reader.pk, context=context, dedupe_key="a:email", digest_key=f"user:{reader.pk}"),
        draft(not_before=NOW + timedelta(hours=1), not_after=NOW + timedelta(hours=2), subject_ref="N"),
        draft(not_before=NOW - timedelta(hours=1), dedupe_key=None),
    ]
    assert stored_as(drafts, outbox.post_many) == stored_as(drafts, outbox.post)


def test_many_by_copy_leave_out_what_is_there(nudges) -> None:
    posted(draft(dedupe_key="once", context={"n": 1}))
    again = [draft(dedupe_key="once", context={"n": 2}), *(draft(dedupe_key=f"k{n}", context={"n": n}) for n in (3, 4))]
    with transaction.atomic():
        outbox.post_many([*again, again[1]], now=NOW)
    assert sorted(row.context["n"] for row in Letter.objects.all()) == [1, 3, 4]


def test_many_without_a_key_of_their_own_are_written_once(nudges) -> None:
    """Though one is there already among them, and all are written a second time."""
    posted(draft(dedupe_key="once", context={"n": 0}))
    with transaction.atomic():
        outbox.post_many(
            [draft(dedupe_key="once"), *(draft(dedupe_key=None, context={"n": n}) for n in (1, 2))], now=NOW
        )
    assert sorted(row.context["n"] for row in Letter.objects.all()) == [0, 1, 2]


def test_many_by_copy_may_say_anything() -> None:
    """What COPY reads as its own: tabs, ends of lines, backslashes, its sign for nothing and that for the end."""
    told = {"a": 'a\tb\nc\r"d"', "b": "\\N", "c": "\\.", "d": "\x01", "e": "\\x01 \\\\ /", "f": "’🙂\x85"}
    odd = {"subject_ref": "N\\\t1", "dedupe_key": "\\N", "digest_key": "\x01\\", "context": told}
    assert stored_as([draft(**odd)], outbox.post_many) == stored_as([draft(**odd)], outbox.post)


def test_many_by_copy_need_sound_drafts() -> None:
    with pytest.raises(DraftError):
        outbox.post_many([draft(), draft(channel="pigeon")], now=NOW)
    assert not Letter.objects.exists()
    outbox.post_many([], now=NOW)
    outbox.post_many([draft()], now=NOW)
    assert Letter.objects.count() == 1


def test_neither_address_nor_secret_can_be_read_in_the_table() -> None:
    (ident,) = posted(draft(address="zhangsan@example.com", context={"n": 7}))
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_jsonb(l)::text, address, secret FROM notifications_letter l WHERE id = %s", [ident])
        row, address, secret = cursor.fetchone()
    for plain in ("zhangsan", "张三丰"):
        assert plain not in row
        assert plain.encode() not in bytes(address) + bytes(secret)
    stored = letter(ident)
    assert stored.address == "zhangsan@example.com"
    assert json.loads(stored.secret) == {"name": "张三丰"}
    assert "zhangsan" not in repr(draft(address="zhangsan@example.com"))


def test_a_dedupe_key_is_once_for_ever() -> None:
    first = posted(draft(dedupe_key="clock 1 rung 2"), draft(dedupe_key="other"))
    again = posted(draft(dedupe_key="clock 1 rung 2"), draft(dedupe_key="third"), draft(dedupe_key="third"))
    assert (len(first), len(again)) == (2, 1)
    assert drained().sent == 3
    assert posted(draft(dedupe_key="clock 1 rung 2")) == []


@pytest.mark.parametrize(
    "bad",
    [
        {"channel": "fax"},
        {"template": "../../etc/passwd"},
        {"template": ""},
        {"template": "note\n"},
        {"language": "fr"},
        {"address": ""},
        {"address": "  "},
        {"context": {"n": object()}},
        {"context": {"n": float("nan")}},
        {"context": {"n": "x" * 40_000}},
        {"subject_ref": "x" * 65},
        {"digest_key": "x" * 101},
        {"dedupe_key": ""},
        {"dedupe_key": "x" * 201},
        {"channel": "inbox", "secret": None},
        {"channel": "webhook", "address": "https://example.com/"},
    ],
)
def test_a_letter_that_cannot_be_is_refused_and_nothing_is_written(bad) -> None:
    with pytest.raises(DraftError):
        outbox.post([draft(), draft(**bad)], now=NOW)
    assert Letter.objects.count() == 0
    assert len(posted(draft())) == 1


def test_control_characters_do_not_get_in() -> None:
    (ident,) = posted(
        draft(context={"n": "a\x00b\r\nBcc: x\u202e"}, secret={"name": "李\ud800四"}, subject_ref="C\x00")
    )
    recorder = Recorder()
    drained(recorder)
    (message,) = recorder.messages
    assert message.subject == "办理提醒 a b Bcc: x"
    assert "李 四" in message.body
    assert letter(ident).subject_ref == "C "


# --- leaving ---
def test_sent_once_and_wiped() -> None:
    (ident,) = posted(draft(subject_ref="C1"))
    recorder = Recorder()
    assert drained(recorder) == outbox.DrainReport(claimed=1, sent=1, messages=1)
    assert drained(recorder) == outbox.DrainReport()
    (message,) = recorder.messages
    assert (message.address, message.subject, message.body) == (
        "a@example.com",
        "办理提醒 1",
        "您好，张三丰。事项 1。",
    )
    stored = letter(ident)
    assert (stored.status, stored.sent_at, stored.secret, stored.attempts) == ("sent", NOW, None, 1)
    assert (stored.leased_until, stored.leased_by) == (None, "")
    assert str(stored.key) == message.key


def test_not_before_and_in_order() -> None:
    posted(draft(context={"n": 1}, not_before=NOW + timedelta(hours=2)), draft(context={"n": 2}))
    recorder = Recorder()
    assert drained(recorder).sent == 1
    assert drained(recorder, now=NOW + timedelta(minutes=119)).claimed == 0
    assert drained(recorder, now=NOW + timedelta(hours=2)).sent == 1
    assert [message.subject for message in recorder.messages] == ["办理提醒 2", "办理提醒 1"]


def test_nothing_to_send_now_wakes_nobody(nudges, django_capture_on_commit_callbacks) -> None:
    user = User.objects.create(username="a")
    with django_capture_on_commit_callbacks(execute=True):
        outbox.post([draft(not_before=NOW + timedelta(hours=2))], now=NOW)
        outbox.post([draft(channel="inbox", address="", secret=None, recipient_id=user.pk)], now=NOW)
        outbox.post([], now=NOW)
    assert nudges == []
    with django_capture_on_commit_callbacks(execute=True):
        outbox.post([draft()], now=NOW)
    assert len(nudges) == 1


def test_a_letter_too_late_to_be_of_use_is_not_sent() -> None:
    early, late = posted(draft(not_after=NOW + timedelta(minutes=5)), draft(not_after=NOW + timedelta(minutes=1)))
    recorder = Recorder()
    report = drained(recorder, now=NOW + timedelta(minutes=2))
    assert (report.sent, report.dead) == (1, 1)
    assert letter(early).status == "sent"
    assert (letter(late).status, letter(late).last_error_code) == ("dead", "L-EXPIRED")


def test_limit_and_truncated() -> None:
    posted(*[draft(context={"n": n}) for n in range(5)])
    recorder = Recorder()
    reports = [drained(recorder, limit=2) for _ in range(4)]
    assert [report.sent for report in reports] == [2, 2, 1, 0]
    assert [report.truncated for report in reports] == [True, True, False, False]
    assert len({message.subject for message in recorder.messages}) == 5


# --- failing ---
def failing(error: Exception):
    def then(_message) -> None:
        raise error

    return then


def test_a_temporary_failure_is_tried_again_later_with_the_same_key() -> None:
    (ident,) = posted()
    keys = set()

    def then(message) -> None:
        keys.add(message.key)
        raise TemporaryFailure("L-BUSY", "answered 503")

    now, waits = NOW, []
    for attempt in range(1, 8):
        assert drained(Recorder(then), now=now).retried == 1
        stored = letter(ident)
        assert (stored.status, stored.attempts, stored.last_error_code) == ("pending", attempt, "L-BUSY")
        assert stored.secret is not None
        waits.append((stored.next_attempt_at - now).total_seconds())
        assert drained(now=stored.next_attempt_at - timedelta(seconds=1)).claimed == 0
        now = stored.next_attempt_at
    for wait, nominal in zip(waits, (30, 120, 480, 1800, 7200, 21600, 43200), strict=True):
        assert 0.8 * nominal <= wait <= 1.2 * nominal
    assert drained(Recorder(then), now=now).dead == 1
    assert letter(ident).status == "dead"
    assert drained(now=now + timedelta(days=9)).claimed == 0
    assert keys == {str(letter(ident).key)}


def test_the_other_side_may_name_the_wait() -> None:
    (ident,) = posted()
    drained(Recorder(failing(TemporaryFailure("L-BUSY", "answered 429", retry_after=900))))
    assert letter(ident).next_attempt_at == NOW + timedelta(seconds=900)


def test_a_permanent_failure_is_dead_at_once_and_can_be_replayed() -> None:
    (ident,) = posted()
    key = letter(ident).key
    assert drained(Recorder(failing(PermanentFailure("L-REFUSED", "answered 400")))).dead == 1
    assert [dead.pk for dead in outbox.dead_letters()] == [ident]
    actor = User.objects.create(username="a")
    assert outbox.replay([ident, 999_999], actor=actor, now=NOW) == [ident]
    assert outbox.replay([ident], actor=actor, now=NOW) == []
    recorder = Recorder()
    assert drained(recorder).sent == 1
    stored = letter(ident)
    assert (stored.status, stored.replayed_by, stored.replayed_at) == ("sent", actor, NOW)
    assert recorder.messages[0].key == str(key)


def test_a_poisoned_letter_stops_nothing(caplog) -> None:
    ids = posted(draft(context={"n": 1}), draft(context={"n": 2}), draft(context={"n": 3}))

    def then(message) -> None:
        if message.subject.endswith("2"):
            raise ZeroDivisionError(message.body)

    report = drained(Recorder(then))
    assert (report.sent, report.retried) == (2, 1)
    stored = letter(ids[1])
    assert (stored.last_error_code, stored.last_error) == ("L-INTERNAL", "ZeroDivisionError")
    assert "in then" in caplog.text
    assert "张三丰" not in caplog.text


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"template": "nowhere"}, "there is no template letters/nowhere.zh-hans.txt"),
        ({"template": "broken"}, "letters/broken.zh-hans.txt fails with TemplateSyntaxError"),
        ({"template": "long", "context": {"items": ["x" * 20_000]}, "channel": "sms"}, "20000"),
        ({"secret": None}, "letters/note.zh-hans.txt needs name"),
    ],
)
def test_words_that_cannot_be_made(bad, said) -> None:
    good, ident = posted(draft(), draft(**bad))
    recorder = Recorder()
    report = drained(recorder)
    assert (report.sent, report.retried, report.messages) == (1, 1, 1)
    stored = letter(ident)
    assert stored.last_error_code == "L-TEMPLATE"
    assert said in stored.last_error
    assert stored.attempts == 1
    for _ in range(7):
        drained(recorder, now=letter(ident).next_attempt_at)
    assert letter(ident).status == "dead"
    assert letter(good).status == "sent"


def test_a_sealed_value_that_does_not_open_harms_only_its_letter() -> None:
    good, ident = posted(draft(), draft())
    Letter.objects.filter(pk=ident).update(secret="x")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE notifications_letter SET address = '\\x0102' WHERE id = %s", [ident])
    report = drained()
    assert (report.sent, report.retried) == (1, 1)
    assert Letter.objects.defer("address").get(pk=ident).last_error_code == "L-DECRYPT"
    assert letter(good).status == "sent"


def test_a_missing_translation_falls_back_to_chinese() -> None:
    posted(draft(template="onlychinese", language="en"), draft(language="en"))
    recorder = Recorder()
    assert drained(recorder).sent == 2
    assert {message.subject for message in recorder.messages} == {"标题", "Reminder 1"}


def test_a_service_that_is_down_is_not_asked_by_each_letter() -> None:
    ids = posted(*[draft(address="down@example.com") for _ in range(10)], draft(address="up@example.com"))
    asked = []

    def then(message) -> None:
        if message.address.startswith("down"):
            asked.append(message)
            raise TemporaryFailure("L-UNREACHABLE", "no connection", service_down=True)

    report = drained(Recorder(then))
    assert len(asked) == 3
    assert report == outbox.DrainReport(claimed=11, sent=1, retried=3, released=7, messages=4, truncated=True)
    waiting = [letter(ident) for ident in ids[3:10]]
    assert {(w.status, w.attempts, w.leased_by) for w in waiting} == {("pending", 0, "")}
    assert drained(Recorder(then)).claimed == 0
    assert drained(now=NOW + timedelta(seconds=61)).sent == 10


# --- leases ---
def test_a_drain_that_dies_is_taken_over_with_the_same_key(monkeypatch) -> None:
    """Handed over, then killed before it could be marked."""
    (ident,) = posted()
    recorder = Recorder()

    class Killed(BaseException):
        pass

    def killed(*args, **kwargs) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(leases, "mark_sent", killed)
        with pytest.raises(Killed):
            drained(recorder)
    assert letter(ident).status == "pending"
    assert drained(recorder, now=NOW + leases.LEASE - timedelta(seconds=1)).claimed == 0
    assert drained(recorder, now=NOW + leases.LEASE).sent == 1
    assert len(recorder.messages) == 2
    assert recorder.messages[0].key == recorder.messages[1].key
    assert drained(recorder, now=NOW + timedelta(days=1)).claimed == 0


def test_a_letter_that_kills_its_worker_each_time_ends_among_the_dead() -> None:
    (ident,) = posted()
    now = NOW
    for _ in range(leases.MAX_ATTEMPTS):
        assert len(leases.claim(now=now, limit=10, lease="killed")) == 1
        now += leases.LEASE
    recorder = Recorder()
    assert drained(recorder, now=now).dead == 1
    assert recorder.messages == []
    assert letter(ident).last_error_code == "L-INTERRUPTED"


def test_a_stopped_drain_marks_what_is_done_and_gives_back_the_rest(monkeypatch) -> None:
    ids = posted(*[draft(context={"n": n}) for n in range(5)])

    class Stop(BaseException):
        pass

    started = threading.Event()

    def then(_message) -> None:
        started.set()

    def collect(self, done, *, running):
        if running:
            started.wait(5)
            raise Stop
        original(self, done, running=running)

    original = delivery._Batch.collect
    recorder = Recorder(then)
    with monkeypatch.context() as patch:
        patch.setattr(delivery._Batch, "collect", collect)
        with pytest.raises(Stop):
            drained(recorder)
    statuses = [letter(ident).status for ident in ids]
    assert statuses.count("sent") == len(recorder.messages) >= 1
    assert all(not letter(ident).leased_by for ident in ids)
    assert {letter(ident).attempts for ident in ids if letter(ident).status == "pending"} <= {0}
    assert drained(recorder).sent == 5 - statuses.count("sent")


def test_a_late_failure_does_not_overwrite_the_new_holder() -> None:
    (ident,) = posted()
    leases.claim(now=NOW, limit=1, lease="slow")
    leases.claim(now=NOW + leases.LEASE, limit=1, lease="new")
    gone = leases.Failed(ident, letter(ident).month, "dead", NOW, "L-REFUSED", "late news")
    leases.mark_failed([gone], lease="slow")
    assert (letter(ident).status, letter(ident).leased_by) == ("pending", "new")
    leases.mark_failed([gone], lease="new")
    assert letter(ident).status == "dead"


@pytest.mark.django_db(transaction=True)
def test_not_inside_a_transaction() -> None:
    posted()
    with pytest.raises(RuntimeError), transaction.atomic():
        drained()
    assert drained().sent == 1


def both_at_once(work) -> list[Recorder]:
    """Two drains in threads with a connection each."""
    recorders = [Recorder(concurrency=2), Recorder(concurrency=2)]
    barrier = threading.Barrier(2)

    def run(recorder: Recorder) -> None:
        try:
            work(recorder, barrier)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(recorder,)) for recorder in recorders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return recorders


@pytest.mark.django_db(transaction=True)
def test_two_drains_deliver_each_letter_once() -> None:
    ids = posted(*[draft(context={"n": n}) for n in range(120)])

    def work(recorder: Recorder, barrier: threading.Barrier) -> None:
        barrier.wait()
        while drained(recorder, limit=10).claimed:
            pass

    recorders = both_at_once(work)
    keys = [message.key for recorder in recorders for message in recorder.messages]
    assert len(keys) == len(set(keys)) == len(ids)
    assert set(Letter.objects.values_list("status", flat=True)) == {"sent"}


@pytest.mark.django_db(transaction=True)
def test_control_without_lock_and_lease_letters_go_twice(monkeypatch) -> None:
    """The same two drains with a claim that only reads: the test above can see."""
    posted(*[draft(context={"n": n}) for n in range(20)])
    read = threading.Barrier(2)

    def claim(*, now, limit, lease):
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT {leases._COLUMNS} FROM notifications_letter l WHERE status = 'pending' ORDER BY id LIMIT %s",
                [limit],
            )
            rows = [leases.Claimed(*row) for row in cursor.fetchall()]
        read.wait()
        return rows

    monkeypatch.setattr(leases, "claim", claim)
    recorders = both_at_once(lambda recorder, barrier: drained(recorder))
    keys = [message.key for recorder in recorders for message in recorder.messages]
    assert len(keys) > len(set(keys))


# --- digests ---
def test_letters_of_one_digest_are_one_message() -> None:
    ids = posted(
        *[draft(context={"n": n}, digest_key="u1") for n in (1, 2, 3)],
        draft(context={"n": 4}),
        draft(context={"n": 5}, digest_key="u2"),
    )
    recorder = Recorder()
    assert drained(recorder) == outbox.DrainReport(claimed=5, sent=5, messages=3)
    digest = next(message for message in recorder.messages if "3 条提醒" in message.subject)
    assert [f"事项 {n}" in digest.body for n in (1, 2, 3, 4, 5)] == [True, True, True, False, False]
    assert "另有" not in digest.body
    assert all(letter(ident).status == "sent" and letter(ident).secret is None for ident in ids)
    assert [letter(ident).leader_id for ident in ids[:3]] == [ids[0]] * 3


def test_only_what_goes_to_one_address_by_one_channel_in_one_language_is_joined() -> None:
    posted(
        draft(digest_key="k"),
        draft(digest_key="k", address="b@example.com"),
        draft(digest_key="k", language="en"),
        draft(digest_key="k", channel="sms", address="13812341234"),
    )
    recorder = Recorder()
    assert drained(recorder).messages == 4


def test_a_digest_gathers_its_letters_from_far_back_in_the_queue() -> None:
    posted(draft(digest_key="u1"), *[draft(context={"n": n}) for n in range(5)], draft(digest_key="u1"))
    recorder = Recorder()
    report = drained(recorder, limit=1)
    assert (report.claimed, report.messages, report.truncated) == (2, 1, True)


def test_a_repeated_digest_is_the_same_message() -> None:
    """A member may not join a digest that the other side has perhaps seen."""
    posted(draft(context={"n": 1}, digest_key="u1"), draft(context={"n": 2}, digest_key="u1"))
    seen = []

    def lost(message) -> None:
        seen.append(message)
        raise TemporaryFailure("L-TIMEOUT", "no answer in time")

    assert drained(Recorder(lost)).retried == 2
    posted(draft(context={"n": 3}, digest_key="u1"))
    recorder = Recorder()
    later = NOW + timedelta(minutes=5)
    report = drained(recorder, now=later)
    assert (report.claimed, report.sent, report.messages) == (3, 3, 2)
    again = next(message for message in recorder.messages if message.key == seen[0].key)
    assert again.body == seen[0].body
    assert drained(recorder, now=later).claimed == 0


def test_a_dead_digest_is_replayed_whole() -> None:
    ids = posted(draft(context={"n": 1}, digest_key="u1"), draft(context={"n": 2}, digest_key="u1"))
    assert drained(Recorder(failing(PermanentFailure("L-REFUSED", "no")))).dead == 2
    assert [dead.pk for dead in outbox.dead_letters()] == [ids[0]]
    outbox.replay([ids[0]], actor=None, now=NOW)
    recorder = Recorder()
    assert drained(recorder).sent == 2
    assert "事项 2" in recorder.messages[0].body


def test_one_bad_member_does_not_spoil_the_digest() -> None:
    ids = posted(draft(digest_key="u1"), draft(digest_key="u1", template="nowhere"), draft(digest_key="u1"))
    recorder = Recorder()
    report = drained(recorder)
    assert (report.claimed, report.sent, report.retried, report.messages) == (3, 2, 1, 1)
    assert letter(ids[1]).status == "pending"
    assert letter(ids[1]).leader_id is None


def test_a_long_digest_counts_what_it_does_not_list() -> None:
    posted(*[draft(context={"n": f"<{n}>"}, digest_key="u1") for n in range(130)])
    recorder = Recorder()
    assert drained(recorder) == outbox.DrainReport(claimed=130, sent=130, messages=1)
    (message,) = recorder.messages
    assert "130 条" in message.subject
    assert "另有 30 条" in message.body
    assert ("<99>" in message.body, "<100>" in message.body) == (True, False)


# --- watching ---
def test_the_age_of_the_oldest_due_letter() -> None:
    assert outbox.oldest_unsent_age(now=NOW) is None
    posted(draft(not_before=NOW + timedelta(minutes=10)))
    assert outbox.oldest_unsent_age(now=NOW + timedelta(minutes=9)) is None
    assert outbox.oldest_unsent_age(now=NOW + timedelta(minutes=12)) == 120.0
    drained(now=NOW + timedelta(minutes=12))
    assert outbox.oldest_unsent_age(now=NOW + timedelta(days=1)) is None


def test_secrets_of_the_dead_do_not_stay() -> None:
    dead, waiting = posted(draft(), draft(not_before=NOW + timedelta(days=60)))
    drained(Recorder(failing(PermanentFailure("L-REFUSED", "no"))))
    assert outbox.purge_secrets(before=NOW) == 0
    assert outbox.purge_secrets(before=NOW + timedelta(seconds=1)) == 1
    assert (letter(dead).secret, letter(waiting).secret is None) == (None, False)


@pytest.mark.parametrize("limit", [0, -1, 20_001])
def test_an_absurd_limit_is_refused(limit) -> None:
    with pytest.raises(ValueError, match="limit"):
        drained(limit=limit)
