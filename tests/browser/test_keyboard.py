"""The console without a mouse: everything within reach of the keys, and always visible where one is."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.world import PASSWORD
from transfers.models import TransferCase

pytestmark = pytest.mark.django_db(transaction=True)

# A ring of two pixels or more around what has the focus, in a colour that stands out from the ground around it.
RING = """() => {
    const style = getComputedStyle(document.activeElement);
    return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
}"""


def tab_to(page: Page, selector: str, *, at_most: int = 60) -> None:
    """Press Tab until this element has the focus; each stop on the way must be seen to have it."""
    for _press in range(at_most):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement === document.body"):
            continue
        assert page.evaluate(RING), page.evaluate("document.activeElement.outerHTML")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"{selector} is not within {at_most} presses of Tab")


def test_a_step_is_taken_with_the_keyboard_alone(world, window):
    world.out_handler  # noqa: B018 - must exist before the sign-in
    cases = [world.accepted(serial) for serial in (1, 2)]
    page = window().page
    keys = page.keyboard

    page.goto("/console/")
    expect(page.get_by_label("用户名")).to_be_focused()
    keys.type("out_handler")
    keys.press("Tab")
    keys.type(PASSWORD)
    keys.press("Enter")
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_contain_text("您好")

    # Past the frame at once, or through it to the worklist.
    keys.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('href')") == "#content-start"
    tab_to(page, ".jx-nav a[accesskey=w]")
    keys.press("Enter")
    page.wait_for_url("**/transfercase/")
    keys.press("ArrowDown")
    expect(page.get_by_role("link", name=cases[0].number)).to_be_focused()
    keys.press("ArrowDown")
    expect(page.get_by_role("link", name=cases[1].number)).to_be_focused()
    keys.press("ArrowUp")
    assert page.evaluate(RING)
    keys.press("Enter")
    expect(heading).to_contain_text(cases[0].number)

    tab_to(page, "[data-step=claim_out]")
    keys.press("Enter")
    expect(heading).to_have_text("领取办理")
    tab_to(page, "[data-testid=confirm]")
    keys.press("Enter")
    expect(heading).to_contain_text("转出办理中")

    # A step among the others, which wants a reason out of a list, and a note.
    tab_to(page, "[data-testid=others] summary")
    keys.press("Enter")
    tab_to(page, "[data-step=request_supplement]")
    keys.press("Enter")
    expect(heading).to_have_text("要求补正")
    tab_to(page, "input[name=reason]")
    keys.press("ArrowDown")
    chosen = page.locator("input[name=reason]:checked")
    expect(chosen).to_be_focused()
    reason = chosen.get_attribute("value")
    tab_to(page, "textarea")
    keys.type("请补交委托书原件")
    tab_to(page, "[data-testid=confirm]")
    keys.press("Space")
    expect(heading).to_contain_text("待补正")
    expect(page.get_by_role("region", name="当前待办")).to_contain_text("请补交委托书原件")

    # The slash goes to the search from anywhere; what is found is opened.
    page.wait_for_load_state()
    keys.press("/")
    expect(page.get_by_test_id("search")).to_be_focused()
    keys.type(cases[1].number)
    keys.press("Enter")
    expect(heading).to_contain_text(cases[1].number)
    done = TransferCase.objects.get(pk=cases[0].pk)
    assert (done.state, done.supplement_reason) == ("OUT_SUPPLEMENT", reason)
