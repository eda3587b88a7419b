"""What people read: lines, progress, and failures as one sentence."""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
COLOURS = {"green": 32, "yellow": 33, "red": 31, "blue": 34, "magenta": 35, "cyan": 36, "grey": 90, "bold": 1}


class Problem(Exception):
    """Something the person at the keyboard can put right. The text is one sentence that says what to do."""


class Told(Problem):
    """A failure that has been told to the person already."""


def say(text: str = "", *, end: str = "\n") -> None:
    """Write one line for people to standard output at once."""
    sys.stdout.write(text + end)
    sys.stdout.flush()


def complain(text: str) -> None:
    """Write one line for people to standard error at once."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def paint(text: str, colour: str) -> str:
    """Colour the text when standard output is a terminal and NO_COLOR is not set."""
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return text
    return f"\033[{COLOURS[colour]}m{text}\033[0m"


class Progress:
    """A bar on a terminal; a line now and then elsewhere."""

    def __init__(self, title: str, total: int) -> None:
        self.title, self.total, self.done, self.shown = title, max(total, 1), 0, 0

    def step(self, what: str = "") -> None:
        """Count one more of `total` as done."""
        self.done = min(self.done + 1, self.total)
        self.show(what)

    def show(self, what: str = "") -> None:
        """Draw the present state, with `what` is going on now."""
        if sys.stdout.isatty():
            bar = "█" * (20 * self.done // self.total)
            say(f"\r\033[K{self.title} [{bar:<20}] {self.done}/{self.total} {what}"[:110], end="")
        elif self.done - self.shown >= 15 or self.done == self.total != self.shown:
            self.shown = self.done
            say(f"{self.title}: {self.done} of {self.total}")

    def close(self) -> None:
        """Leave the line."""
        if sys.stdout.isatty():
            say("\r\033[K", end="")
