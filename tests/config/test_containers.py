"""The containers: read without an engine, checked for what matters."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
REQUIRED = {
    *("POSTGRES_PASSWORD", "VALKEY_PASSWORD", "SECRET_KEY", "FIELD_KEYS", "LOOKUP_KEY", "CASE_NUMBER_KEY"),
    "PUBLIC_URL",
}
OURS = {"web", "worker", "beat", "migrate"}
SERVERS = {"db", "redis"}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())


@pytest.fixture(scope="module")
def image() -> str:
    return (ROOT / "Dockerfile").read_text().replace("\\\n", " ")


def settings_table() -> set[str]:
    text = (ROOT / "config" / "settings.py").read_text()
    return {name for row in re.findall(r"^\| (`[A-Z`, _]+`) \|", text, re.M) for name in re.findall(r"[A-Z_]+", row)}


def test_all_parts_are_there(compose: dict[str, Any]) -> None:
    assert set(compose["services"]) == OURS | SERVERS


@pytest.mark.parametrize("name", sorted(OURS | SERVERS))
def test_no_part_has_more_rights_than_it_needs(compose: dict[str, Any], name: str) -> None:
    part = compose["services"][name]
    assert part["read_only"] is True
    assert "no-new-privileges:true" in part["security_opt"]
    assert "privileged" not in part
    if name != "db":  # its entry script gives its own rights up
        assert part["cap_drop"] == ["ALL"]


def test_servers_cannot_be_reached_from_outside(compose: dict[str, Any]) -> None:
    for name in SERVERS:
        assert "ports" not in compose["services"][name]
        assert compose["services"][name]["networks"] == ["inside"]
    assert compose["networks"]["inside"]["internal"] is True
    assert [name for name in compose["services"] if "ports" in compose["services"][name]] == ["web"]


@pytest.mark.parametrize("name", ["web", "worker", "beat"])
def test_programs_wait_for_servers_and_set_up(compose: dict[str, Any], name: str) -> None:
    waits = {other: how["condition"] for other, how in compose["services"][name]["depends_on"].items()}
    assert waits == {
        "db": "service_healthy",
        "redis": "service_healthy",
        "migrate": "service_completed_successfully",
    }
    assert compose["services"]["migrate"]["restart"] == "no"


@pytest.mark.parametrize("name", ["db", "redis", "worker", "beat"])
def test_every_part_has_a_health_check(compose: dict[str, Any], name: str) -> None:
    assert compose["services"][name]["healthcheck"]["test"]


def test_secrets_come_from_the_environment_and_must_be_there(compose: dict[str, Any]) -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    for name in REQUIRED:
        uses = re.findall(rf"\${{{name}([^}}]*)}}", text)
        assert uses
        assert all(use.startswith(":?") for use in uses), name


def test_every_setting_that_containers_get_is_known(compose: dict[str, Any]) -> None:
    known = settings_table()
    assert {"DATABASE_URL", "SMS_GATEWAY_KEY", "LOG_LEVEL"} <= known
    for name in OURS:
        given = set(compose["services"][name]["environment"])
        assert given - known <= {"GRANIAN_WORKERS"}
        assert {"DATABASE_URL", "REDIS_URL", "SECRET_KEY"} <= given


def test_example_names_every_variable_once() -> None:
    used = set(re.findall(r"\$\{([A-Z_]+)", (ROOT / "docker-compose.yml").read_text()))
    shown = re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.M)
    assert len(shown) == len(set(shown))
    assert set(shown) <= used
    assert used - set(shown) == {"HTTPS", "LOG_LEVEL", "JIEXU_VERSION"}
    secret = re.findall(r"^([A-Z_]*(?:PASSWORD|KEY|KEYS|TOKEN))=(.+)$", (ROOT / ".env.example").read_text(), re.M)
    assert secret == []


def test_image_is_pinned_and_not_root(image: str) -> None:
    assert "--require-hashes" in image
    assert re.search(r"^USER jiexu$", image, re.M)
    assert image.index("USER jiexu") < image.index("\nCMD ")
    assert re.search(r"^HEALTHCHECK ", image, re.M)
    assert not re.search(r"^(?:ENV|ARG) .*(?:SECRET|KEY|PASSWORD)", image, re.M)
    for step in ("translations compile", "collectstatic"):
        assert step in image


def test_image_takes_only_what_runs() -> None:
    lines = (ROOT / ".dockerignore").read_text().split()
    assert lines[0] == "*"
    taken = {line[1:].split("/")[0] for line in lines if line.startswith("!")}
    copied = set(re.findall(r"^COPY (?!--from)(\S+)", (ROOT / "Dockerfile").read_text(), re.M))
    assert {name.split("/")[0] for name in copied} <= taken
    assert not {"tests", ".git", ".env", ".run"} & taken
