"""Says on which day a limit of working days ends in an area, and why."""

from __future__ import annotations

import json
from argparse import ArgumentParser, ArgumentTypeError
from datetime import date
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import override

from transfers.models import Area
from transfers.models.labels import said
from transfers.rules.errors import Refusal
from transfers.rules.parties import Named
from transfers.rules.workdays import Calendar
from transfers.sla.calendars import calendar_for


def day(text: str) -> date:
    """An argument that is a date."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not a date like 2026-02-14") from None
    if found.isoformat() != text:
        raise ArgumentTypeError(f"{text!r} is not a date like 2026-02-14")
    return found


def number(text: str) -> int:
    """An argument that is a number of working days."""
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= 1000 and len(text) <= 4):
        raise ArgumentTypeError(f"{text!r} is not a whole number from 1 to 1000")
    return int(text)


class Command(BaseCommand):
    help = (
        "Print the day on which a limit of working days ends in an area. The starting day is not counted "
        "(民法典 201); the area's own holidays overrule the nation's."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--area", required=True, metavar="CODE", help="six-digit area code, such as 320100")
        parser.add_argument("--start", required=True, type=day, metavar="YYYY-MM-DD", help="the starting day")
        parser.add_argument("--days", required=True, type=number, metavar="N", help="how many working days")
        parser.add_argument("--explain", action="store_true", help="show each day, whether it counts, and why")
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        parser.add_argument(
            "--language",
            choices=[code for code, _name in settings.LANGUAGES],
            default=settings.LANGUAGE_CODE,
            help="language of the reasons (default: %(default)s)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        area = Area.objects.filter(pk=options["area"]).first()
        if area is None:
            if not Area.objects.exists():
                raise CommandError("There are no areas yet. Run `load_reference` first.")
            raise CommandError(
                f"There is no area {options['area']!r}. Give a six-digit code, such as 320100 for Nanjing."
            )
        start, days = options["start"], options["days"]
        try:
            calendar = calendar_for(area.code)
            due = calendar.add(start, days)
        except Refusal as error:
            raise CommandError(error.en) from error
        if options["json"]:
            self.stdout.write(
                json.dumps(self.as_data(area, calendar, start, days, options["explain"]), ensure_ascii=False)
            )
            return
        with override(options["language"]):
            if options["explain"]:
                for note in calendar.explain(start, days):
                    counted = "-" if note.counted is None else str(note.counted)
                    self.stdout.write(f"{note.date}  {counted:>3}  {said(note)}")
            if calendar.depends_on_provisional(start, due):
                last = calendar.covered_until
                self.stdout.write(f"{due}  [{said(Named('暂定', 'provisional'))}]")
                self.stdout.write(
                    said(
                        Named(
                            f"放假通知只公布到{last}，此后按法定节假日推算，正式通知印发后可能变动。",
                            f"The official notices end on {last}; later days rest on the statute alone and may change.",
                        )
                    )
                )
            else:
                self.stdout.write(str(due))

    def as_data(self, area: Area, calendar: Calendar, start: date, days: int, explain: bool) -> dict[str, Any]:
        """The answer for programs."""
        due = calendar.add(start, days)
        data: dict[str, Any] = {
            "area": area.code,
            "name": area.name,
            "start": start.isoformat(),
            "days": days,
            "due": due.isoformat(),
            "provisional": calendar.depends_on_provisional(start, due),
            "calendar": {
                "region": calendar.region,
                "version": calendar.version,
                "documents": list(calendar.document_numbers),
                "covered_until": calendar.covered_until.isoformat(),
            },
        }
        if explain:
            data["explanation"] = [
                {
                    "date": note.date.isoformat(),
                    "working": note.working,
                    "counted": note.counted,
                    "zh": note.zh,
                    "en": note.en,
                    "provisional": note.provisional,
                }
                for note in calendar.explain(start, days)
            ]
        return data
