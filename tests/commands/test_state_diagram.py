"""docs/states.md is what the transition table says, and a stale one is found."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from transfers.management.commands.state_diagram import FILE, document
from transfers.models import MOVES
from transfers.rules.money import MoneyState
from transfers.rules.routes import State


def test_the_file_is_current(settings):
    assert (settings.BASE_DIR / FILE).read_text(encoding="utf-8") == document()
    call_command("state_diagram", "--check")


def test_a_stale_or_missing_file_is_found_and_mended(settings, tmp_path):
    settings.BASE_DIR = tmp_path
    (tmp_path / "docs").mkdir()
    with pytest.raises(CommandError, match=r"run \./dev manage state_diagram"):
        call_command("state_diagram", "--check")
    call_command("state_diagram")
    call_command("state_diagram", "--check")
    (tmp_path / FILE).write_text(document().replace("claim_out", "claim"), encoding="utf-8")
    with pytest.raises(CommandError, match="out of date"):
        call_command("state_diagram", "--check")


def test_every_state_and_every_step_is_in_it():
    text = document()
    for name, declared in MOVES.items():
        assert f"| `{name}` | {declared.move.zh}" in text
        for source, target in declared.ways:
            assert f"    {source} --> {target}: {declared.move.zh}" in text
    for state in [*State, *MoneyState]:
        assert f"| `{state.value}`" in text
