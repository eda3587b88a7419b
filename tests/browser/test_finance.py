"""The finance people's day by clicking: the outbound side sends and corrects, the inbound side matches and credits."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.world import IN, MONDAY, OUT, PASSWORD
from transfers.demo.receiving import account_number_for
from transfers.models import Agency, Payment, Remittance, TransferCase
from transfers.rules import bankfiles
from transfers.rules.workdays import local_date

pytestmark = pytest.mark.django_db(transaction=True)
FEN = 345_678


def named(user, name: str):
    user.display_name = name
    user.save(update_fields=["display_name"])
    return user


def go(desk, tab: str) -> None:
    desk.page.get_by_test_id("nav-finance").click()
    desk.page.get_by_test_id(f"tab-{tab}").click()


def take_in(desk, name: str, data: bytes, look: Any = None) -> None:
    """Upload a file, look at the preview and take it in."""
    go(desk, "files")
    desk.page.locator("#f-file").set_input_files({"name": name, "mimeType": "text/csv", "buffer": data})
    desk.page.get_by_test_id("look").click()
    expect(desk.page.get_by_test_id("preview")).to_be_visible()
    if look is not None:
        look(desk)
    desk.page.get_by_test_id("take").click()
    expect(desk.page.get_by_text("文件已接收。")).to_be_visible()


def answered(payments: list[Payment], *, returned: Payment, now) -> bytes:
    rows = [
        bankfiles.Result(n, one.reference, False, "F-08", "", one.amount_fen, now, "账户已撤销")
        if one == returned
        else bankfiles.Result(n, one.reference, True, "", f"GH2026060100{n}", one.amount_fen, now, "")
        for n, one in enumerate(payments, 1)
    ]
    return bankfiles.write_results(rows, area=OUT, sequence=1, day=local_date(now))


def test_the_outbound_finance_sends_corrects_and_sends_again(world, window, look, time_machine):
    for serial in (1, 2, 3):
        world.carry(world.accepted(serial, balance_fen=FEN * serial), "approve_in")
    maker, checker = window(named(world.out_handler, "转出财务甲")), window(named(world.out_reviewer, "转出财务乙"))
    page = maker.page
    page.get_by_test_id("to-finance").click()
    expect(page.get_by_test_id("tile-propose")).to_contain_text("3")
    page.get_by_test_id("tile-propose").click()
    page.get_by_label("勾选本页全部").check()
    look(maker, "80-to-propose")
    page.get_by_test_id("bulk").click()
    expect(page.get_by_test_id("total")).to_have_text("20,740.68")
    expect(page.get_by_text("须由本机构其他财务人员复核")).to_be_visible()
    expect(page.get_by_test_id("approve")).to_have_count(0)

    # The other person approves and fetches the file.
    page = checker.page
    go(checker, "home")
    page.get_by_test_id("tile-batches").click()
    page.get_by_role("link", name="#").first.click()
    expect(page.get_by_test_id("payment")).to_have_count(3)
    look(checker, "81-batch-to-approve", phone=True)
    page.get_by_test_id("approve").click()
    expect(page.get_by_text("已复核。请下载付款文件并送交银行。")).to_be_visible()
    with page.expect_download() as fetched:
        page.get_by_test_id("fetch").click()
    assert fetched.value.suggested_filename == f"JXPAY-{OUT}-000001.csv"
    page.reload()
    look(checker, "82-batch-approved")

    # The bank: two are paid, one comes back because the account was given up. First a file that is not whole.
    time_machine.move_to(MONDAY + timedelta(hours=3))
    payments = list(Payment.objects.order_by("pk"))
    data = answered(payments, returned=payments[1], now=MONDAY + timedelta(hours=2))
    go(maker, "files")
    maker.watch.expected.append(r"status of 400")
    wrong = data.replace(b"CNY", b"USD", 1).replace(b"6913.56", b"6913.567", 1)
    maker.page.locator("#f-file").set_input_files({"name": "r.csv", "mimeType": "text/csv", "buffer": wrong})
    maker.page.get_by_test_id("look").click()
    expect(maker.page.get_by_test_id("wrong")).to_contain_text("币种应为 CNY")
    expect(maker.page.get_by_test_id("wrong")).to_contain_text("金额最多两位小数")
    look(maker, "83-file-with-faults")
    take_in(maker, "JXRES-450100-000001.csv", data, lambda desk: look(desk, "84-results-preview"))
    expect(maker.page.get_by_test_id("progress")).to_contain_text("已处理 3 / 3 行")
    expect(maker.page.get_by_test_id("results")).to_contain_text("收款账户已变更")
    look(maker, "85-results-taken-in")

    # The inbound side has another account: proposed by one, confirmed by another after a call.
    inbound, colleague = window(named(world.in_handler, "转入财务丙")), window(named(world.in_reviewer, "转入财务丁"))
    go(inbound, "accounts")
    page = inbound.page
    for field, value in {
        "name": "杭州市医疗保障管理服务中心（演示）",
        "bank": "演示银行城西支行",
        "number": account_number_for("339999"),
        "from": "2026-06-02",
        "why": "原账户已撤销",
    }.items():
        page.locator(f"#f-{field}").fill(value)
    page.get_by_test_id("propose").click()
    go(colleague, "accounts")
    page = colleague.page
    expect(page.get_by_test_id("number")).to_contain_text("••••")
    page.get_by_test_id("show-proposed").click()
    expect(page.get_by_test_id("number")).to_have_text(account_number_for("339999"))
    page.locator("#f-callback").fill("按合同所留电话致电财务科王科长，户名、账号核对一致")
    look(colleague, "86-account-to-confirm", phone=True)
    page.get_by_test_id("confirm").click()
    expect(page.get_by_text("已复核，自启用日起生效。")).to_be_visible()

    # The next day what came back is sent again, to the new account.
    time_machine.move_to(MONDAY + timedelta(days=1))
    maker.sign_in(world.out_handler.username, PASSWORD)
    go(maker, "home")
    page = maker.page
    expect(page.get_by_test_id("tile-returned")).to_contain_text("1")
    look(maker, "87-finance-home", phone=True)
    page.get_by_test_id("tile-returned").click()
    expect(page.get_by_test_id("row")).to_contain_text("收款账户已变更")
    page.get_by_test_id("bulk-all").click()
    checker.sign_in(world.out_reviewer.username, PASSWORD)
    go(checker, "batches")
    checker.page.get_by_test_id("batch").first.get_by_role("link").click()
    expect(checker.page.get_by_test_id("payment")).to_contain_text("演示银行城西支行")
    checker.page.get_by_test_id("approve").click()
    checker.page.get_by_test_id("payment").get_by_role("link").click()
    expect(checker.page.get_by_test_id("payments")).to_contain_text("已退回")
    look(checker, "88-case-sent-again")
    again = Payment.objects.latest("pk")
    assert (again.number, again.state, again.amount_fen) == (2, "sent", 2 * FEN)
    assert set(Remittance.objects.values_list("state", flat=True)) == {"IN_TRANSIT"}


def test_the_inbound_finance_matches_credits_and_reconciles(world, window, look, time_machine):
    sure, unclear, split = [
        world.carry(world.accepted(serial, balance_fen=fen), "approve_remittance")
        for serial, fen in enumerate((FEN * 2, FEN, FEN), 1)
    ]
    time_machine.move_to(MONDAY + timedelta(hours=4))
    payer = Agency.objects.get(area_id=OUT).name
    at = MONDAY + timedelta(hours=2)
    account = account_number_for(OUT)
    rows = [
        bankfiles.Line(1, "HZ20260601001", at, payer, account, FEN * 2, f"{sure.number}-1 个人账户划转"),
        bankfiles.Line(2, "HZ20260601002", at, payer, account, FEN, "个人账户划转"),
        bankfiles.Line(3, "HZ20260601003", at, payer, account, FEN + 50_00, "医保款"),
    ]
    data = bankfiles.write_statement(rows, area=IN, sequence=1, day=MONDAY.date())
    maker, checker = window(named(world.in_handler, "转入财务丙")), window(named(world.in_reviewer, "转入财务丁"))
    take_in(maker, "JXSTM-330100-000001.csv", data, lambda desk: look(desk, "90-statement-preview"))
    states = set(Remittance.objects.values_list("case", "state"))
    assert (sure.pk, "MATCHED") in states
    go(maker, "lines")
    page = maker.page
    look(maker, "91-queue", phone=True)
    waiting = page.get_by_test_id("line")
    expect(waiting.filter(has_text="HZ20260601002").get_by_test_id("reason")).to_have_text("几项业务同样可能")
    waiting.filter(has_text="HZ20260601002").get_by_label(f"匹配至 {unclear.number}").click()
    expect(page.get_by_text("其资金现为“已匹配待入账”")).to_be_visible()
    go(maker, "lines")
    page.get_by_role("link", name="HZ20260601003").click()
    page.locator("#f-number").fill(split.number)
    page.locator("#f-amount").fill("3456.78")
    look(maker, "92-line")
    page.get_by_test_id("match-number").click()
    expect(page.get_by_test_id("open")).to_have_text("¥ 50.00")
    # What was too much is sent back: proposed here, approved by the other person.
    page.locator("#f-note").fill("汇款多于应到金额，转出地要求退回")
    page.get_by_test_id("return").click()
    go(checker, "home")
    checker.page.get_by_test_id("tile-refunds").click()
    checker.page.get_by_role("link", name="HZ20260601003").click()
    look(checker, "93-return-to-approve")
    checker.page.get_by_test_id("approve").click()
    expect(checker.page.get_by_text("待列入付款批次")).to_be_visible()

    # The second person credits everything; the day adds up.
    go(checker, "home")
    look(checker, "94-inbound-home")
    checker.page.get_by_test_id("tile-credit").click()
    checker.page.get_by_test_id("bulk-all").click()
    expect(checker.page.get_by_test_id("report")).to_contain_text("共3笔，已办理3笔")
    look(checker, "95-credited")
    assert set(TransferCase.objects.values_list("state", flat=True)) == {"COMPLETED"}
    go(checker, "books")
    expect(checker.page.get_by_test_id("no-difference")).to_contain_text("账目相符")
    look(checker, "96-reconciliation", phone=True)
    checker.page.get_by_test_id("books").first.locator("tbody th a").click()
    expect(checker.page.get_by_test_id("entries")).to_contain_text(sure.number)
    look(checker, "97-entries")
    with checker.page.expect_download() as fetched:
        checker.page.get_by_test_id("export").click()
    assert fetched.value.suggested_filename == f"entries-2026-06-01-{OUT}-{IN}.csv"
    go(checker, "money")
    look(checker, "98-nothing-waits")
