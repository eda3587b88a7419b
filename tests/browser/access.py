"""A short look at whether a page can be used by everybody: names, one main heading, language, contrast.

What is checked is from WCAG 2.2: 1.1.1, 1.3.1, 1.4.3 (every visible text, not a sample), 2.4.2, 3.1.1, 4.1.2.
"""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page

_LOOK = (Path(__file__).parent / "look.js").read_text("utf-8")


def complaints(page: Page) -> list[str]:
    """What stands in somebody's way on the page, once all of it has loaded; empty when nothing does.

    Words are there before the style sheets that hide and colour what is around them.
    """
    page.wait_for_load_state("load")
    return page.evaluate(_LOOK)
