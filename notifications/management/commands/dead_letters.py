"""`manage.py dead_letters`: what could not be delivered, and another try."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from notifications import outbox


class Command(BaseCommand):
    help = "List the letters that will not be tried again, or try them again with --replay or --all."

    def add_arguments(self, parser: CommandParser) -> None:
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--replay", nargs="+", type=int, metavar="ID", help="try these again")
        which.add_argument("--all", action="store_true", help="try all of them again")
        parser.add_argument("--limit", type=int, default=200, help="how many to list (default 200)")

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        if options["replay"] or options["all"]:
            wanted = set(options["replay"] or outbox.dead_letters().values_list("id", flat=True))
            replayed = outbox.replay(wanted, actor=None, now=now)
            self.stdout.write(f"replayed={len(replayed)}")
            if missing := sorted(wanted - set(replayed)):
                raise CommandError(f"Not dead, so not replayed: {', '.join(map(str, missing))}.")
            return
        dead = outbox.dead_letters()
        for letter in dead.defer("address", "secret")[: options["limit"]]:
            written = timezone.localtime(letter.created_at)
            self.stdout.write(
                f"{letter.pk}  {written:%Y-%m-%d %H:%M}  {letter.channel:<7}  {letter.template:<20}  "
                f"{letter.subject_ref or '-':<24}  {letter.attempts} attempts  "
                f"{letter.last_error_code} {letter.last_error}"
            )
        self.stdout.write(f"dead={dead.count()}")
