"""The watchdog: when the process at the other end of its standard input is gone, it stops what that one started.

Run as a script of its own. Each line on standard input is a JSON object:
`{"watch": pid, "signal": number, "group": bool}`, `{"forget": pid}` or `{"remove": "/a/folder"}`.
It also holds the lock of the data folder (inherited), so that the next start waits until the cleaning is done.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sys
import time

GRACE_SECONDS = 8.0


def alive(pid: int, group: bool) -> bool:
    """Tell whether the process, or any process of the group, still exists."""
    try:
        (os.killpg if group else os.kill)(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def clean(watched: dict[int, tuple[int, bool]], folders: list[str]) -> None:
    """Ask every process to stop, the youngest first; after the grace time, kill; then remove throw-away folders."""
    for pid, (number, group) in reversed(watched.items()):
        with contextlib.suppress(OSError):
            (os.killpg if group else os.kill)(pid, number)
            (os.killpg if group else os.kill)(pid, signal.SIGCONT)  # one that was halted must hear it too
    deadline = time.monotonic() + GRACE_SECONDS
    while time.monotonic() < deadline and any(alive(pid, group) for pid, (_, group) in watched.items()):
        time.sleep(0.05)
    for pid, (_, group) in watched.items():
        with contextlib.suppress(OSError):
            (os.killpg if group else os.kill)(pid, signal.SIGKILL)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    watched: dict[int, tuple[int, bool]] = {}
    folders: list[str] = []
    for line in sys.stdin:
        order = json.loads(line)
        if "watch" in order:
            watched[order["watch"]] = (order["signal"], order["group"])
        elif "forget" in order:
            watched.pop(order["forget"], None)
        elif "remove" in order:
            folders.append(order["remove"])
    clean(watched, folders)


if __name__ == "__main__":
    main()
