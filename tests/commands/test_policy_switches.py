"""docs/policies.md says what the switches and the shipped editions say, and a stale one is found."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from transfers.management.commands.policy_switches import FILE
from transfers.reference import files
from transfers.rules.policy import SWITCHES


def test_the_tables_are_current_and_complete(settings):
    call_command("policy_switches", "--check")
    text = (settings.BASE_DIR / FILE).read_text(encoding="utf-8")
    for switch in SWITCHES.values():
        assert f"| `{switch.code}` {switch.named.zh} |" in text
        assert all(f"`{code}` " in text for code in switch.choices)
    for policy in files.read().policies:
        assert policy.document_number in text


def test_a_stale_file_is_found_and_mended(settings, tmp_path):
    (tmp_path / "docs").mkdir()
    text = (settings.BASE_DIR / FILE).read_text(encoding="utf-8")
    settings.BASE_DIR = tmp_path
    (tmp_path / FILE).write_text(text.replace("| `out_days`", "| `days`"), encoding="utf-8")
    with pytest.raises(CommandError, match="out of date"):
        call_command("policy_switches", "--check")
    call_command("policy_switches")
    assert (tmp_path / FILE).read_text(encoding="utf-8") == text
