"""What a person does at the console, in their words: sign in, find a case, take a step."""

from __future__ import annotations

from collections.abc import Mapping

from playwright.sync_api import Locator, Page, expect

from tests.browser.chromium import Watch


class Desk:
    """One person at one window."""

    def __init__(self, page: Page, watch: Watch) -> None:
        self.page = page
        self.watch = watch

    def sign_in(self, username: str, password: str) -> None:
        """Through the sign-in page to the home page."""
        self.page.goto("/console/")
        self.page.get_by_label("用户名").fill(username)
        self.page.get_by_label("密码").fill(password)
        self.page.get_by_test_id("sign-in").click()
        expect(self.title).to_contain_text("您好")

    def go_home(self) -> None:
        self.page.goto("/console/")
        expect(self.title).to_contain_text("您好")

    def open_case(self, number: str) -> None:
        """Search for the number, which opens the case."""
        self.page.get_by_test_id("search").fill(number)
        self.page.get_by_test_id("search").press("Enter")
        expect(self.title).to_contain_text(number)

    @property
    def title(self) -> Locator:
        """The one main heading: on a case page the number and the state."""
        return self.page.get_by_role("heading", level=1)

    @property
    def steps(self) -> Locator:
        """The steps by which this person may lead the case on; what turns or ends it is apart."""
        return self.page.locator(".jx-ask > .jx-offers").get_by_test_id("step")

    def step(self, name: str) -> Locator:
        return self.page.locator(f"a[data-step={name}]")

    def denied(self, name: str) -> Locator:
        """The greyed button of a step that is somebody else's, named by why it is."""
        return self.page.locator(f"button[data-not-step={name}]")

    def ask(self, name: str, fields: Mapping[str, str] | None = None) -> None:
        """Press a step's button and fill in what its page asks, but do not confirm."""
        others = self.page.get_by_test_id("others")
        if others.locator(f"a[data-step={name}]").count() and others.get_attribute("open") is None:
            others.locator("summary").click()
        self.step(name).click()
        for label, value in (fields or {}).items():
            self.page.get_by_label(label).fill(value)

    def confirm(self) -> None:
        self.page.get_by_test_id("confirm").click()

    def take(self, name: str, fields: Mapping[str, str] | None = None, *, state: str) -> None:
        """Take a step; the page must say that it is done and which state the case is in now."""
        self.ask(name, fields)
        said = self.page.get_by_test_id("confirm").inner_text()
        self.confirm()
        expect(self.page.get_by_text(f"已完成“{said}”，业务现为“{state}”。")).to_be_visible()
        expect(self.title).to_contain_text(state)

    def overflow(self) -> int:
        """By how many pixels the page is wider than the window."""
        return self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
