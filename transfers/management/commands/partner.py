"""Partner platforms and their API keys."""

from __future__ import annotations

import secrets
from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from transfers.models import Partner


class Command(BaseCommand):
    help = "Create a partner platform, give it a new key, enable or disable it, or list them all."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
        create = verbs.add_parser("create", help="a new partner; prints its key, this once")
        create.add_argument("name")
        create.add_argument(
            "--scopes",
            default=f"{Partner.APPLY},{Partner.STATUS}",
            help=f"comma-separated, of {', '.join(Partner.SCOPES)} (default: %(default)s)",
        )
        create.add_argument("--webhook-url", default="", help="hears each change of the public line of its own cases")
        verbs.add_parser("rotate", help="a new key; the old one stops at once").add_argument("name")
        verbs.add_parser("disable", help="refuse its key").add_argument("name")
        verbs.add_parser("enable", help="accept its key again").add_argument("name")
        verbs.add_parser("list", help="every partner with its scopes")

    def handle(self, *args: Any, **options: Any) -> None:
        getattr(self, f"do_{options['verb']}")(**options)

    def do_create(self, *, name: str, scopes: str, webhook_url: str, **_options: Any) -> None:
        """A new partner."""
        partner = Partner(
            name=name.strip(),
            scopes=[scope.strip() for scope in scopes.split(",") if scope.strip()],
            webhook_url=webhook_url,
            webhook_secret=secrets.token_urlsafe(32) if webhook_url else "",
        )
        if unknown := sorted(set(partner.scopes) - set(Partner.SCOPES)):
            raise CommandError(f"There is no scope {', '.join(unknown)}: use {', '.join(Partner.SCOPES)}.")
        key = partner.new_key()
        try:
            partner.full_clean(exclude=["key_hash", "webhook_secret"])
        except ValidationError as error:
            raise CommandError("; ".join(error.messages)) from error
        partner.save()
        self.stdout.write(f"{partner.name}: {', '.join(partner.scopes)}")
        self._show(key)
        if partner.webhook_secret:
            self.stdout.write(f"Webhook signing key: {partner.webhook_secret}")

    def do_rotate(self, *, name: str, **_options: Any) -> None:
        """A new key."""
        partner = self._find(name)
        key = partner.new_key()
        partner.save(update_fields=["key_hash"])
        self._show(key)

    def do_disable(self, *, name: str, **_options: Any) -> None:
        """Refuse its key."""
        self._switch(name, active=False)

    def do_enable(self, *, name: str, **_options: Any) -> None:
        """Accept its key."""
        self._switch(name, active=True)

    def do_list(self, **_options: Any) -> None:
        """Every partner."""
        for partner in Partner.objects.order_by("name"):
            state = "active" if partner.active else "disabled"
            self.stdout.write(f"{partner.name}\t{state}\t{', '.join(partner.scopes)}\t{partner.webhook_url}")

    def _switch(self, name: str, *, active: bool) -> None:
        partner = self._find(name)
        partner.active = active
        partner.save(update_fields=["active"])
        self.stdout.write(f"{partner.name} is {'active' if active else 'disabled'}.")

    def _find(self, name: str) -> Partner:
        partner = Partner.objects.filter(name=name).first()
        if partner is None:
            raise CommandError(f"There is no partner {name}: see `partner list`.")
        return partner

    def _show(self, key: str) -> None:
        self.stdout.write(f"API key, shown only now: {key}")
