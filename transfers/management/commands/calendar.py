"""Looks at, or loads, a yearly notice of working days from a file."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts.models import User
from transfers.actions import calendars
from transfers.reference import notices
from transfers.rules.errors import Refusal
from transfers.rules.workdays import Notice
from transfers.sla.recompute import Recomputed, recompute

HEAD = (
    ("--region", {"metavar": "CODE", "help": "region of the notice, 100000 for the nation"}),
    ("--year", {"type": int, "metavar": "YYYY", "help": "year of the notice"}),
    (
        "--number",
        {"type": int, "metavar": "N", "dest": "notice_version", "help": "version of the notice within its year"},
    ),
    ("--document", {"metavar": "TEXT", "help": "document number (文号)"}),
    ("--issued", {"metavar": "YYYY-MM-DD", "help": "day of issue"}),
    ("--provisional", {"action": "store_true", "help": "the days follow from the statute alone"}),
    ("--source", {"metavar": "TEXT", "help": "where the days come from, and what could not be checked"}),
)


class Command(BaseCommand):
    help = (
        "Look at what a notice of working days would change (preview), or load it (load). FILE is JSON as in "
        "transfers/reference/calendars, or CSV with the columns date,working,name_zh,name_en; - is standard input."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        subcommands = parser.add_subparsers(dest="what", required=True, parser_class=CommandParser)
        for name, text in (
            ("preview", "say which days and which open limits would change; nothing is written"),
            ("load", "load the notice and count open limits anew"),
        ):
            sub = subcommands.add_parser(name, help=text, description=text)
            sub.add_argument("file", metavar="FILE")
            head = sub.add_argument_group("for a CSV file, which has no head")
            for option, settings in HEAD:
                head.add_argument(option, **settings)
            if name == "load":
                sub.add_argument("--by", metavar="USERNAME", help="who loads it, to be recorded")
                sub.add_argument(
                    "--later", action="store_true", help="leave the counting to the scheduled task (every ten minutes)"
                )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            notice = notices.from_text(self.text(options["file"]), head=self.head(options))
            if options["what"] == "preview":
                self.show(calendars.preview(notice))
                return
            user = self.user(options["by"])
            calendars.load(notice, user_id=user, now=timezone.now())
        except Refusal as error:
            listed = "\n".join(f"  - {problem}" for problem in getattr(error, "problems", (error.en,)))
            raise CommandError(f"Nothing was loaded. Correct this and run it again:\n{listed}") from error
        self.stdout.write(f"Loaded {notice.tag} ({notice.document_number}).")
        if not options["later"]:
            done = recompute(now=timezone.now(), tell=self.progress)
            self.stdout.write(said_of(done))

    def text(self, name: str) -> str:
        try:
            return sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
        except OSError as error:
            raise CommandError(f"{name} cannot be read ({error.strerror}).") from error
        except UnicodeDecodeError as error:
            raise CommandError(f"{name} is not text in UTF-8.") from error

    def head(self, options: dict[str, Any]) -> dict[str, Any]:
        return {
            "region": options["region"],
            "year": options["year"],
            "version": options["notice_version"],
            "document_number": options["document"],
            "issued_on": options["issued"],
            "provisional": options["provisional"] or None,
            "source": options["source"],
        }

    def user(self, name: str | None) -> int | None:
        if name is None:
            return None
        found = User.objects.filter(username=name, is_active=True).values_list("pk", flat=True).first()
        if found is None:
            raise CommandError(f"There is no active user {name!r}.")
        return found

    def show(self, preview: calendars.Preview) -> None:
        notice: Notice = preview.notice
        over = f"in place of {preview.replaces}" if preview.replaces else "the first of its region and year"
        self.stdout.write(f"{notice.tag}  {notice.document_number}  ({over})")
        self.stdout.write(
            f"{len(preview.days)} days are counted otherwise; {preview.firm} days are no longer provisional"
        )
        for day in preview.days:
            mark = "work" if day.working else "off "
            self.stdout.write(f"  {day.date}  {mark}  {day.before.zh}  →  {day.after.zh}")
        self.stdout.write(f"{preview.moving} of {preview.clocks} open limits would end on another day")
        for region in preview.regions:
            self.stdout.write(
                f"  {region.code} {region.name}: {region.later} later, {region.earlier} earlier, of {region.clocks}"
            )
            for example in region.examples:
                self.stdout.write(f"    {example.number}  {example.named.zh}  {example.old}  →  {example.new}")

    def progress(self, done: Recomputed) -> None:
        """One line that moves on; nothing where it would fill a log."""
        if self.stdout.isatty():
            self.stdout.write(f"\r{done.clocks} open limits counted anew …", ending="")
            self.stdout.flush()


def said_of(done: Recomputed) -> str:
    """What a recomputing did, in one line."""
    text = f"{done.clocks} open limits counted anew, {done.moved} changed, {done.told} letters to people"
    return f"{text}, {done.failed} could not be counted (see the log)" if done.failed else text
