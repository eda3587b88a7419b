"""Every letter that the steps and the ladder write can be read: whole, short enough, and telling nothing it may not."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from django.conf import settings
from django.test import override_settings
from django.utils import translation

from notifications.models import Letter
from notifications.rendering import MAX_SMS, render
from tests.sla.test_recompute import amended
from tests.world import MONDAY, application, identity_number, person, put_in_force
from transfers import letters
from transfers.access import actor_for, person_actor
from transfers.actions.calendars import load
from transfers.actions.digests import digests, tell_administrators, warn_of_horizon
from transfers.actions.intake import apply, decide
from transfers.actions.reconciling import tell_supervisors
from transfers.actions.sweep import sweep
from transfers.models import (
    Agency,
    Area,
    ContributionPeriod,
    Enrolment,
    Person,
    PersonalAccount,
    StatementLine,
    TransferCase,
)
from transfers.registry import OwnTables, RegistryUnavailable
from transfers.rules.codes import CLARIFY, DIFFERENCE, END, MONEY, PRECHECK, RETURN, SUPPLEMENT, WITHDRAWAL_REFUSED
from transfers.rules.facts import AreaFacts
from transfers.rules.parties import Channel
from transfers.rules.workdays import ZONE
from transfers.selectors.reconciliation import Difference, Report
from transfers.selectors.verify import Problem
from transfers.sla.ageing import remind
from transfers.sla.recompute import recompute

pytestmark = pytest.mark.django_db

TO_PERSON = {*letters.TO_PERSON.values(), *letters.YOURS.values(), "overdue", "calendar_moved"}
TO_STAFF = {"alarm", "new_work", "sent_back", "come_back", "morning", "invariants", "calendar_work", "horizon"}
TO_STAFF |= {"reconciliation", "unmatched", "part_arrived", "difference", "reclaim"}
NEVER = ("测试甲", "3456.78", "3,456", "345678", "1380000", "{{", "{%", "None", "[]")


def read(letter: Letter) -> str:
    """The letter's words, with its subject."""
    text = render(letter.template, language=letter.language, values=letter.context, sms=letter.channel == "sms")
    return f"{text.subject}\n{text.body}"


WRITTEN: dict[str, list[Letter]] = {}


def written(world, language: str) -> list[Letter]:
    """The letters of `everything_happens`, the oldest first. They are only read, so one world serves every test."""
    if language not in WRITTEN:
        everything_happens(world, language)
        WRITTEN[language] = list(Letter.objects.order_by("id"))
    return WRITTEN[language]


def chosen(world, template: str, channel: str) -> list[Letter]:
    """The Chinese letters of one template by one channel, the oldest first."""
    return [letter for letter in written(world, "zh-hans") if (letter.template, letter.channel) == (template, channel)]


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
    odd_routes(world, more)
    sweep(now=MONDAY + timedelta(days=40))
    refused = person(4)
    Enrolment.objects.filter(person=refused, area="450100").update(status="1", arrears=True, open_claims=True)
    apply(application(4, **more), actor_for(world.in_handler), channel=Channel.WINDOW_IN, now=MONDAY)
    money_routes(world, more)
    digests(now=datetime(2026, 6, 2, 9, 30, tzinfo=ZONE))
    found = Difference("flow", "450100", "330100", "期末比应有多3456.78元", "3456.78 too much", (done_number(),), 1)
    tell_supervisors(Report(date(2026, 6, 1), MONDAY, (), (found,)))
    nobody_s_money(datetime(2026, 6, 9, 10, tzinfo=ZONE))
    tell_administrators([Problem("clock", "JX1", "没有在走的时限", "no clock runs")], now=MONDAY)
    world.accepted(90, **more)
    load(amended(("06-10", False)), user_id=None, now=MONDAY)
    recompute(now=MONDAY)
    warn_of_horizon(now=datetime(2026, 11, 2, 9, 30, tzinfo=ZONE))


def nobody_s_money(now: datetime) -> None:
    """It came in, and nobody has explained it in time."""
    agency = Agency.objects.get(area="330100")
    due = {"remind_at": now, "reminded": 1}
    StatementLine.objects.create(
        agency=agency, bank_reference="N1", booked_at=MONDAY, payer_name="某单位", amount_fen=345_678, **due
    )
    by_hand = StatementLine.objects.filter(file=None).exclude(bank_reference="N1").count()
    assert remind(now=now) == 2 + by_hand  # that line, and the case of which only a part has come


def done_number() -> str:
    return TransferCase.objects.order_by("pk").values_list("number", flat=True)[0]


def money_routes(world, more: dict[str, str]) -> None:
    """The bank returns a balance; one is taken back, one supplemented; the person chooses; a bank pays; the wallet."""
    take, out, out_two, into = world.take, world.out_handler, world.out_reviewer, world.in_handler
    because = {"reason": "F-02", "note": "请核对账号"}
    sent = world.carry(world.accepted(20, **more), "approve_remittance")
    take(sent, "return_remittance", out, **because)
    credited = world.carry(world.accepted(21, **more), "credit_account")
    take(credited, "open_supplement", out, reason="L-01", note="利息", data={"amount_yuan": "3.45"})
    credited = world.carry(world.accepted(22, **more), "credit_account")
    take(credited, "request_reclaim", out, **because)
    take(credited, "grant_reclaim", into, note="已退", data={"bank_reference": "BACK-1"})
    less = world.carry(world.accepted(25, **more), "approve_remittance")
    take(less, "record_receipt", into, data={"received_yuan": "3456.00", "bank_reference": "LESS-1"})
    take(less, "raise_difference", into, reason="D-01", note="少到，请核对")
    take(less, "answer_difference", out, reason="D-13", note="已全额汇出")
    by_hand = StatementLine.objects.filter(file=None).count()  # the bank has confirmed none of these
    assert remind(now=MONDAY + timedelta(days=6)) == 1 + by_hand  # the day before the limit of five working days
    opened = {"wallet_enabled": True, "family_sharing": True}
    put_in_force("450100", cross_province_fund="payout_else", **opened)
    put_in_force("330000", **opened)
    for serial, chosen in (
        (23, {"destination": "account", "payee_bank": "测试银行", "payee_account": "12345678"}),
        (24, {"destination": "wallet"}),
    ):
        case = world.carry(world.accepted(serial, balance_fen=1500_00, **more), "approve_out")
        take(case, "choose_destination", person_actor(case), data=chosen)
        take(case, "propose_remittance", out)
        take(case, "approve_remittance", out_two)
        if serial == 23:
            take(case, "confirm_paid", out, data={"bank_reference": "PAID-1"})
    sweep(now=MONDAY + timedelta(minutes=1))


def odd_routes(world, more: dict[str, str]) -> None:
    """Returned, forwarded, withdrawn, ended, reopened, checked by hand."""
    done = TransferCase.objects.get(state="COMPLETED")
    world.take(done, "reopen", world.in_lead, reason="C-01", note="办结后发现月数有误")
    for name, reason in (("return_soft", "R-05"), ("return_hard", "R-04")):
        case = world.carry(world.accepted(11 if name == "return_soft" else 12, **more), "claim_out")
        case = world.take(case, name, world.out_lead, reason=reason, note="请看通知")
        if name == "return_soft":
            world.take(case, "resubmit", person_actor(case), note="已处理")
            world.take(case, "return_soft", world.out_lead, reason=reason, note="仍未解除")
    moving = world.carry(world.accepted(13, **more), "claim_out")
    for model in (Enrolment, ContributionPeriod, PersonalAccount):
        model.objects.filter(person=moving.person, area="450100").update(area="450200")
    data = {"area": "450200"}
    world.take(moving, "forward", world.out_lead, reason="R-02", note="记录在柳州", data=data)
    world.take(world.accepted(14, **more), "terminate", world.out_lead, reason="W-04", note="已核实")
    case = world.carry(world.accepted(15, **more), "claim_out")
    for answer in ("refuse_withdrawal", "grant_withdrawal"):
        world.take(case, "request_withdrawal", person_actor(case), reason="W-02", note="改去别处")
        said = {"reason": "N-02", "note": "电话未能核实"} if answer == "refuse_withdrawal" else {}
        world.take(case, answer, world.out_handler, **said)
    # The money arrives before the months: its letter is one of its own.
    early = world.carry(world.accepted(17, **more), "approve_out")
    world.carry_from(early, "propose_remittance", "credit_account")
    with override_settings(ENROLMENT_REGISTRIES={"450100": f"{__name__}.Silent"}):
        person(16)
        filed = apply(application(16, **more), actor_for(world.in_handler), channel=Channel.WINDOW_IN, now=MONDAY)
        for _try in range(6):
            filed = decide(filed.pk, now=TransferCase.objects.get(pk=filed.pk).precheck_at)
    assert filed.state == "MANUAL_CHECK"


class Silent(OwnTables):
    """An area's registry that never answers."""

    def facts(self, person: Person, area: str) -> AreaFacts:
        raise RegistryUnavailable


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_every_letter_reads_well(world, language):
    seen: dict[str, set[str]] = {}
    for letter in written(world, language):
        if letter.channel == "webhook":
            continue
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
    (letter,) = chosen(world, "refused", "email")
    text = read(letter)
    for code in ("V-O-01", "V-O-03", "V-O-06"):
        assert PRECHECK[code].zh in text
        assert PRECHECK[code].remedy_zh in text


def test_the_supplement_letter_says_what_until_when_and_how(world):
    (letter,) = chosen(world, "supplement", "email")
    text = read(letter)
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
    words = "en" if language == "en" else "zh"
    said = [getattr(reason, words) for reason in (*WITHDRAWAL_REFUSED.values(), *CLARIFY.values())]
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
        return_reason=max(RETURN, key=lambda code: len(getattr(RETURN[code], words))),
        return_note="退" * 500,
        end_reason=max(END, key=lambda code: len(getattr(END[code], words))),
    )
    why = max(said, key=len)
    with translation.override(language):
        moved = {"was": "2027-03-01", "documents": "国办发明电〔2026〕12号", "yours": True}
        also = ["taken_over", "credited"]
        return {**letters.case_context(case), **moved, "reason": why, "note": "注" * 500, "also": also}


@pytest.mark.parametrize("language", ["zh-hans", "en"])
@pytest.mark.parametrize("template", sorted(TO_PERSON))
def test_the_longest_sms_is_still_sent(db, template, language):
    text = render(template, language=language, values=longest_context(language), sms=True).body
    assert len(text) <= MAX_SMS
    assert text.startswith("【接续】" if language == "zh-hans" else "[Jiexu]")


def test_a_returned_case_is_told_why_and_until_when(world):
    """Twenty working days after Monday 2026-06-01, the Dragon Boat holiday of 19 June left out."""
    text = read(chosen(world, "returned", "email")[-1])
    for words in (RETURN["R-05"].zh, RETURN["R-05"].remedy_zh, "仍未解除", "2026-06-30", "重新提交"):
        assert words in text
    (due,) = chosen(world, "return_due", "sms")
    assert "2026-06-30" in read(due)
    ends = [read(letter) for letter in chosen(world, "lapsed", "email")]
    assert sorted(SUPPLEMENT["Q-02"].zh in text for text in ends) == [False, True]
    assert sorted(RETURN["R-05"].zh in text for text in ends) == [False, True]


def test_the_letter_after_a_death_is_to_the_family(world):
    texts = {letter.context["ended"]["code"]: read(letter) for letter in chosen(world, "ended", "email")}
    assert "的家属：" in texts["W-04"]
    assert "您好" in texts["R-04"]


def test_the_other_side_s_finance_is_asked(world):
    """Who is asked about an amount, or for money back, hears of it: the outbound finance, the inbound one."""
    world.everyone()
    case = world.carry(world.accepted(1), "approve_remittance")
    world.take(case, "record_receipt", world.in_handler, data={"received_yuan": "1.00", "bank_reference": "LESS-1"})
    for step, template, actor, why, who in (
        ("raise_difference", "difference", world.in_handler, DIFFERENCE["D-01"], {"out_handler", "out_reviewer"}),
        ("request_reclaim", "reclaim", world.out_handler, MONEY["F-07"], {"in_handler", "in_reviewer"}),
    ):
        world.take(case, step, actor, reason=why.code, note="请核对账号")
        found = list(Letter.objects.filter(template=template, channel="inbox").select_related("recipient"))
        assert {letter.recipient.username for letter in found} == who
        assert all(word in read(found[0]) for word in (why.zh, "请核对账号", "待答复", case.number))


def test_a_refused_withdrawal_says_why(world):
    (letter,) = chosen(world, "withdrawal_refused", "email")
    text = read(letter)
    assert WITHDRAWAL_REFUSED["N-02"].zh in text
    assert "电话未能核实" in text
