"""Field encryption and keyed look-up hashes.

An encrypted value is one byte string:

    version (1 byte, 0x01) · length of the key id (1 byte) · key id (ASCII) · nonce (12 bytes) · AES-256-GCM text, tag

The header and the `context` ("table.column") are bound as associated data, so that a value that was copied into
another column, or whose key id was changed, does not decrypt. Keys come from `settings.FIELD_KEYS`: the first
encrypts, all decrypt. To rotate, put a new key in front, restart, run `reencrypt` over the rows, remove the old key.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from functools import lru_cache
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django import forms
from django.conf import settings
from django.core.exceptions import FieldError
from django.core.validators import MaxLengthValidator, ProhibitNullCharactersValidator
from django.db import models

VERSION = 1
NONCE_BYTES = 12
TAG_BYTES = 16


class CryptoError(Exception):
    """Something about encryption is wrong. The text never contains a value or a key."""

    code = "A-CRYPTO"


class KeyConfigError(CryptoError):
    """`FIELD_KEYS` or `LOOKUP_KEY` cannot be used."""

    code = "A-KEY-CONFIG"


class DecryptError(CryptoError):
    """A stored value cannot be decrypted: unknown format, unknown key, wrong context, or changed bytes."""

    code = "A-DECRYPT"


class UnknownKeyError(DecryptError):
    """The value was encrypted with a key that `FIELD_KEYS` no longer lists."""

    code = "A-DECRYPT-KEY"

    def __init__(self, key_id: str) -> None:
        super().__init__(f"no key {key_id!r} in FIELD_KEYS")
        self.key_id = key_id


@lru_cache(maxsize=32)
def _cipher(key: bytes) -> AESGCM:
    if len(key) != 32:
        raise KeyConfigError("a field key must have 32 bytes")
    return AESGCM(key)


def _first_key() -> tuple[str, bytes]:
    for key_id, key in settings.FIELD_KEYS.items():
        return key_id, key
    raise KeyConfigError("FIELD_KEYS is empty")


def key_id_bytes(key_id: str) -> bytes:
    """A key id as stored: 1 to 32 printable ASCII characters. Raises `KeyConfigError`."""
    if not (1 <= len(key_id) <= 32 and key_id.isascii() and key_id.isprintable()):
        raise KeyConfigError("a key id has 1 to 32 printable ASCII characters")
    return key_id.encode("ascii")


def encrypt(plain: str, *, context: str) -> bytes:
    """Encrypt `plain` for the column `context` ("table.column") with the first of `settings.FIELD_KEYS`.

    The same text gives other bytes each time. Raises `KeyConfigError`.
    """
    key_id, key = _first_key()
    ident = key_id_bytes(key_id)
    header = bytes((VERSION, len(ident))) + ident
    nonce = os.urandom(NONCE_BYTES)
    return header + nonce + _cipher(key).encrypt(nonce, plain.encode("utf-8"), header + context.encode("utf-8"))


def _split(blob: bytes) -> tuple[bytes, str, bytes, bytes]:
    """Header, key id, nonce and sealed text of a stored value."""
    if len(blob) < 2 or blob[0] != VERSION:
        raise DecryptError("not an encrypted value of a known version")
    end = 2 + blob[1]
    if blob[1] == 0 or len(blob) < end + NONCE_BYTES + TAG_BYTES:
        raise DecryptError("an encrypted value is cut short")
    try:
        key_id = blob[2:end].decode("ascii")
    except UnicodeDecodeError:
        raise DecryptError("an encrypted value has a broken key id") from None
    return blob[:end], key_id, blob[end : end + NONCE_BYTES], blob[end + NONCE_BYTES :]


def decrypt(blob: bytes | memoryview, *, context: str) -> str:
    """Give back the text that `encrypt` was given for the same `context`. Raises `DecryptError`."""
    header, key_id, nonce, sealed = _split(bytes(blob))
    key = settings.FIELD_KEYS.get(key_id)
    if key is None:
        raise UnknownKeyError(key_id)
    try:
        return _cipher(key).decrypt(nonce, sealed, header + context.encode("utf-8")).decode("utf-8")
    except InvalidTag:
        raise DecryptError(f"a value of {context} was changed or belongs to another column") from None
    except UnicodeDecodeError:
        raise DecryptError(f"a value of {context} is not text") from None


def key_id_of(blob: bytes | memoryview) -> str:
    """The id of the key that sealed `blob`. Raises `DecryptError`."""
    return _split(bytes(blob))[1]


def reencrypt(blob: bytes | memoryview, *, context: str) -> bytes | None:
    """Seal a stored value again with the first key; None when it already is. Raises `DecryptError`."""
    if key_id_of(blob) == _first_key()[0]:
        return None
    return encrypt(decrypt(blob, context=context), context=context)


def lookup_hash(value: str, *, context: str) -> bytes:
    """HMAC-SHA256 (32 bytes) of `value` for the column `context`, keyed with `settings.LOOKUP_KEY`.

    Finds an encrypted value again without storing it. The caller brings `value` into its one spelling first.
    """
    message = context.encode("utf-8") + b"\x00" + value.encode("utf-8", "surrogatepass")
    return hmac.digest(settings.LOOKUP_KEY, message, hashlib.sha256)


class EncryptedTextField(models.Field):
    """Text that is `bytea` in the table, sealed with `encrypt(…, context=context)`, and `str` in Python.

    The empty text is stored as empty bytes, so an optional field needs no NULL. It cannot be looked up by value: keep
    a `lookup_hash` beside it. It is not serialised by `dumpdata`, so that no plain text leaves by that way.
    """

    description = "Encrypted text"
    empty_strings_allowed = True

    def __init__(self, *args: Any, context: str, **kwargs: Any) -> None:
        if "." not in context:
            raise ValueError("the context of an encrypted field is 'table.column'")
        for refused in ("unique", "db_index", "primary_key", "choices"):
            if kwargs.get(refused):
                raise ValueError(f"an encrypted field cannot have {refused}")
        self.context = context
        super().__init__(*args, **kwargs)
        self.validators.append(ProhibitNullCharactersValidator())
        if self.max_length is not None:
            self.validators.append(MaxLengthValidator(self.max_length))

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        return name, path, args, {**kwargs, "context": self.context}

    def get_internal_type(self) -> str:
        return "BinaryField"

    def get_default(self) -> Any:
        return super().get_default() if self.has_default() or self.null else ""

    def to_python(self, value: Any) -> str | None:
        return None if value is None else str(value)

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> str | None:
        return open_value(value, context=self.context)

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        if value is None:
            return None
        return connection.Database.Binary(seal_value(str(value), context=self.context))

    def get_lookup(self, lookup_name: str) -> Any:
        if lookup_name == "isnull":
            return super().get_lookup(lookup_name)
        raise FieldError(f"{self.context} is encrypted and cannot be looked up by value: use a lookup_hash column.")

    def get_transform(self, lookup_name: str) -> Any:
        raise FieldError(f"{self.context} is encrypted and cannot be transformed in the database.")

    def value_to_string(self, obj: models.Model) -> str:
        raise TypeError(f"{self.context} is encrypted and is not serialised.")

    def formfield(self, *args: Any, **kwargs: Any) -> Any:
        defaults = {"form_class": forms.CharField, "max_length": self.max_length}
        return super().formfield(*args, **{**defaults, **kwargs})


def seal_value(plain: str, *, context: str) -> bytes:
    """What `EncryptedTextField` stores for `plain`; for code that writes rows in bulk."""
    return encrypt(plain, context=context) if plain else b""


def open_value(stored: bytes | memoryview | None, *, context: str) -> str | None:
    """What `EncryptedTextField` gives for a stored value. Raises `DecryptError`."""
    if stored is None:
        return None
    return decrypt(stored, context=context) if len(stored) else ""
