"""The folder `.run/`, or the one that JIEXU_HOME names: its lock, the secrets, the addresses of running services."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from config.local.console import ROOT, Problem, say

SECRET_NAMES = ("SECRET_KEY", "FIELD_KEYS", "LOOKUP_KEY", "CASE_NUMBER_KEY", "POSTGRES_PASSWORD", "VALKEY_PASSWORD")
DEVELOPMENT = {"DEBUG": "true", "HTTPS": "false", "DEMO": "true"}


def make_folder(path: Path) -> None:
    """Make a private folder, or say what stands in the way."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Problem(f"Cannot make {path} ({error.strerror}): start ./dev as a user who may write there.") from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise Problem(f"No permission to write in {path}: start ./dev as the user it belongs to, or remove it.")


def write_private(path: Path, text: str) -> None:
    """Write a file that only we can read, whole or not at all."""
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    new.replace(path)


def make_secrets() -> dict[str, str]:
    """Keys and passwords for development, all random."""

    def key() -> str:
        return base64.b64encode(secrets.token_bytes(32)).decode()

    return {
        "SECRET_KEY": secrets.token_urlsafe(50),
        "FIELD_KEYS": f"dev1:{key()}",
        "LOOKUP_KEY": key(),
        "CASE_NUMBER_KEY": key(),
        "POSTGRES_PASSWORD": secrets.token_urlsafe(24),
        "VALKEY_PASSWORD": secrets.token_urlsafe(24),
    }


class Home:
    """A data folder: `.run/` itself, or a throw-away one inside it."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path = (path or Path(os.environ.get("JIEXU_HOME") or ROOT / ".run")).absolute()
        self.lock: int | None = None
        make_folder(path)
        self.path.chmod(0o700)

    @classmethod
    def throw_away(cls, purpose: str) -> Home:
        """A new folder for one command; the caller removes it. Removes what an earlier one left when all was killed."""
        parent = Home()
        for left in parent.path.glob(f"{purpose}-*/lock"):
            old = cls(left.parent)
            if old._try_lock():
                shutil.rmtree(left.parent, ignore_errors=True)
                old._unlock()
        return cls(Path(tempfile.mkdtemp(prefix=f"{purpose}-", dir=parent.path)))

    @property
    def services(self) -> Path:
        return self.path / "services.json"

    def secrets(self) -> dict[str, str]:
        """Read the development secrets; make them the first time."""
        path = self.path / "secrets.env"
        if not path.exists():
            if (self.path / "postgres").exists():
                raise Problem(
                    f"{path} is gone but its data is there: put it back, or remove {self.path} to start anew."
                )
            write_private(path, "".join(f"{name}={value}\n" for name, value in make_secrets().items()))
        pairs = (line.partition("=") for line in path.read_text().splitlines() if line.strip() and line[0] != "#")
        found = {name.strip(): value.strip() for name, _equals, value in pairs}
        if missing := [name for name in SECRET_NAMES if not found.get(name)]:
            raise Problem(f"{path} lacks {', '.join(missing)}: put it back, or remove {self.path} to start anew.")
        return found

    def environment(self) -> dict[str, str]:
        """The environment of our programs: what the person set goes before what we generate."""
        files = {
            "UPLOAD_DIR": str(self.path / "uploads"),
            "SMS_FILE": str(self.path / "sms.jsonl"),
            "EMAIL_URL": f"filemail:///{self.path / 'mail'}",
        }
        return DEVELOPMENT | files | self.secrets() | dict(os.environ) | {"PYTHONUNBUFFERED": "1"}

    def holder(self) -> dict[str, str]:
        """Who holds the lock, as they wrote it."""
        try:
            found = json.loads((self.path / "lock").read_text() or "{}")
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def running(self) -> dict[str, str] | None:
        """The addresses of the services that `./dev run` has started here, or None."""
        if self._try_lock():
            self._unlock()
            return None
        if self.holder().get("command") != "run":
            return None
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError, ValueError):
                found: dict[str, str] = json.loads(self.services.read_text())
                return found
            if self._try_lock():
                self._unlock()
                return None
            time.sleep(0.2)
        raise Problem("./dev run has been starting for more than 90 s: look at its window, or stop it and try again.")

    def prepared(self) -> str:
        """What the data was last prepared from; empty when never."""
        try:
            return (self.path / "prepared").read_text()
        except OSError:
            return ""

    def note_prepared(self, digest: str) -> None:
        """Remember what the data was prepared from."""
        write_private(self.path / "prepared", digest)

    def publish(self, addresses: Mapping[str, str]) -> None:
        """Let `./dev manage` find the running services."""
        write_private(self.services, json.dumps(dict(addresses)))

    def _try_lock(self) -> bool:
        handle = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            return False
        self.lock = handle
        return True

    def _unlock(self) -> None:
        if self.lock is not None:
            os.close(self.lock)
            self.lock = None

    @contextlib.contextmanager
    def held(self, command: str) -> Iterator[int]:
        """Hold the folder for this command; yields the lock's descriptor, which the guard inherits.

        Raises Problem at once if `./dev run` holds it, and after a minute if something else does.
        """
        deadline, told = time.monotonic() + 60, False
        while not self._try_lock():
            holder = self.holder()
            pid = int(holder.get("pid", 0))
            if holder.get("command") == "run" and _exists(pid):
                where = holder.get("url", "")
                raise Problem(
                    f"Jiexu already runs here (process {pid}, {where}): use that one, or stop it with `kill {pid}`."
                )
            if time.monotonic() > deadline:
                raise Problem(
                    f"{self.path} is still in use by another ./dev command: wait for it to end and try again."
                )
            if not told:
                say("Waiting for another ./dev command here to end …")
                told = True
            time.sleep(0.1)
        assert self.lock is not None
        self.describe(command)
        try:
            yield self.lock
        finally:
            self.services.unlink(missing_ok=True)
            self._unlock()

    def describe(self, command: str, url: str = "") -> None:
        """Write into the lock who holds it."""
        assert self.lock is not None
        os.ftruncate(self.lock, 0)
        os.pwrite(self.lock, json.dumps({"command": command, "pid": str(os.getpid()), "url": url}).encode(), 0)


def _exists(pid: int) -> bool:
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return not _zombie(pid)


def _zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (OSError, IndexError):
        return False
