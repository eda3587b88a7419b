"""The real surfaces as their users reach them: the API with a key, the console with cookies, the look-up page."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from transfers.demo import PARTNER_KEY, PASSWORD

READ_SECONDS = 30.0
_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
_VERSION = re.compile(r'name="version" value="(\d+)"')
_REFUSAL = re.compile(r'data-code="(J-[A-Z-]+)"')
_CASE = re.compile(r"/console/transfers/transfercase/(\d+)/change/")


class Unanswered(Exception):
    """Something did not answer, or not as it must. The text is one sentence that names it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, as far as the demonstration looks at it."""

    status: int
    text: str
    location: str
    headers: Mapping[str, str]

    @property
    def refused(self) -> str:
        """The code of the refusal on a page of the console."""
        found = _REFUSAL.search(self.text)
        return found[1] if found else ""


class Browser:
    """One person's browser: keeps cookies, sends back the token of the form, follows nothing by itself."""

    def __init__(self, base: str, **options: Any) -> None:
        self.base = base
        self.http = httpx.Client(base_url=base, timeout=READ_SECONDS, trust_env=False, **options)

    def get(self, path: str, **query: str) -> Answer:
        return self.ask("GET", path, params=query)

    def post(self, path: str, fields: Mapping[str, str], *, form_at: str = "") -> Answer:
        """POST a form as it stands on the page `form_at` (default: the same address), with its hidden fields."""
        page = self.get(form_at or path)
        token = _TOKEN.search(page.text)
        if token is None:
            return page
        version = _VERSION.search(page.text)
        hidden = {"csrfmiddlewaretoken": html.unescape(token[1]), **({"version": version[1]} if version else {})}
        return self.ask("POST", path, data={**hidden, **fields}, headers={"Referer": f"{self.base}{path}"})

    def ask(self, method: str, path: str, **options: Any) -> Answer:
        """One request. Raises Unanswered when nothing comes back."""
        try:
            response = self.http.request(method, path, **options)
        except httpx.HTTPError as error:
            raise Unanswered(
                f"{self.base}{path} does not answer ({type(error).__name__}): is the web process running?"
            ) from error
        return Answer(response.status_code, response.text, response.headers.get("Location", ""), response.headers)


class Staff(Browser):
    """Somebody at the console."""

    def __init__(self, base: str, username: str) -> None:
        super().__init__(base)
        self.username = username

    def sign_in(self) -> None:
        answer = self.post("/console/login/", {"username": self.username, "password": PASSWORD, "next": "/console/"})
        if answer.status != 302:
            raise Unanswered(
                f"The console did not let {self.username} in (it answered {answer.status}): has the demonstration's "
                "password been changed, or was it tried too often?"
            )

    def find(self, number: str) -> int:
        """The case by its number, with the search of the worklist."""
        page = self.get("/console/transfers/transfercase/", q=number)
        if page.status == 302:
            page = self.get(page.location)
        found = _CASE.search(page.text) or _CASE.search(page.location)
        if found is None:
            raise Unanswered(
                f"The worklist of {self.username} does not find case {number} (it answered {page.status})."
            )
        return int(found[1])

    def take(self, pk: int, step: str, **fields: str) -> Answer:
        """Take a step on its page."""
        return self.post(f"/console/transfers/transfercase/{pk}/step/{step}/", fields)


class Partner:
    """The platform that files applications through the API."""

    def __init__(self, base: str) -> None:
        self.browser = Browser(base, headers={"Authorization": f"Bearer {PARTNER_KEY}"})

    def apply(self, application: Mapping[str, str], key: str) -> tuple[Answer, dict[str, Any]]:
        return self._json(
            self.browser.ask("POST", "/api/v1/applications", json=application, headers={"Idempotency-Key": key})
        )

    def status(self, number: str) -> tuple[Answer, dict[str, Any]]:
        return self._json(self.browser.get(f"/api/v1/applications/{number}"))

    def track(self, number: str, tail: str) -> tuple[Answer, dict[str, Any]]:
        """The public look-up as JSON: the stage line."""
        return self._json(self.browser.ask("POST", "/api/v1/track", json={"number": number, "tail": tail}))

    def _json(self, answer: Answer) -> tuple[Answer, dict[str, Any]]:
        try:
            said: dict[str, Any] = json.loads(answer.text)
        except ValueError:
            raise Unanswered(f"The API answered {answer.status} with something that is not JSON.") from None
        return answer, said


class Enrollee(Browser):
    """The person at the public look-up page."""

    def look_up(self, number: str, tail: str) -> Answer:
        answer = self.post("/track/", {"number": number, "tail": tail})
        return self.get("/track/status/") if answer.status == 303 else answer

    def ask_for_code(self) -> Answer:
        return self.post("/track/code/", {}, form_at="/track/status/")

    def enter_code(self, code: str) -> Answer:
        answer = self.post("/track/verify/", {"code": code}, form_at="/track/status/")
        return self.get("/track/status/") if answer.status == 303 else answer


class Phone:
    """The telephone of one person: what the worker wrote into the SMS file for its number."""

    def __init__(self, number: str, file: Path) -> None:
        self.number, self.file = number, file
        self.read = file.stat().st_size if file.exists() else 0

    def messages(self) -> list[dict[str, str]]:
        """Messages that have come since this telephone was switched on, the oldest first."""
        if not self.file.exists():
            return []
        with self.file.open("rb") as handle:
            handle.seek(self.read)
            lines = handle.read().decode().splitlines()
        return [line for line in map(json.loads, lines) if line["to"] == self.number]

    def has(self, template: str) -> Callable[[], dict[str, str] | None]:
        """A question for `wait`: the newest message of this kind."""
        return lambda: next((m for m in reversed(self.messages()) if m["template"] == template), None)
