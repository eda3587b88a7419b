"""The finance pages: who may see and act, and a day of each side through them."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from tests.admin.conftest import address, again, post_step
from tests.world import IN, MONDAY, OUT, World, put_in_force, user
from transfers.demo.receiving import account_number_for
from transfers.models import (
    AccessEvent,
    Agency,
    BankAccount,
    BankFile,
    MeasuredPair,
    Payment,
    PaymentBatch,
    Settlement,
    StatementLine,
)
from transfers.rules import bankfiles
from transfers.rules.parties import Role

pytestmark = pytest.mark.django_db
TODAY = MONDAY.date()


def url(name: str, *args: Any) -> str:
    return reverse(f"admin:finance_{name}", args=args)


def agency(area: str) -> Agency:
    return Agency.objects.get(area_id=area)


def upload(data: bytes, name: str) -> dict[str, Any]:
    return {"file": SimpleUploadedFile(name, data, "text/csv")}


def to_send(world: World, *serials: int) -> list[Any]:
    """Cases whose balance waits to be sent."""
    return [world.carry(world.accepted(serial), "approve_in") for serial in serials]


def sent(world: World, *serials: int) -> list[Any]:
    return [world.carry(world.accepted(serial), "approve_remittance") for serial in serials]


def results(payments: list[Payment], *, returned: str = "", sequence: int = 1) -> bytes:
    rows = [
        bankfiles.Result(
            n,
            one.reference,
            one.reference != returned,
            "F-02" if one.reference == returned else "",
            f"BK{n}" if one.reference != returned else "",
            one.amount_fen,
            MONDAY - timedelta(minutes=5),
            "",
        )
        for n, one in enumerate(payments, 1)
    ]
    return bankfiles.write_results(rows, area=OUT, sequence=sequence, day=TODAY)


def statement(*rows: tuple[str, str, str, int], sequence: int = 1) -> bytes:
    """(bank reference, payer, remark, fen) each."""
    lines = [
        bankfiles.Line(n, reference, MONDAY - timedelta(minutes=9), payer, "6200004501000000009", fen, remark)
        for n, (reference, payer, remark, fen) in enumerate(rows, 1)
    ]
    return bankfiles.write_statement(lines, area=IN, sequence=sequence, day=TODAY)


def take(client: Any, data: bytes, name: str = "bank.csv") -> BankFile:
    """Through the preview into the books, as the page does it."""
    seen = client.post(url("files"), upload(data, name))
    assert seen.status_code == 200, seen.context["refusal"]
    assert client.post(url("files"), {"take": seen.context["token"]}).status_code == 302
    return BankFile.objects.latest("pk")


# --- who ------------------------------------------------------------------------------------------------

PAGES = ("home", "money", "payments", "batches", "files", "lines", "accounts", "books")


def test_who_sees_the_finance_of_an_agency(world: World, signed_in: Any) -> None:
    (case,) = to_send(world, 1)
    handler = user("only_handler", OUT, (Role.OUT_HANDLER,))
    maker, checker = signed_in(world.out_handler), signed_in(world.out_reviewer)
    made = maker.post(url("money"), {"shelf": "propose", "pk": f"{case.pk}.{again(case).version}"})
    batch = PaymentBatch.objects.get()
    assert made.url == f"{url('batch', batch.pk)}?agency={agency(OUT).pk}"
    inside = (maker, checker, signed_in(world.out_lead), signed_in(world.out_head), signed_in(world.out_province))
    for client in (*inside, signed_in(world.nation)):
        for name in PAGES:
            page = client.get(url(name), {"agency": agency(OUT).pk})
            assert page.status_code == 200, name
            assert ('data-testid="read-only"' in page.content.decode()) is (client not in (maker, checker)), name
        assert client.get(url("batch", batch.pk)).status_code == 200
    outside = (signed_in(world.in_handler), signed_in(world.stranger), signed_in(world.superuser), signed_in(handler))
    for client in outside:
        for name in PAGES:
            assert client.get(url(name), {"agency": agency(OUT).pk}).status_code == 404, name
        assert client.get(url("batch", batch.pk)).status_code == 404
        assert client.post(url("batch", batch.pk)).status_code == 404
        assert client.post(url("batch_file", batch.pk)).status_code == 404
        assert (
            client.post(url("books").replace("books/", "books/export/"), {"agency": agency(OUT).pk}).status_code == 404
        )
    assert signed_in(handler).get(url("home")).status_code == 404
    # Those who look on are refused by the door; whoever made the batch is refused by the other pair of eyes.
    for client, code in ((signed_in(world.out_lead), "J-NOT-YOURS"), (maker, "J-FOUR-EYES")):
        refused = client.post(url("batch", batch.pk))
        assert (refused.status_code, refused.context["refusal"].code) == (403, code)
    assert signed_in(world.out_lead).post(url("batch_file", batch.pk)).status_code == 403
    assert checker.post(url("batch", batch.pk)).status_code == 302
    assert Payment.objects.get().state == "sent"


# --- the outbound day -----------------------------------------------------------------------------------


def test_the_outbound_day_from_the_proposal_to_the_correction(world: World, signed_in: Any) -> None:
    cases = to_send(world, 1, 2, 3)
    maker, checker = signed_in(world.out_handler), signed_in(world.out_reviewer)
    tiles = {tile.code: tile.count for tile, _address in maker.get(url("home")).context["tiles"]}
    assert (tiles["propose"], tiles["approve"], tiles["batches"]) == (3, 0, 0)
    stale = maker.post(url("money"), {"shelf": "propose"})
    assert stale.status_code == 302
    assert not PaymentBatch.objects.exists()  # nothing was ticked
    maker.post(url("money"), {"shelf": "propose", "all": "1"})
    batch = PaymentBatch.objects.get()
    assert (batch.count, batch.total_fen) == (3, 3 * 345_678)
    shown = checker.get(url("batch", batch.pk)).content.decode()
    assert "10,370.34" in shown
    assert "•••• 0009" in shown
    assert BankAccount.objects.get(agency=agency(IN)).number not in shown
    first = Payment.objects.order_by("pk").first()
    assert first is not None
    # One is left out by the checker: it stays ready, proposed by the maker, and is found on their shelf.
    assert checker.post(url("batch", batch.pk), {"without": first.pk}).status_code == 302
    batch.refresh_from_db()
    assert (batch.state, batch.sequence, batch.count) == ("approved", 1, 2)
    mine = maker.get(url("money"), {"shelf": "mine"}).context["rows"]
    assert [row.pk for row in mine] == [first.case_id]
    approved = checker.post(url("money"), {"shelf": "approve", "pk": f"{mine[0].pk}.{mine[0].version}"})
    assert (len(approved.context["done"]), len(approved.context["refused"])) == (1, 0)
    exports = AccessEvent.objects.filter(kind="export").count()
    file = checker.post(url("batch_file", batch.pk))
    assert file["Content-Disposition"] == f'attachment; filename="JXPAY-{OUT}-000001.csv"'
    assert file.content.startswith(b"H,JXPAY") or b"H,JXPAY" in file.content[:16]
    assert AccessEvent.objects.filter(kind="export").count() == exports + 1

    # What the bank says: one of them came back. A file with faults shows them all and changes nothing.
    payments = list(Payment.objects.order_by("pk"))
    good = results(payments, returned=payments[1].reference)
    broken = maker.post(url("files"), upload(good.replace(b"3456.78", b"3456.785", 1), "r.csv"))
    assert broken.status_code == 400
    assert len(broken.context["wrong"]) >= 1
    assert not BankFile.objects.exists()
    taken = take(maker, good)
    assert (taken.done, taken.finished_at is not None) == (3, True)
    assert maker.get(url("file", taken.pk)).status_code == 200
    again_seen = maker.post(url("files"), upload(good, "r.csv"))
    assert again_seen.context["seen"].again
    back = maker.get(url("money"), {"shelf": "returned"})
    (row,) = back.context["rows"]
    assert (row.reason.code, row.pk) == ("F-02", payments[1].case_id)
    assert "收款账号错误" in back.content.decode()
    # Sent again: another payment, with the next number.
    maker.post(url("money"), {"shelf": "returned", "all": "1"})
    second = Payment.objects.latest("pk")
    assert (second.case_id, second.number, second.state) == (payments[1].case_id, 2, "ready")
    assert maker.post(url("batch", second.batch_id), {"cancel": "1"}).status_code == 302
    second.refresh_from_db()
    assert (second.batch_id, second.state) == (None, "ready")
    page = maker.get(address("change", second.case_id)).content.decode()
    assert second.reference in page
    assert "收款账号错误" in page
    assert len(cases) == 3


# --- the inbound day ------------------------------------------------------------------------------------


def test_the_inbound_day_from_the_statement_to_the_account(world: World, signed_in: Any) -> None:
    one, two, three = sent(world, 1, 2, 3)
    maker, checker = signed_in(world.in_handler), signed_in(world.in_reviewer)
    payer = agency(OUT).name
    data = statement(
        ("SURE", payer, f"{one.number}-1", 345_678),
        ("BOTH", "南宁市医保局", "医保个人账户划转", 2 * 345_678),
        ("ALIEN", "某商贸公司", "货款", 100_00),
    )
    take(maker, data)
    states = dict(StatementLine.objects.values_list("bank_reference", "state"))
    assert states == {"SURE": "done", "BOTH": "queued", "ALIEN": "queued"}
    page = maker.get(url("home"))
    tiles = {tile.code: tile.count for tile, _address in page.context["tiles"]}
    assert (tiles["lines"], tiles["credit"]) == (2, 1)
    assert [bar.count for bar in page.context["day"].bands] == [2, 0, 0]
    assert [(bar.out, bar.into, bar.count) for bar in page.context["day"].pairs] == [(OUT, IN, 3)]
    assert "货款" in maker.get(url("lines")).content.decode()
    # Two cases in one transfer: the parts by their numbers; too much for a case is refused and nothing moves.
    both = StatementLine.objects.get(bank_reference="BOTH")
    refused = maker.post(url("line", both.pk), {"do": "match", "number": two.number, "amount": "5000"})
    assert (refused.status_code, refused.context["refusal"].code) == (409, "J-MATCH-MORE")
    assert refused.context["typed"]["amount"] == "5000"
    assert maker.post(url("line", both.pk), {"do": "match", "number": "x"}).status_code == 400
    for case in (two, three):
        sent_on = maker.post(url("line", both.pk), {"do": "match", "number": case.number, "amount": "3456.78"})
        assert sent_on.status_code == 302
    both.refresh_from_db()
    assert (both.state, both.allocated_fen) == ("done", 2 * 345_678)
    # What is nobody's goes back: proposed by one, approved by another, and is a payment for a batch.
    alien = StatementLine.objects.get(bank_reference="ALIEN")
    assert maker.post(url("line", alien.pk), {"do": "return"}).context["refusal"].code == "J-NOTE"
    assert maker.post(url("line", alien.pk), {"do": "return", "note": "与医保无关"}).status_code == 302
    assert maker.post(url("line", alien.pk), {"do": "approve"}).context["refusal"].code == "J-FOUR-EYES"
    assert checker.post(url("line", alien.pk), {"do": "approve"}).status_code == 302
    loose = maker.get(url("payments"), {"state": "ready"})
    (refund,) = loose.context["loose"]
    assert maker.post(url("payments"), {"pk": refund}).status_code == 302
    assert PaymentBatch.objects.get(agency=agency(IN)).count == 1
    # The other person credits; whoever matched by hand is refused, line by line.
    own = maker.get(url("money"), {"shelf": "credit"}).context["rows"]
    assert [row.pk for row in own] == [one.pk]
    given = [f"{pk}.{again(case).version}" for pk, case in ((two.pk, two), (one.pk, one))]
    report = maker.post(url("money"), {"shelf": "credit", "pk": given})
    assert [answer.why.code for answer in report.context["refused"]] == ["J-FOUR-EYES"]
    assert [answer.pk for answer in report.context["done"]] == [one.pk]
    report = checker.post(url("money"), {"shelf": "credit", "all": "1"})
    assert len(report.context["done"]) == 2
    assert {again(case).state for case in (one, two, three)} == {"COMPLETED"}
    case_page = checker.get(address("change", two.pk)).content.decode()
    assert "BOTH" in case_page

    # The books of the day, down to the entries, and as files whose fetching is written down.
    books = checker.get(url("books"), {"date": TODAY.isoformat()})
    (row,) = books.context["rows"]
    assert (row.out_fen, row.in_fen, row.closing_fen, row.gap_fen) == (3 * 345_678, 3 * 345_678, 0, 0)
    assert 'data-testid="no-difference"' in books.content.decode()
    pair = {"date": TODAY.isoformat(), "out": OUT, "in": IN}
    entries = checker.get(url("entries"), pair)
    assert entries.context["count"] > 12
    before = AccessEvent.objects.filter(kind="export").count()
    table = checker.post(url("export"), {"date": TODAY.isoformat()})
    assert f"{OUT},广西壮族自治区南宁市" in table.content.decode("utf-8-sig")
    assert one.number in checker.post(url("export"), pair).content.decode()
    assert AccessEvent.objects.filter(kind="export").count() == before + 2
    assert checker.get(url("entries"), {**pair, "out": "510100"}).context["count"] == 0
    assert checker.get(url("entries"), {**pair, "in": "510100"}).status_code == 404  # a pair of two others


def test_of_what_only_a_part_has_arrived_the_other_side_is_asked_for_the_rest(world: World, signed_in: Any) -> None:
    (case,) = sent(world, 1)
    maker, out, looker = (signed_in(one) for one in (world.in_handler, world.out_handler, world.out_lead))
    measured = {"out_id": OUT, "into_id": IN, "count": 12, "since": TODAY, "half_days": 3, "nine_days": 7}
    MeasuredPair.objects.create(measured_at=MONDAY, **measured)
    take(maker, statement(("PART", agency(OUT).name, case.number, 300_000)))
    home = maker.get(url("home"))
    tiles = {tile.code: tile.count for tile, _address in home.context["tiles"]}
    assert (tiles["part"], tiles.get("awaited", 0)) == (1, 0)
    (row,) = maker.get(url("money"), {"shelf": "part"}).context["rows"]
    assert (row.received_fen, row.amount_fen, row.since) == (300_000, 345_678, TODAY)
    page = maker.get(address("change", case.pk)).content.decode()
    assert "已到账¥ 3,000.00，未到账¥ 456.78" in page
    for shown in (home.content.decode(), page):
        assert "通常3个工作日入账（按12笔实际划转测算）" in shown
    post_step(maker, case, "raise_difference", reason="D-01", note="只到一部分")
    post_step(out, case, "answer_difference", reason="D-11", note="差额另汇")
    assert maker.get(url("money"), {"shelf": "part"}).context["rows"] == []
    # The rest is not made after all, by one of the finance staff who says why: it waits again.
    rest = Payment.objects.get(case=case, kind="rest")
    drop = {"drop": "1", "pk": rest.pk, "agency": agency(OUT).pk}
    assert [one.why.code for one in out.post(url("payments"), drop).context["refused"]] == ["J-NOTE"]
    refused = looker.post(url("payments"), {**drop, "note": "不补汇"}).context["refused"]
    assert [one.why.code for one in refused] == ["J-NOT-YOURS"]
    assert maker.post(url("payments"), {**drop, "note": "不补汇"}).status_code == 404
    assert [one.label for one in out.post(url("payments"), {**drop, "note": "不补汇"}).context["done"]] == [
        rest.reference
    ]
    rest.refresh_from_db()
    assert (rest.state, rest.note) == ("cancelled", "不补汇")
    assert out.post(url("payments"), {**drop, "note": "不补汇"}).status_code == 302
    assert len(maker.get(url("money"), {"shelf": "part"}).context["rows"]) == 1


# --- accounts -------------------------------------------------------------------------------------------


def test_another_account_is_proposed_confirmed_and_shown(world: World, signed_in: Any) -> None:
    maker, checker, other = (signed_in(one) for one in (world.in_handler, world.in_lead, world.out_handler))
    number = account_number_for("999999")
    form = {"bank": "测试银行", "name": "杭州市医疗保障经办中心", "number": number, "valid_from": "2026-06-08"}
    wrong = maker.post(url("accounts"), {**form, "number": number[:-1] + str((int(number[-1]) + 1) % 10)})
    assert (wrong.status_code, wrong.context["refusal"].code) == (400, "J-ACCOUNT")
    assert wrong.context["typed"]["bank"] == "测试银行"
    assert maker.post(url("accounts"), {**form, "valid_from": "soon"}).status_code == 400
    assert maker.post(url("accounts"), form).status_code == 302
    proposed = BankAccount.objects.get(state="proposed")
    page = checker.get(url("accounts")).content.decode()
    assert f"•••• {number[-4:]}" in page
    assert number not in page
    shown = checker.post(url("account", proposed.pk), {"do": "show"})
    assert number in shown.content.decode()
    assert "no-store" in shown["Cache-Control"]
    assert AccessEvent.objects.filter(kind="unmask", user=world.in_lead).count() == 1
    assert maker.post(url("account", proposed.pk), {"do": "confirm"}).context["refusal"].code == "J-FOUR-EYES"
    assert checker.post(url("account", proposed.pk), {"do": "confirm"}).context["refusal"].code == "J-CALLBACK"
    for act in ("show", "confirm", "refuse"):
        assert other.post(url("account", proposed.pk), {"do": act, "callback": "x"}).status_code == 404
    called = {"do": "confirm", "callback": "致电 0571-12345678 王科长，账号无误"}
    assert checker.post(url("account", proposed.pk), called).status_code == 302
    proposed.refresh_from_db()
    assert (proposed.state, proposed.valid_from) == ("confirmed", date(2026, 6, 8))
    before = BankAccount.objects.get(agency=agency(IN), state="confirmed", valid_to__isnull=False)
    assert before.valid_to == date(2026, 6, 7)


# --- between funds, and the pages of single steps ---------------------------------------------------------


def test_two_funds_settle_what_was_credited_at_once(signed_in: Any) -> None:
    put_in_force("450000", in_province_fund="instant")
    world = World(into="450200")
    world.carry(world.accepted(), "approve_in")
    maker, checker, other = (signed_in(one) for one in (world.out_handler, world.out_reviewer, world.in_handler))
    tiles = {tile.code: (tile.count, tile.fen) for tile, _address in maker.get(url("home")).context["tiles"]}
    assert tiles["owed"] == (1, 345_678)
    paid = {"in": "450200", "amount": "3,456.78", "bank_reference": "QS-1"}
    assert maker.post(url("settle"), {**paid, "amount": "1.234"}).context["refusal"].code == "J-FIELD"
    assert maker.post(url("settle"), {**paid, "amount": "9999"}).context["refusal"].code == "J-SETTLE-MORE"
    assert maker.post(url("settle"), paid).status_code == 302
    row = Settlement.objects.get()
    assert maker.post(url("settle"), {"settlement": row.pk}).context["refusal"].code == "J-FOUR-EYES"
    assert other.post(url("settle"), {"settlement": row.pk}).status_code == 404
    assert maker.post(url("settle"), {"settlement": row.pk + 1}).status_code == 404
    assert "QS-1" in checker.get(url("books")).content.decode()
    assert checker.post(url("settle"), {"settlement": row.pk}).status_code == 302
    assert Settlement.objects.get().state == "posted"
    assert checker.get(url("books")).context["settlements"] == []


def test_the_steps_of_the_money_have_their_fields(world: World, signed_in: Any) -> None:
    (case,) = sent(world, 1)
    maker = signed_in(world.in_handler)
    empty = maker.get(address("step", case.pk, "match_line")).content.decode()
    assert "本机构没有待处理的流水" in empty
    take(maker, statement(("ODD", "某单位", "划款", 345_678)))
    line = StatementLine.objects.get()
    page = maker.get(address("step", case.pk, "match_line")).content.decode()
    assert f'<option value="{line.pk}">' in page
    assert "ODD" in page
    wrong = post_step(maker, case, "match_line", field_line=str(line.pk), field_amount_yuan="1.234")
    assert wrong.status_code == 400
    assert f'<option value="{line.pk}" selected>' in wrong.content.decode()
    assert post_step(maker, case, "match_line", field_line=str(line.pk)).status_code == 302
    assert world.money(case).state == "MATCHED"
    # The same pages in English, without a word of Chinese that is ours.
    maker.get(url("home"))  # takes the word of the last step away
    world.in_handler.language = "en"
    world.in_handler.save(update_fields=["language"])
    for name in PAGES:
        text = maker.get(url(name)).content.decode()
        assert "Receiving accounts" in text, name
        for word in ("资金", "流水", "批次", "待"):
            assert word not in text, (name, word)
