"""`manage.py policy_switches`: the tables in docs/policies.md from the declared switches and the shipped editions."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from transfers.reference import files
from transfers.rules.policy import GROUPS, SWITCHES, Switch, read_value, resolve, worded
from transfers.rules.workdays import NATION

FILE = Path("docs", "policies.md")
BEGIN, END = "<!-- generated: begin -->", "<!-- generated: end -->"


class Command(BaseCommand):
    help = "Write the tables of docs/policies.md; --check only tells whether they are current."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="write nothing; fail when the file is out of date")

    def handle(self, *args: Any, **options: Any) -> None:
        path = settings.BASE_DIR / FILE
        before = path.read_text(encoding="utf-8")
        after = renewed(before)
        if options["check"]:
            if before != after:
                raise CommandError(f"{FILE} is out of date: run ./dev manage policy_switches and commit the result.")
            self.stdout.write(f"{FILE} is current.")
            return
        path.write_text(after, encoding="utf-8")
        self.stdout.write(f"Wrote {FILE}.")


def renewed(text: str) -> str:
    """The document with its generated part made anew."""
    head, rest = text.split(BEGIN)
    _old, tail = rest.split(END)
    return "".join((head, BEGIN, "\n", "\n".join(_tables()), "\n", END, tail))


def _tables() -> Iterator[str]:
    reference = files.read()
    (nation,) = (policy for policy in reference.policies if policy.area == NATION)
    national = resolve([nation.values])
    for group, named in GROUPS.items():
        yield from ("", f"### {named.en} ({named.zh})", "", "| switch | meaning | values | nationally | basis |")
        yield "|---|---|---|---|---|"
        for switch in SWITCHES.values():
            if switch.group == group:
                value = worded(switch, getattr(national, switch.code)).en
                if switch.kind == "text":
                    value = "neutral wording"
                yield (
                    f"| `{switch.code}` {switch.named.zh} | {switch.explained.en} | {_values(switch)} | {value} "
                    f"| {switch.basis.en} |"
                )
    areas = {area.code: area for area in reference.areas}
    yield from (
        "",
        "### Shipped editions",
        "",
        "| area | version | valid | document | lays down |",
        "|---|---|---|---|---|",
    )
    for policy in reference.policies:
        if policy.area == NATION:
            laid = "the nation's values and the ladder"
        else:
            laid = "; ".join(f"`{name}` {_laid(SWITCHES[name], value)}" for name, value in policy.values.items())
        valid = f"{policy.valid_from} – {policy.valid_to or '…'}"
        area = areas[policy.area]
        yield f"| {policy.area} {area.name} | {policy.version} | {valid} | {policy.document_number} | {laid} |"
    yield ""


def _laid(switch: Switch, value: Any) -> str:
    return "own wording" if switch.kind == "text" else worded(switch, read_value(switch, value)).en


def _values(switch: Switch) -> str:
    none = f", or null: {switch.none.en.lower()}" if switch.optional else ""
    match switch.kind:
        case "number":
            unit = f" {switch.unit.en}" if switch.unit else ""
            return f"{switch.least}–{switch.most}{unit}{none}"
        case "decimal":
            return f'"{switch.least}"–"{switch.most}"{none}'
        case "choice" | "choices":
            listed = " · ".join(f"`{code}` {named.en}" for code, named in switch.choices.items())
            return f"{'any of ' if switch.kind == 'choices' else ''}{listed}"
        case "flag":
            return "`true` · `false`"
        case "time":
            return f'"HH:MM"{none}'
        case "span":
            return f'{{"from": "MM-DD", "to": "MM-DD"}}{none}'
        case "text":
            return f"text, at most {switch.most} characters"
    return "list of rungs (docs/adr/0004)"
