"""Every letter that the steps and the ladder write can be read: whole, short enough, and telling nothing it may not."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.conf import settings
from django.utils import translation

from notifications.models import Letter
from notifications.rendering import MAX_SMS, render
from tests.world import MONDAY, identity_number, person
from transfers import letters
from transfers.access import actor_for
from transfers.actions.digests import digests, tell_administrators
from transfers.actions.intake import apply
from transfers.actions.sweep import sweep
from transfers.models import Area, Enrolment, TransferCase
from transfers.rules.codes import PRECHECK, SUPPLEMENT
from transfers.rules.parties import Channel
from transfers.rules.workdays import ZONE
from transfers.selectors.verify import Problem

pytestmark = pytest.mark.django_db

TO_PERSON = {*letters.TO_PERSON.values(), "supplement_due", "overdue"}
TO_STAFF = {"alarm", "new_work", "sent_back", "morning", "invariants"}
NEVER = ("测试甲", "3456.78", "3,456", "345678", "1380000", "{{", "{%", "None", "[]")


def read(letter: Letter) -> str:
    """The letter's words, with its subject."""
    text = render(letter.template, language=letter.language, values=letter.context, sms=letter.channel == "sms")
    return f"{text.subject}\n{text.body}"


def everything_happens(world, language: str) -> None:
    """Cases that between them write each letter, to people who read `language`."""
    for user in [*world.everyone(), world.superuser]:
        user.language, user.email = language, user.email or "root@example.com"
        user.save()
    more = {"language": language, "email": "person@example.com"}
    case = world.carry(world.accepted(1, **more), "prepare_sheet")
    world.take(case, "send_back_out", world.out_reviewer, reason="B-01", note="请核对2023年的月数")
    world.take(case, "prepare_sheet", world.out_handler)
    for name, who, data in world.route(case)[2:]:
        world.take(case, name, who, **data)
    waiting = world.carry(world.accepted(2, **more), "claim_out")
    world.take(waiting, "request_supplement", world.out_handler, reason="Q-02", note="请补交委托书原件")
    world.accepted(3, **more)
    sweep(now=MONDAY + timedelta(days=40))
    refused = person(4)
    Enrolment.objects.filter(person=refused, area="450100").update(status="1", arrears=True, open_claims=True)
    application = {
        "name": "测试甲",
        "identity_type": "01",
        "identity_number": identity_number(4),
        "phone": "13800000004",
        "outbound_area": "450100",
        "inbound_area": "330100",
        **more,
    }
    apply(application, actor_for(world.in_handler), channel=Channel.WINDOW_IN, now=MONDAY)
    digests(now=datetime(2026, 6, 2, 9, 30, tzinfo=ZONE))
    tell_administrators([Problem("clock", "JX1", "没有在走的时限", "no clock runs")], now=MONDAY)


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_every_letter_reads_well(world, language):
    everything_happens(world, language)
    seen: dict[str, set[str]] = {}
    for letter in Letter.objects.exclude(channel="webhook"):
        text = read(letter)
        assert letter.language == language
        assert not [word for word in NEVER if word in text], text
        assert identity_number(1)[:14] not in text
        if letter.channel == "sms":
            limit = 140 if language == "zh-hans" else 320
            assert len(text.strip()) <= limit, (letter.template, len(text), text)
        if language == "en":
            assert "转出" not in text.replace("转出地", ""), text
        seen.setdefault(letter.template, set()).add(letter.channel)
    assert {name for name, channels in seen.items() if "sms" in channels} == TO_PERSON
    assert all("email" in channels for channels in seen.values()), seen
    assert {name for name, channels in seen.items() if "inbox" in channels} == TO_STAFF


@pytest.mark.parametrize("template", sorted(TO_PERSON | TO_STAFF))
def test_each_template_is_there_in_both_languages(template):
    folder = settings.BASE_DIR / "transfers" / "templates" / "letters"
    names = {path.name for path in folder.iterdir()}
    for language in ("zh-hans", "en"):
        assert f"{template}.{language}.txt" in names
        assert (f"{template}.{language}.sms.txt" in names) == (template in TO_PERSON)


def test_the_refusal_gives_every_reason_with_its_remedy(world):
    everything_happens(world, "zh-hans")
    text = read(Letter.objects.get(template="refused", channel="email"))
    for code in ("V-O-01", "V-O-03", "V-O-06"):
        assert PRECHECK[code].zh in text
        assert PRECHECK[code].remedy_zh in text


def test_the_supplement_letter_says_what_until_when_and_how(world):
    everything_happens(world, "zh-hans")
    text = read(Letter.objects.get(template="supplement", channel="email"))
    # Five working days after Monday 2026-06-01.
    for words in (SUPPLEMENT["Q-02"].zh, "请补交委托书原件", "2026-06-08", "0771-12393", "/track/"):
        assert words in text


def test_the_promise_after_the_sheet_is_the_inbound_sides(world):
    world.everyone()
    world.carry(world.accepted(1, email="person@example.com"), "approve_out")
    text = read(Letter.objects.get(template="sheet_sent", channel="email"))
    assert "2026-06-08" in text  # five working days after Monday 2026-06-01, not the ten of the outbound side
    assert "0571-12393" in text


def test_a_date_in_a_year_without_its_notice_is_provisional(world):
    world.everyone()
    for serial, now in ((1, MONDAY), (2, datetime(2026, 12, 28, 10, 0, tzinfo=ZONE))):
        world.accepted(serial, now=now, email="person@example.com")
    certain, provisional = Letter.objects.filter(template="accepted", channel="email").order_by("id")
    assert "暂定" not in read(certain)
    assert "暂定" in read(provisional)


def longest_context(language: str) -> dict[str, object]:
    """What a letter may have to say at most: the longest names, every reason, a note of 500 characters."""
    areas = sorted(Area.objects.filter(pooling=True).select_related("parent"), key=lambda area: len(area.full_name))
    case = TransferCase(
        number="JX2612345678901",
        name="测试甲",
        outbound_area=areas[-1],
        inbound_area=areas[-2],
        outbound_agency=areas[-1].agency,
        inbound_agency=areas[-2].agency,
        state="OUT_SUPPLEMENT",
        acts="applicant",
        due_at=datetime(2027, 3, 2, tzinfo=ZONE),
        failures=[{"code": code, "side": "out", "blocking": True} for code in PRECHECK],
        supplement_reason="Q-02",
        supplement_note="补" * 500,
    )
    with translation.override(language):
        return letters.case_context(case)


@pytest.mark.parametrize("language", ["zh-hans", "en"])
@pytest.mark.parametrize("template", sorted(TO_PERSON))
def test_the_longest_sms_is_still_sent(db, template, language):
    text = render(template, language=language, values=longest_context(language), sms=True).body
    assert len(text) <= MAX_SMS
    assert text.startswith("【接续】" if language == "zh-hans" else "[Jiexu]")
