"""Sign-ins and addresses for tests of the console."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from tests.world import MONDAY
from transfers.models import TransferCase


@pytest.fixture
def signed_in() -> Callable[..., Client]:
    """A browser in which this user has signed in; `strict` keeps CSRF checks on."""

    def make(user: User, *, strict: bool = False) -> Client:
        client = Client(enforce_csrf_checks=strict)
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return make


@pytest.fixture(autouse=True)
def _uploads(settings, tmp_path) -> None:
    settings.UPLOAD_DIR = tmp_path / "uploads"


@pytest.fixture(autouse=True)
def _monday(monkeypatch) -> None:
    """The console takes its instant from the system; these tests live on the Monday on which their cases begin."""
    monkeypatch.setattr("django.utils.timezone.now", lambda: MONDAY)


def address(name: str, *args: Any) -> str:
    return reverse(f"admin:transfers_transfercase_{name}", args=args)


def post_step(client: Client, case: TransferCase, name: str, **fields: Any) -> Any:
    """A step as its page would post it, on the version that the case has now unless another is given."""
    version = fields.pop("version", TransferCase.objects.values_list("version", flat=True).get(pk=case.pk))
    return client.post(address("step", case.pk, name), {"version": version, **fields})


def again(case: TransferCase) -> TransferCase:
    """The case as it is now (a protected state cannot be refreshed in place)."""
    return TransferCase.objects.get(pk=case.pk)
