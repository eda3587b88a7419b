"""The words after `./dev`."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from config.local import virtualenv
from config.local.console import ROOT, Problem, Told, complain, paint, say
from config.local.home import Home
from config.local.processes import Guard, Supervisor, foreground, signals_held, signals_raise
from config.local.servers import Postgres, Valkey, free_port

READY_SECONDS = 90.0
PACKAGES = ("accounts", "config", "notifications", "transfers")
PREPARED_FROM = {".py", ".po", ".json", ".csv", ".toml"}
# Celery's advice against root is for production; in a container root is often the only user there is.
CALM = {"PYTHONWARNINGS": "ignore:You're running the worker with superuser privileges"}

HELP = """\
./dev: everything for working on Jiexu, with nothing installed but Python 3.11 or later.

  ./dev run                 start it all: PostgreSQL, Valkey, web, worker and beat; Ctrl-C stops it
  ./dev test [pytest …]     run the tests on throw-away servers; arguments go to pytest
  ./dev manage COMMAND …    a management command on the same services (`./dev manage help` lists them)
  ./dev check               format, lint, types, floors, security, migrations, translations, deployment
  ./dev demo                drive two cases through the real surfaces and print what happened
  ./dev bench [NAME …]      measure beside the limit and the peers
  ./dev simulate            live through some weeks of a country: what is late, who is reminded
  ./dev faults              break what can break, and count what is lost or doubled

Settings, from the environment (all of them: config/settings.py):
  PORT=8000                 where ./dev run serves, on 127.0.0.1
  DATABASE_URL, REDIS_URL   use these servers and start none; set both or neither
  JIEXU_HOME=.run           where data, secrets and logs are kept; remove that folder to start anew
"""


def main(arguments: list[str]) -> int:
    """Run one command; every foreseeable failure is one sentence on standard error and exit code 1."""
    word, rest = (arguments[0], arguments[1:]) if arguments else ("help", [])
    commands: dict[str, Callable[[list[str]], int]] = {
        "run": run,
        "test": test,
        "manage": manage,
        "check": check,
        "demo": demo,
        "bench": bench,
        "simulate": simulate,
        "faults": faults,
    }
    if word in {"help", "-h", "--help"} or (
        word in commands and word in {"run", "check"} and {"-h", "--help"} & set(rest)
    ):
        say(HELP, end="")
        return 0
    if word not in commands:
        complain(f"There is no ./dev {word}: try ./dev --help.")
        return 2
    if word in {"run", "check"} and rest:
        complain(f"./dev {word} takes no arguments, but was given {' '.join(rest)}: see ./dev --help.")
        return 2
    try:
        with signals_raise():
            return commands[word](rest)
    except Told:
        return 1
    except Problem as problem:
        complain(paint(str(problem), "red") if sys.stderr.isatty() else str(problem))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # nobody reads us any more: end without a second complaint
    except OSError as error:
        where = f" {error.filename}" if error.filename else ""
        complain(f"The system refused something ({error.strerror}:{where}): check permissions and free disk space.")
    return 1


# --- the pieces ---------------------------------------------------------------------------------


def external() -> dict[str, str] | None:
    """The person's own servers, or None. Raises Problem when only one of the two is named or one does not answer."""
    named = {name: os.environ[name] for name in ("DATABASE_URL", "REDIS_URL") if os.environ.get(name)}
    if not named:
        return None
    if len(named) == 1:
        (one,) = named
        other = "REDIS_URL" if one == "DATABASE_URL" else "DATABASE_URL"
        raise Problem(
            f"{one} is set but {other} is not: set both to use your own servers, or neither to have them started."
        )
    for name, port in (("DATABASE_URL", 5432), ("REDIS_URL", 6379)):
        try:
            address = urlsplit(named[name])
            host, number = address.hostname or "localhost", address.port or port
        except ValueError as error:
            raise Problem(f"{name} is not an address ({error}): see .env.example for its form.") from error
        if not address.scheme or address.scheme == "unix" or host.startswith(("/", "%2f")):
            continue
        try:
            socket.create_connection((host, number), 5).close()
        except OSError as error:
            raise Problem(
                f"The server of {name} does not answer at {host}:{number} ({error.strerror or error}): "
                f"start it, or correct {name}."
            ) from error
    return named


def groups(*more: str) -> tuple[str, ...]:
    """The requirement groups that a command needs."""
    return ("base", *(() if external() else ("embedded",)), *more)


@contextlib.contextmanager
def servers(guard: Guard, home: Home, python: Path, *, durable: bool = True) -> Iterator[dict[str, str]]:
    """Start both servers, or use the person's own; yields their addresses as environment variables."""
    if own := external():
        yield own
        return
    postgres = Postgres(guard, home, python, durable=durable)
    valkey = Valkey(guard, home, python, durable=durable)
    try:
        postgres.start()
        valkey.start()
        postgres.ready("jiexu")
        valkey.ready()
        yield {"DATABASE_URL": postgres.url("jiexu"), "REDIS_URL": valkey.url}
    finally:
        with signals_held():
            valkey.stop()
            postgres.stop()


@contextlib.contextmanager
def guarded(home: Home, command: str) -> Iterator[Guard]:
    """Hold the folder and have a guard while the command runs. What is written from here on is private."""
    os.umask(0o077)
    with home.held(command) as lock:
        guard = Guard(lock)
        try:
            yield guard
        finally:
            with signals_held():
                guard.close()


@contextlib.contextmanager
def throw_away(purpose: str, python: Path, *, durable: bool = False) -> Iterator[tuple[Guard, Home, dict[str, str]]]:
    """A folder and servers for one command, gone afterwards however it ends; yields the environment to run it in."""
    home = Home.throw_away(purpose)
    try:
        with guarded(home, purpose) as guard:
            guard.remove_later(home.path)
            with servers(guard, home, python, durable=durable) as addresses:
                yield guard, home, home.environment() | addresses
    finally:
        shutil.rmtree(home.path, ignore_errors=True)


def django(python: Path, *words: str) -> list[str]:
    """The command line of a management command."""
    return [str(python), str(ROOT / "manage.py"), *words]


def prepare(guard: Guard, python: Path, env: Mapping[str, str], *words: str, **pipes: Any) -> None:
    """Bring translations, schema, reference data and demonstration data up to date."""
    if foreground(guard, django(python, "prepare", *words), env, stdin=subprocess.DEVNULL, **pipes):
        raise Told


def prepared_from(env: Mapping[str, str]) -> str:
    """A digest of what `prepare` reads, by name, size and time: while it stays the same, nothing needs preparing."""
    digest = hashlib.sha256(env["DEMO"].encode())
    for path in sorted(path for part in PACKAGES for path in (ROOT / part).rglob("*") if path.suffix in PREPARED_FROM):
        if path.suffix != ".py" or "migrations" in path.parts:
            state = path.stat()
            digest.update(f"{path} {state.st_size} {state.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def port_to_serve() -> int:
    """PORT, when it is a port that we may use now."""
    text = os.environ.get("PORT") or "8000"
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise Problem(
            f"PORT={text} is not a port: set it to a number from 1 to 65535, for example PORT=8001 ./dev run."
        )
    port = int(text)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except PermissionError as error:
            raise Problem(
                f"Port {port} needs more rights than you have: choose one from 1024, as PORT=8001 ./dev run."
            ) from error
        except OSError as error:
            raise Problem(
                f"Port {port} is in use by another program: stop that one, or choose another port, as "
                f"PORT={port + 1} ./dev run."
            ) from error
    return port


def start_programs(supervisor: Supervisor, python: Path, port: int) -> None:
    """Start web, worker and beat."""
    bin_folder = python.parent
    web: list[str | Path] = [
        python,
        bin_folder / "granian",
        "--interface",
        "wsgi",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    web += ["--workers", "1", "--blocking-threads", "4", "--log-level", "warning", "config.wsgi:application"]
    celery: list[str | Path] = [python, "-m", "celery", "--quiet", "--app", "config"]
    level = os.environ.get("LOG_LEVEL", "INFO").upper()
    supervisor.add("web", web, "cyan")
    supervisor.add(
        "worker", [*celery, "worker", "--concurrency", "2", "--loglevel", level, "--without-mingle"], "green"
    )
    supervisor.add("beat", [*celery, "beat", "--loglevel", level], "magenta")


def wait_ready(supervisor: Supervisor, base: str) -> None:
    """Wait until the health page says that everything runs."""
    deadline, answer = time.monotonic() + READY_SECONDS, "no answer"
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    ask_at = 0.0
    while (now := time.monotonic()) < deadline:
        supervisor.pump(0.1)
        if now < ask_at:
            continue
        ask_at = now + 0.5
        try:
            with direct.open(f"{base}/healthz", timeout=3):
                return
        except urllib.error.HTTPError as error:
            answer = error.read(2000).decode(errors="replace")
        except OSError as error:
            answer = str(error)
    raise Problem(f"Jiexu did not become ready within {READY_SECONDS:.0f} s ({answer}): see the lines above.")


# --- the commands -------------------------------------------------------------------------------


def run(_arguments: list[str]) -> int:
    """Start everything and serve until told to stop."""
    home = Home()
    if home.running() is None:
        external()
        port_to_serve()
    python = virtualenv.ensure(*groups())
    with guarded(home, "run") as guard:
        port = port_to_serve()
        base = f"http://127.0.0.1:{port}"
        home.describe("run", base)
        say(
            "Starting PostgreSQL and Valkey …"
            if external() is None
            else "Using the servers of DATABASE_URL and REDIS_URL …"
        )
        with servers(guard, home, python) as addresses:
            env = home.environment() | addresses | {"PUBLIC_URL": base} | CALM
            sign_ins = home.path / "signins.txt"
            sign_ins.unlink(missing_ok=True)
            prepare(guard, python, env, "--signins", str(sign_ins))
            supervisor = Supervisor(guard, env)
            try:
                start_programs(supervisor, python, port)
                wait_ready(supervisor, base)
                home.publish(addresses)
                say(welcome(base, sign_ins))
                while True:
                    supervisor.pump(0.5)
            except KeyboardInterrupt:
                say("\nStopping …")
            finally:
                with signals_held():
                    supervisor.stop()
    say(f"Stopped; the data stays in {home.path}.")
    return 0


def welcome(base: str, sign_ins: Path) -> str:
    """Addresses and demonstration sign-ins."""
    lines = ["", paint("Jiexu is ready.", "bold"), f"  Console   {base}/console/", f"  Look-up   {base}/track/"]
    lines += [f"  API       {base}/api/v1/openapi.json", f"  Health    {base}/healthz", ""]
    if sign_ins.exists():
        lines += [*sign_ins.read_text().splitlines(), ""]
    return "\n".join([*lines, "Ctrl-C stops everything."])


def manage(arguments: list[str]) -> int:
    """Run a management command on the services of `./dev run`, or on services started for it."""
    python = virtualenv.ensure(*groups())
    home = Home()
    if (addresses := home.running()) is not None:
        guard = Guard()
        try:
            return foreground(guard, django(python, *arguments), home.environment() | addresses)
        finally:
            guard.close()
    with guarded(home, "manage") as guard, servers(guard, home, python) as addresses:
        env = home.environment() | addresses
        if external() is None and home.prepared() != (now := prepared_from(env)):
            prepare(guard, python, env, stdout=sys.stderr)
            home.note_prepared(now)
        return foreground(guard, django(python, *arguments), env)


def test(arguments: list[str]) -> int:
    """Run pytest on throw-away servers, two processes at a time unless the arguments say otherwise."""
    python = virtualenv.ensure(*groups("test"))
    command = [str(python), "-m", "pytest", *parallel(arguments), *arguments]
    with throw_away("test", python) as (guard, _home, env):
        return foreground(guard, command, env | {"DEMO": "false", "LOG_LEVEL": "WARNING"})


def parallel(arguments: list[str]) -> list[str]:
    """`-n 2` for the whole suite; one process when single files or tests are named or pytest is told how."""
    told = any(
        word.startswith(("-n", "--numprocesses", "--dist", "-p", "--pdb", "--co", "-h", "--help")) for word in arguments
    )
    single = any(".py" in word for word in arguments)
    return [] if told or single else ["-n", "2", "--dist", "worksteal"]


def demo(arguments: list[str]) -> int:
    """Drive the demonstration on a throw-away stack of its own."""
    python = virtualenv.ensure(*groups())
    with throw_away("demo", python, durable=True) as (guard, home, env):
        port = free_port()
        base = f"http://127.0.0.1:{port}"
        env = env | {"PUBLIC_URL": base} | CALM
        prepare(guard, python, env)
        with (home.path.parent / "demo.log").open("w") as log:
            supervisor = Supervisor(guard, env, log=log)
            try:
                start_programs(supervisor, python, port)
                wait_ready(supervisor, base)
                command = django(python, "demo", "--base-url", base, *arguments)
                return foreground(guard, command, env, meanwhile=lambda: supervisor.pump(0.1))
            finally:
                with signals_held():
                    supervisor.stop()


def bench(arguments: list[str]) -> int:
    """Measure on a throw-away PostgreSQL that writes durably."""
    python = virtualenv.ensure(*groups("test", "bench"))
    with throw_away("bench", python, durable=True) as (guard, _home, env):
        env = env | {"DEBUG": "false", "HTTPS": "false", "LOG_LEVEL": "WARNING"}
        prepare(guard, python, env, "--no-demo")
        return foreground(guard, django(python, "bench", *arguments), env)


def simulate(arguments: list[str]) -> int:
    """Live through simulated time on a throw-away PostgreSQL."""
    python = virtualenv.ensure(*groups())
    with throw_away("simulate", python) as (guard, _home, env):
        env = env | {"DEBUG": "false", "HTTPS": "false", "LOG_LEVEL": "WARNING"}
        prepare(guard, python, env, "--no-demo")
        return foreground(guard, django(python, "simulate", *arguments), env)


def faults(arguments: list[str]) -> int:
    """Break things on servers that the command starts and ends by itself, whatever the person's own are."""
    python = virtualenv.ensure("base", "embedded", "test")
    guard = Guard()
    try:
        return foreground(guard, [python, "-m", "faults", *arguments], os.environ)
    finally:
        guard.close()


def check(_arguments: list[str]) -> int:
    """Run every check, say which failed, and show why."""
    python = virtualenv.ensure(*groups("test", "check"))
    tools = python.parent
    with throw_away("check", python) as (_guard, _home, env):
        production = env | {
            "DEBUG": "false",
            "DEMO": "false",
            "HTTPS": "true",
            "HSTS_SUBDOMAINS": "true",
            "ALLOWED_HOSTS": "jiexu.example",
            "EMAIL_URL": "smtp+tls://jiexu:secret@mail.example:587",
            "SMS_GATEWAY_URL": "https://sms.example/send",
            "SMS_GATEWAY_KEY": env["LOOKUP_KEY"],
        }
        steps: list[tuple[str, list[str], Mapping[str, str]]] = [
            ("format", [str(tools / "ruff"), "format", "--check", "."], env),
            ("lint", [str(tools / "ruff"), "check", "."], env),
            ("types", [str(tools / "mypy")], env),
            ("floors", [str(tools / "lint-imports")], env),
            ("security", [str(tools / "bandit"), "-q", "-r", "-c", "pyproject.toml", *PACKAGES, "dev"], env),
            ("migrations complete", django(python, "makemigrations", "--check", "--dry-run"), env),
            ("translations complete", django(python, "translations", "check"), env),
            ("deployment", django(python, "check", "--deploy", "--fail-level", "WARNING"), production),
        ]
        failed = [name for name, command, setting in steps if not passes(name, command, setting)]
    if failed:
        complain(f"{len(failed)} of {len(steps)} checks failed: {', '.join(failed)}.")
        return 1
    say(f"All {len(steps)} checks passed.")
    return 0


def passes(name: str, command: list[str], env: Mapping[str, str]) -> bool:
    """Run one check and show its name, outcome and, if it failed, its output."""
    began = time.monotonic()
    say(f"{name:<22} ", end="")
    done = subprocess.run(
        command, env=dict(env), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    took = time.monotonic() - began
    if done.returncode == 0:
        say(f"{paint('ok', 'green')}  {took:.1f} s")
        return True
    say(f"{paint('failed', 'red')}  {took:.1f} s")
    say(done.stdout.rstrip())
    return False
