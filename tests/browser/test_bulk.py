"""Many at once, by clicking: a step of the ticked cases, and applications from a file."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.actions.test_applications import as_csv, table
from tests.world import application, person
from transfers.models import ApplicationFile, TransferCase

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_step_is_taken_of_the_ticked_cases(world, window, look):
    cases = [world.accepted(serial) for serial in (1, 2, 3)]
    desk = window(world.out_handler)
    page = desk.page
    page.goto("/console/transfers/transfercase/?shelf=ours")
    for case in cases[:2]:
        page.get_by_role("row").filter(has_text=case.number).get_by_role("checkbox").check()
    page.get_by_test_id("many").click()
    expect(page.get_by_test_id("chosen")).to_contain_text("选定2件业务")
    look(desk, "80-one-step-of-many")
    # Somebody is faster with one of them.
    world.take(cases[1], "claim_out", world.out_handler)
    page.get_by_label("领取办理").check()
    desk.confirm()
    expect(page.get_by_test_id("report")).to_contain_text("办理1件 · ")
    refused = page.get_by_test_id("refused")
    expect(refused).to_contain_text(cases[1].number)
    expect(refused).to_contain_text("J-STALE")
    look(desk, "81-one-step-of-many-taken")
    states = TransferCase.objects.order_by("pk").values_list("state", flat=True)
    assert list(states) == ["OUT_PROCESSING", "OUT_PROCESSING", "ACCEPTED"]


def test_applications_come_from_a_file(world, window, look, tmp_path):
    for serial in (1, 2):
        person(serial)
    wrong = {**application(2), "identity_number": "110101199003070012"}
    desk = window(world.in_handler)
    page = desk.page
    page.goto("/console/transfers/transfercase/apply/")
    page.get_by_test_id("from-file").click()
    look(desk, "82-file-of-applications")
    file = tmp_path / "申请.csv"
    file.write_bytes(as_csv(table([application(1), wrong, application(1)])))
    page.get_by_label("CSV").set_input_files(file)
    page.get_by_test_id("look").click()
    expect(page.get_by_test_id("preview")).to_contain_text("将提交1份申请")
    left_out = page.get_by_test_id("left-out").get_by_role("row")
    expect(left_out).to_have_count(3)  # with the head
    expect(left_out.nth(1).get_by_role("rowheader")).to_have_text("3")
    look(desk, "83-file-looked-at")
    assert TransferCase.objects.count() == 0
    desk.confirm()
    expect(page.get_by_test_id("progress")).to_contain_text("3 / 3")
    look(desk, "84-file-filed")
    with page.expect_download() as download:
        page.get_by_test_id("report").click()
    assert TransferCase.objects.get().number in download.value.path().read_text("utf-8-sig")
    assert ApplicationFile.objects.get().done == 3
    # The same file once more would file nothing.
    page.goto("/console/transfers/transfercase/files/")
    expect(page.get_by_role("link", name="申请.csv")).to_be_visible()
