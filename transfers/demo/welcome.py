"""What a newcomer is told about the demonstration: sign-ins, cases to look up, a key for the API."""

from __future__ import annotations

from django.conf import settings

from transfers.actions.intake import person_hashes
from transfers.demo import PARTNER_KEY, SIGNINS
from transfers.demo.stories import STORIES
from transfers.models import TransferCase


def lines() -> list[str]:
    """Lines for people. Empty when no demonstration is loaded."""
    cases = _shown()
    if not cases:
        return []
    return [
        "Sign in at /console/ (user name, password, who):",
        *(f"  {username:<19} {password:<17} {zh} · {en}" for username, password, zh, en in SIGNINS),
        "Look up at /track/ (case number, last six characters, stage):",
        *(f"  {number:<19} {tail:<17} {stage}" for number, tail, stage in cases),
        f"  Codes by SMS arrive in {settings.SMS_FILE}.",
        f"Key for the API: {PARTNER_KEY}",
    ]


def _shown() -> list[tuple[str, str, str]]:
    """(case number, last six characters of the identity number, stage)."""
    tails = {}
    for serial, story in enumerate(STORIES, start=1):
        if story.shown:
            number = story.mover(serial).identity_number
            tails[person_hashes("01", number)[0]] = number[-6:]
    cases = TransferCase.objects.filter(person__identity_hash__in=list(tails)).select_related("person").order_by("pk")
    found = {bytes(case.person.identity_hash): case for case in reversed(cases)}
    return [(found[key].number, tail, found[key].info.public.zh) for key, tail in tails.items() if key in found]
