"""Brings an installation up to date: translations, schema, reference data, demonstration data."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import redis
from django.conf import settings
from django.core.management import call_command, get_commands
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, OperationalError, connection
from django.utils.module_loading import import_string


def sign_ins() -> str:
    """What to try on the demonstration data, as lines for people."""
    lines = import_string("transfers.demo.welcome.lines")
    return "\n".join([*lines(), ""])


class Command(BaseCommand):
    help = (
        "Compile translations, migrate, load reference data, and demonstration data when DEMO is set. Safe to repeat."
    )
    requires_system_checks: list[str] = []
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--no-demo", action="store_true", help="load no demonstration data")
        parser.add_argument("--signins", metavar="FILE", help="write the demonstration sign-ins into this file")

    def handle(self, *args: Any, **options: Any) -> None:
        self.ask_servers()
        call_command("translations", "compile", stdout=self.stdout, stderr=self.stderr)
        self.step("schema", "migrate", interactive=False, verbosity=0)
        self.step("partitions", "partitions", "--make")
        self.step("reference data", "load_reference")
        if settings.DEMO and not options["no_demo"]:
            self.step("demonstration data", "load_demo", verbosity=0)
            if options["signins"]:
                Path(options["signins"]).write_text(sign_ins())

    def ask_servers(self) -> None:
        """Both servers must answer to the name and password we have."""
        try:
            connection.ensure_connection()
        except OperationalError as error:
            reason = str(error).strip().splitlines()[-1].rstrip(".")
            raise CommandError(f"PostgreSQL does not let us in ({reason}): correct DATABASE_URL.") from error
        try:
            redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=5, socket_timeout=5).ping()
        except (redis.RedisError, OSError, ValueError) as error:
            raise CommandError(f"Redis does not let us in ({str(error).rstrip('.')}): correct REDIS_URL.") from error

    def step(self, title: str, command: str, *words: str, **options: Any) -> None:
        """Run one command of ours, saying how long it took."""
        if command not in get_commands():
            return
        began = time.monotonic()
        try:
            call_command(command, *words, stdout=self.stdout, stderr=self.stderr, **options)
        except DatabaseError as error:
            reason = str(error).strip().splitlines()[0].rstrip(".")
            raise CommandError(f"PostgreSQL refused the {title} ({reason}): correct that and try again.") from error
        self.stdout.write(f"Prepared {title} in {time.monotonic() - began:.1f} s.")
        self.stdout.flush()
