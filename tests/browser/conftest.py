"""A real Chromium, real pages from a live server, and windows that may not complain of anything."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from django.test.testcases import QuietWSGIRequestHandler
from playwright.sync_api import Browser, expect

from tests.browser import chromium
from tests.browser.access import complaints
from tests.browser.desk import Desk
from tests.world import MONDAY

PICTURES = os.environ.get("JIEXU_PICTURES", "")  # the folder they go to
expect.set_options(timeout=20_000)  # how long a page may take on a busy machine
DESKTOP, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}


# The live server writes head and body apart. Sent at once, the body need not wait 40 ms until the browser has
# acknowledged the head, as it would for every file of every page.
QuietWSGIRequestHandler.disable_nagle_algorithm = True


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    path = chromium.find()
    if path is None:
        pytest.skip(f"no Chromium: none of {', '.join(chromium.NAMES)} is on PATH and JIEXU_CHROMIUM is not set")
    with chromium.started(path) as running:
        yield running


@pytest.fixture(autouse=True)
def _on_a_monday(time_machine) -> None:
    """A day that the calendars cover, whenever the tests run; the time goes on from there."""
    time_machine.move_to(MONDAY)


@pytest.fixture
def window(browser: Browser, live_server, world) -> Iterator[Callable[..., Desk]]:
    """Open a browser window of its own for somebody: own cookies, watched. `window(user)` is signed in, at home.

    That signing in by typing works is proved in test_keyboard.py and test_access.py.
    """
    watch, contexts = chromium.Watch(), []

    def open_window(user=None, **options) -> Desk:
        context = browser.new_context(
            base_url=live_server.url, locale="zh-CN", **{"viewport": DESKTOP, "reduced_motion": "reduce", **options}
        )
        context.set_default_timeout(30_000)
        watch.over(context)
        contexts.append(context)
        desk = Desk(context.new_page(), watch)
        if user is not None:
            client = Client()
            client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
            name = settings.SESSION_COOKIE_NAME
            context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": live_server.url}])
            desk.go_home()
        return desk

    yield open_window
    for context in contexts:
        context.close()
    assert watch.unexpected() == []


@pytest.fixture(scope="session")
def album() -> Callable[[Desk, str], None]:
    """Keep a picture of the whole page, where JIEXU_PICTURES names a folder: each costs more than the page itself."""
    folder = Path(PICTURES)
    if PICTURES:
        folder.mkdir(parents=True, exist_ok=True)

    def keep(desk: Desk, name: str) -> None:
        if PICTURES:
            desk.page.screenshot(path=folder / f"{name}.png", full_page=True)

    return keep


@pytest.fixture
def look(album: Callable[[Desk, str], None]) -> Callable[..., None]:
    """Keep a picture of a page that everybody can use, and that is no wider than its window."""

    def kept(desk: Desk, name: str, *, phone: bool = False) -> None:
        desk.page.wait_for_load_state()
        assert complaints(desk.page) == [], name
        assert desk.overflow() <= 0, name
        album(desk, name)
        if phone:
            desk.page.set_viewport_size(PHONE)
            assert desk.overflow() <= 0, f"{name} on a phone"
            album(desk, f"{name}-phone")
            desk.page.set_viewport_size(DESKTOP)

    return kept
