"""The electronic seal, behind a signer port: an agency signs the digest of what it issues.

The built-in signer derives one Ed25519 key per agency from `LOOKUP_KEY`, the one key that is never changed, so that
seals outlive a new `SECRET_KEY`. It proves that a sheet is unaltered and which
agency's demonstration key sealed it; it says so in the seal, and it is no qualified signature.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


class Signer(Protocol):
    """Signs and checks in an agency's name. `key_id` names the key, for the seal."""

    def key_id(self, agency_code: str) -> str: ...
    def sign(self, agency_code: str, message: bytes) -> bytes: ...
    def verify(self, agency_code: str, message: bytes, signature: bytes) -> bool: ...


class DemonstrationSigner:
    """Keys derived from the installation's own; plainly marked as demonstration."""

    def _key(self, agency_code: str) -> Ed25519PrivateKey:
        derived = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=f"jiexu seal {agency_code}".encode())
        return Ed25519PrivateKey.from_private_bytes(derived.derive(settings.LOOKUP_KEY))

    def key_id(self, agency_code: str) -> str:
        return f"demo-{agency_code}"

    def sign(self, agency_code: str, message: bytes) -> bytes:
        return self._key(agency_code).sign(message)

    def verify(self, agency_code: str, message: bytes, signature: bytes) -> bool:
        try:
            self._key(agency_code).public_key().verify(signature, message)
        except InvalidSignature:
            return False
        return True


SIGNER: Signer = DemonstrationSigner()


def seal(*, digest: str, agency_code: str, now: datetime) -> dict[str, Any]:
    """The seal over a digest: key, digest, time and signature, as kept with the sheet."""
    sealed = {"key": SIGNER.key_id(agency_code), "agency": agency_code, "digest": digest, "at": now.isoformat()}
    return {**sealed, "signature": SIGNER.sign(agency_code, _message(sealed)).hex()}


def intact(stored: dict[str, Any] | None, *, digest: str, agency_code: str) -> bool:
    """Whether this seal is that agency's over exactly this digest."""
    if not stored or stored.get("digest") != digest or stored.get("agency") != agency_code:
        return False
    try:
        signature = bytes.fromhex(stored["signature"])
        return SIGNER.verify(agency_code, _message(stored), signature)
    except (KeyError, ValueError):
        return False


def _message(sealed: dict[str, Any]) -> bytes:
    return "|".join(("jiexu-seal-1", sealed["key"], sealed["agency"], sealed["digest"], sealed["at"])).encode()
