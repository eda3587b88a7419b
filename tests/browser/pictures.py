"""Takes the pictures of README.md and docs/routes.md from the demonstration, by the same clicks as a person's.

With `./dev run` going in another terminal:

    .venv/bin/python -m tests.browser.pictures [address] [file that the messages arrive in]

The address is http://127.0.0.1:8000 and the file .run/sms.jsonl unless told otherwise. Writes docs/images/*.png.
"""

from __future__ import annotations

import json
import re
import struct
import sys
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser import chromium
from tests.browser.desk import Desk
from transfers.demo import PASSWORD

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs" / "images"
MARGIN = 14  # pixels below the last card that is shown


def console(browser: Browser, address: str) -> tuple[str, str]:
    """The page of a case that waits for its review; gives number and last six of another one for the phone."""
    page = browser.new_page(base_url=address, locale="zh-CN", viewport={"width": 1280, "height": 900})
    Desk(page, chromium.Watch()).sign_in("nanning.reviewer", PASSWORD)
    page.goto("/console/transfers/transfercase/?shelf=review&state=OUT_REVIEW")
    in_time(page).get_by_role("link").click()
    shoot(page, page.get_by_role("region", name="提醒阶梯"), "console")

    page.context.clear_cookies()
    Desk(page, chromium.Watch()).sign_in("hangzhou.handler", PASSWORD)
    page.goto("/console/transfers/transfercase/?shelf=ours&state=IN_PROCESSING")
    link = in_time(page).get_by_role("link")
    number = link.inner_text()
    link.click()
    page.get_by_test_id("unmask").click()
    identity = re.search(r"\d{17}[\dX]", page.get_by_role("region", name="参保人").inner_text())
    assert identity, "the identity number was not shown"
    return number, identity[0][-6:]


def in_time(page: Page) -> Locator:
    """The row of the worklist that is due next and not overdue."""
    return page.get_by_test_id("row").filter(has=page.locator(".jx-soon, .jx-calm, .jx-today")).first


def routes(browser: Browser, address: str) -> None:
    """The odd routes: what each side is shown, and what it is asked."""
    page = browser.new_page(base_url=address, locale="zh-CN", viewport={"width": 1180, "height": 900})
    asked, card = page.get_by_role("region", name="当前待办"), page.locator(".jx-card").first

    def sits(username: str) -> None:
        page.context.clear_cookies()
        Desk(page, chromium.Watch()).sign_in(username, PASSWORD)

    def case_in(state: str) -> None:
        page.goto(f"/console/transfers/transfercase/?shelf=ours&state={state}")
        page.get_by_test_id("row").first.get_by_role("link").click()

    def step(name: str) -> None:
        others = page.get_by_test_id("others")
        if others.locator(f"[data-step={name}]").count():
            others.locator("summary").click()
        page.locator(f"[data-step={name}]").click()

    sits("nanning.colleague")
    case_in("IN_QUERY")
    shoot(page, page.get_by_role("heading", name="信息表").locator("xpath=.."), "route-doubt")
    step("prepare_correction")
    shoot(page, card, "route-correction")
    case_in("REOPENED")
    shoot(page, asked, "route-reopened")
    case_in("WITHDRAW_REQUESTED")
    shoot(page, asked, "route-withdrawal")
    sits("hangzhou.reviewer")
    case_in("QUERY_REVIEW")
    step("approve_correction")
    shoot(page, card, "route-difference")
    sits("hangzhou.handler")
    page.goto("/console/transfers/transfercase/?shelf=waiting&state=RETURNED")
    page.get_by_test_id("row").first.get_by_role("link").click()
    shoot(page, asked, "route-returned")
    sits("nanning.lead")
    case_in("ACCEPTED")
    step("forward")
    page.get_by_label("缩小统筹区范围").fill("柳州")
    shoot(page, card, "route-forward")
    page.goto("/console/transfers/transfercase/?shelf=open&state=OUT_PROCESSING")
    for box in page.get_by_role("checkbox").all():
        box.check()
    page.get_by_test_id("reassign").click()
    shoot(page, card, "route-reassign")


def look_up(browser: Browser, address: str, messages: Path, number: str, tail: str) -> None:
    """The same on a phone, after the code: where it stands, the line, and the money."""
    phone = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 1.5, "is_mobile": True}
    page = browser.new_page(base_url=address, locale="zh-CN", **phone)
    page.goto("/track/")
    page.get_by_label("业务编号").fill(number)
    page.get_by_label("证件号码后六位").fill(tail)
    page.get_by_role("button", name="查询", exact=True).click()
    before = messages.stat().st_size if messages.exists() else 0
    page.get_by_role("button", name="向登记手机发送验证码").click()
    page.get_by_label("短信验证码").fill(code_in(messages, before))
    page.get_by_role("button", name="验证并查看").click()
    shoot(page, page.get_by_role("region", name="资金进度"), "lookup")


def code_in(messages: Path, before: int, *, seconds: int = 60) -> str:
    """The one-time code that arrives after `before` bytes of the file."""
    for _half in range(seconds * 2):
        if messages.exists():
            for line in messages.read_bytes()[before:].decode().splitlines():
                if json.loads(line)["template"] == "code":
                    return re.findall(r"\d{6}", json.loads(line)["text"])[0]
        time.sleep(0.5)
    raise SystemExit(f"No code arrived in {messages}: is a worker running, and is this the file it writes to?")


def shoot(page: Page, last: Locator, name: str) -> None:
    """The page down to the end of the card `last`."""
    expect(last).to_be_visible()
    box = last.bounding_box()
    size = page.viewport_size
    clip = {"x": 0, "y": 0, "width": size["width"], "height": int(box["y"] + box["height"]) + MARGIN}
    (IMAGES / f"{name}.png").write_bytes(squeezed(page.screenshot(full_page=True, clip=clip)))


def squeezed(png: bytes) -> bytes:
    """The same picture in fewer bytes: flat areas and letters pack a quarter better without PNG's row filters.

    For what Chromium makes: eight bits, red-green-blue, not interlaced.
    """
    chunks = list(chunks_of(png))
    width, height, depth, colour, *_rest = struct.unpack(">IIBBBBB", chunks[0][1])
    assert (depth, colour) == (8, 2), "another kind of PNG"
    packed = zlib.decompress(b"".join(data for kind, data in chunks if kind == b"IDAT"))
    size, rows, above = width * 3, [], bytearray(width * 3)
    for start in range(0, height * (size + 1), size + 1):
        above = unfiltered(packed[start], bytearray(packed[start + 1 : start + 1 + size]), above)
        rows.append(b"\0" + above)
    body = zlib.compress(b"".join(rows), 9)
    return png[:8] + b"".join(chunk(kind, data) for kind, data in (chunks[0], (b"IDAT", body), (b"IEND", b"")))


def unfiltered(filtered_by: int, row: bytearray, above: bytearray) -> bytearray:
    """One row of pixels as they are (PNG, third edition, clause 9)."""
    for i, value in enumerate(row):
        left, corner = (row[i - 3], above[i - 3]) if i >= 3 else (0, 0)
        match filtered_by:
            case 1:
                value += left
            case 2:
                value += above[i]
            case 3:
                value += (left + above[i]) // 2
            case 4:
                guess = left + above[i] - corner
                value += min((left, above[i], corner), key=lambda near, guess=guess: abs(guess - near))
        row[i] = value & 255
    return row


def chunks_of(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 8
    while at < len(png):
        length, kind = struct.unpack(">I4s", png[at : at + 8])
        yield kind, png[at + 8 : at + 8 + length]
        at += length + 12


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def main() -> None:
    address = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8000"
    messages = Path(sys.argv[2]) if len(sys.argv) > 2 else ROOT / ".run" / "sms.jsonl"
    path = chromium.find()
    if path is None:
        raise SystemExit(f"No Chromium: put one of {', '.join(chromium.NAMES)} on PATH or set JIEXU_CHROMIUM.")
    IMAGES.mkdir(parents=True, exist_ok=True)
    with chromium.started(path) as browser:
        number, tail = console(browser, address)
        look_up(browser, address, messages, number, tail)
        routes(browser, address)


if __name__ == "__main__":
    main()
