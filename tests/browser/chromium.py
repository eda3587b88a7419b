"""Where the browser is, how it is started, and a watch over what it complains of."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Response, sync_playwright

# The shell draws the same pages, and does nothing of what else a whole browser does: a story costs least there.
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
# No sandbox, because CI runs as root in a container; the rest keeps the browser from calling home.
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--font-render-hinting=none"),
)
# Runs before the page's own scripts, also where the policy forbids everything inline.
TELL_VIOLATIONS = """addEventListener("securitypolicyviolation", (event) => console.error(
    `content security policy: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`));"""


def find() -> str | None:
    """The browser's path: JIEXU_CHROMIUM, or the first of NAMES on PATH."""
    return os.environ.get("JIEXU_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def started(path: str) -> Iterator[Browser]:
    """A headless browser, closed afterwards.

    Playwright keeps an event loop in this thread, so Django has to be told that its queries are in good order here.
    """
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
            yield browser
            browser.close()
    finally:
        if before is None:
            del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]
        else:
            os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = before


@dataclass
class Watch:
    """Everything that went wrong in the windows it watches: console errors, policy violations, failed requests.

    `expected` holds patterns of what a test provokes on purpose.
    """

    complaints: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    def over(self, context: BrowserContext) -> None:
        """Watch every page of this window, also those it opens itself."""
        context.add_init_script(TELL_VIOLATIONS)
        context.on("console", self._console)
        context.on("weberror", lambda error: self.complaints.append(f"script: {error.error}"))
        context.on("response", self._response)
        context.on(
            "requestfailed",
            lambda request: (
                None
                if request.failure == "net::ERR_ABORTED"
                else self.complaints.append(f"{request.failure}: {request.url}")
            ),
        )

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"console {message.type}: {message.text} ({message.location.get('url', '')})")

    def _response(self, response: Response) -> None:
        if response.status >= 400:
            self.complaints.append(f"status of {response.status}: {response.url}")

    def unexpected(self) -> list[str]:
        """The complaints that no test asked for."""
        return [said for said in self.complaints if not any(re.search(pattern, said) for pattern in self.expected)]
