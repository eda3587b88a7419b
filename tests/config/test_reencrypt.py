"""Rotating the field keys: everything moves to the new key, and the old one can go."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.db import connection

from accounts.crypto import UnknownKeyError, key_id_of
from accounts.models import User
from config.management.commands.reencrypt import columns

OLD, NEW = {"old1": b"o" * 32}, {"new1": b"n" * 32}


def stored(user: User) -> bytes:
    with connection.cursor() as cursor:
        cursor.execute("SELECT phone FROM accounts_user WHERE id = %s", [user.pk])
        return bytes(cursor.fetchone()[0])


@pytest.mark.django_db
def test_every_value_moves_and_the_old_key_can_go(
    settings: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    ours = settings.FIELD_KEYS  # what was there before the test is under these
    settings.FIELD_KEYS = OLD
    one = User.objects.create(username="one", phone="13800000001")
    none = User.objects.create(username="none")
    settings.FIELD_KEYS = NEW | OLD | ours
    assert key_id_of(stored(one)) == "old1"
    call_command("reencrypt")
    assert key_id_of(stored(one)) == "new1"
    assert stored(none) == b""
    assert "accounts_user.phone: 1 moved" in capsys.readouterr().out
    call_command("reencrypt")
    assert "accounts_user.phone: 0 moved" in capsys.readouterr().out
    settings.FIELD_KEYS = NEW
    assert User.objects.get(pk=one.pk).phone == "13800000001"
    settings.FIELD_KEYS = OLD
    with pytest.raises(UnknownKeyError):
        User.objects.get(pk=one.pk)


def test_every_encrypted_column_is_known() -> None:
    found = {f"{model._meta.db_table}.{field.column}" for model, field in columns()}
    assert {"accounts_user.phone", "notifications_letter.address", "notifications_letter.secret"} <= found
    assert any(name.endswith(".identity_number") for name in found)
