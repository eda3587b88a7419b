"""`manage.py load_demo`: people and cases for trying everything out. Safe to repeat; refuses on a real installation."""

from __future__ import annotations

import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from transfers.demo import welcome
from transfers.demo.loading import load
from transfers.demo.stories import STORIES
from transfers.models import Agency


class Command(BaseCommand):
    help = "Load synthetic people and cases in every state, once. Only where DEMO is set."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMO:
            raise CommandError(
                "Demonstration data does not belong on a real installation: set DEMO=true only where there are no "
                "real cases."
            )
        if settings.SMS_GATEWAY_URL:
            raise CommandError(
                "The telephone numbers of the demonstration may be somebody's: unset SMS_GATEWAY_URL, so that messages "
                "are written into SMS_FILE, and try again."
            )
        if not Agency.objects.exists():
            raise CommandError("There are no agencies yet: run load_reference first.")
        began = time.monotonic()
        if load(now=timezone.now(), tell=self.tell):
            self.stdout.write(f"  {len(STORIES)} cases in {time.monotonic() - began:.1f} s")
        else:
            self.stdout.write("  demonstration data is there already; nothing was changed")
        if options["verbosity"]:
            self.stdout.write("\n".join(["", *welcome.lines()]))

    def tell(self, done: int, total: int, day: str) -> None:
        """A bar on a terminal; a line now and then elsewhere."""
        if self.stdout.isatty():
            bar = "█" * (20 * done // total)
            self.stdout.write(f"\r  [{bar:<20}] {done}/{total} {day}", ending="\n" if done == total else "")
        elif done % 80 == 0:
            self.stdout.write(f"  {done} of {total} steps, {day}")
        self.stdout.flush()
