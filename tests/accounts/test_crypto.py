"""Field encryption: what is stored, who can open it, and what it refuses."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.core import serializers
from django.core.exceptions import FieldError, ValidationError
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from accounts import crypto
from accounts.models import User

OLD = bytes(range(32))
NEW = bytes(range(32, 64))


@given(st.text())
def test_what_was_sealed_comes_back(plain: str) -> None:
    plain = plain.encode("utf-8", "ignore").decode()
    assert crypto.decrypt(crypto.encrypt(plain, context="t.c"), context="t.c") == plain


def test_the_byte_format_is_the_documented_one(settings) -> None:
    settings.FIELD_KEYS = {"k7": NEW}
    blob = crypto.encrypt("张三丰", context="t.c")
    assert blob[:4] == b"\x01\x02k7"
    # Opened again without our code, from the description alone.
    assert AESGCM(NEW).decrypt(blob[4:16], blob[16:], blob[:4] + b"t.c").decode() == "张三丰"


def test_the_same_text_is_sealed_differently_each_time() -> None:
    assert len({crypto.encrypt("same", context="t.c") for _ in range(100)}) == 100


def test_a_value_copied_into_another_column_does_not_open() -> None:
    blob = crypto.encrypt("13812341234", context="person.phone")
    assert crypto.decrypt(blob, context="person.phone") == "13812341234"
    with pytest.raises(crypto.DecryptError):
        crypto.decrypt(blob, context="person.name")


def test_every_changed_byte_is_noticed() -> None:
    blob = crypto.encrypt("13812341234", context="t.c")
    for place in range(len(blob)):
        changed = bytearray(blob)
        changed[place] ^= 1
        with pytest.raises(crypto.DecryptError):
            crypto.decrypt(bytes(changed), context="t.c")
    for length in range(len(blob)):
        with pytest.raises(crypto.DecryptError):
            crypto.decrypt(blob[:length], context="t.c")


def test_errors_do_not_carry_the_value(settings) -> None:
    blob = crypto.encrypt("13812341234", context="t.c")
    settings.FIELD_KEYS = {next(iter(settings.FIELD_KEYS)): NEW}
    with pytest.raises(crypto.DecryptError) as caught:
        crypto.decrypt(blob, context="t.c")
    assert caught.value.__cause__ is None
    assert "138" not in str(caught.value)


def test_rotation(settings) -> None:
    settings.FIELD_KEYS = {"old": OLD}
    blob = crypto.encrypt("张三丰", context="t.c")
    assert crypto.reencrypt(blob, context="t.c") is None

    settings.FIELD_KEYS = {"new": NEW, "old": OLD}
    assert crypto.decrypt(blob, context="t.c") == "张三丰"
    renewed = crypto.reencrypt(blob, context="t.c")
    assert renewed is not None
    assert crypto.key_id_of(renewed) == "new"

    settings.FIELD_KEYS = {"new": NEW}
    assert crypto.decrypt(renewed, context="t.c") == "张三丰"
    with pytest.raises(crypto.UnknownKeyError) as caught:
        crypto.decrypt(blob, context="t.c")
    assert caught.value.key_id == "old"


@pytest.mark.parametrize("keys", [{}, {"": NEW}, {"k" * 33: NEW}, {"钥": NEW}, {"k": b"short"}])
def test_unusable_keys_are_named(settings, keys) -> None:
    settings.FIELD_KEYS = keys
    with pytest.raises(crypto.KeyConfigError):
        crypto.encrypt("x", context="t.c")


def test_lookup_hash_is_keyed_and_bound_to_its_column(settings) -> None:
    settings.LOOKUP_KEY = OLD
    found = crypto.lookup_hash("110101199003071234", context="person.id")
    assert found == hmac.new(OLD, b"person.id\x00110101199003071234", hashlib.sha256).digest()
    assert found != crypto.lookup_hash("110101199003071234", context="person.other")
    settings.LOOKUP_KEY = NEW
    assert found != crypto.lookup_hash("110101199003071234", context="person.id")


@pytest.mark.django_db
def test_the_table_holds_no_plain_text() -> None:
    user = User.objects.create(username="a", phone="13812341234")
    with connection.cursor() as cursor:
        cursor.execute("SELECT phone FROM accounts_user WHERE id = %s", [user.pk])
        raw = bytes(cursor.fetchone()[0])
    assert raw[:1] == b"\x01"
    assert b"13812341234" not in raw
    assert User.objects.get(pk=user.pk).phone == "13812341234"
    assert list(User.objects.values_list("phone", flat=True)) == ["13812341234"]


@pytest.mark.django_db
def test_an_empty_text_is_stored_empty() -> None:
    user = User.objects.create(username="a")
    with connection.cursor() as cursor:
        cursor.execute("SELECT phone FROM accounts_user WHERE id = %s", [user.pk])
        assert bytes(cursor.fetchone()[0]) == b""
    assert User.objects.get(pk=user.pk).phone == ""


@pytest.mark.django_db
def test_every_way_of_writing_seals() -> None:
    one = User.objects.create(username="a", phone="1")
    User.objects.bulk_create([User(username="b", phone="22222222")])
    User.objects.filter(pk=one.pk).update(phone="11111111")
    two = User.objects.get(username="b")
    two.phone = "33333333"
    User.objects.bulk_update([two], ["phone"])
    assert sorted(User.objects.values_list("phone", flat=True)) == ["11111111", "33333333"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT phone FROM accounts_user")
        assert all(bytes(row[0])[:1] == b"\x01" for row in cursor.fetchall())


@pytest.mark.parametrize("lookup", ["phone", "phone__exact", "phone__contains", "phone__in", "phone__iexact"])
def test_looking_up_by_value_is_refused(lookup) -> None:
    with pytest.raises(FieldError, match="lookup_hash"):
        User.objects.filter(**{lookup: "13812341234"})


@pytest.mark.django_db
def test_looking_up_null_is_allowed() -> None:
    User.objects.create(username="a", phone="13812341234")
    assert User.objects.filter(phone__isnull=False).count() == 1


@pytest.mark.django_db
def test_neither_repr_nor_dumpdata_shows_it() -> None:
    user = User.objects.create(username="a", phone="13812341234")
    assert "138" not in repr(user)
    with pytest.raises(TypeError, match="not serialised"):
        serializers.serialize("json", [user])


def test_the_field_survives_a_migration() -> None:
    field = User._meta.get_field("phone")
    name, path, args, kwargs = field.deconstruct()
    again = crypto.EncryptedTextField(*args, **kwargs)
    assert (name, path) == ("phone", "accounts.crypto.EncryptedTextField")
    assert (again.context, again.max_length, again.blank) == ("accounts_user.phone", 32, True)
    assert field.clone().context == "accounts_user.phone"


@pytest.mark.parametrize("option", ["unique", "db_index", "primary_key"])
def test_options_that_cannot_work_are_refused(option) -> None:
    crypto.EncryptedTextField(context="t.c")
    with pytest.raises(ValueError, match=option):
        crypto.EncryptedTextField(context="t.c", **{option: True})


def test_the_form_limits_length_and_refuses_null_characters() -> None:
    field = User._meta.get_field("phone").formfield()
    assert field.clean("13812341234") == "13812341234"
    for bad in ("1" * 33, "1\x002"):
        with pytest.raises(ValidationError):
            field.clean(bad)
