"""Where made papers lie: one file each under the upload directory, named by its SHA-256, never written twice."""

from __future__ import annotations

import hashlib
import uuid
from pathlib import Path

from django.conf import settings

from transfers.documents.files import write_new


class Damaged(Exception):
    """The file is not there, or not what was stored."""


def keep(pdf: bytes) -> str:
    """Store a paper for good; its SHA-256 in hex. It is on the disk, whole, by then; doing it again changes nothing."""
    sha256 = hashlib.sha256(pdf).hexdigest()
    path = _path(sha256)
    if path.exists():
        return sha256
    draft = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
    write_new(draft, pdf)
    try:
        draft.rename(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    return sha256


def fetch(sha256: str) -> bytes:
    """The paper as it was stored. `Damaged` when it is gone or has changed on the disk."""
    try:
        pdf = _path(sha256).read_bytes()
    except FileNotFoundError:
        raise Damaged(sha256) from None
    if hashlib.sha256(pdf).hexdigest() != sha256:
        raise Damaged(sha256)
    return pdf


def _path(sha256: str) -> Path:
    return Path(settings.UPLOAD_DIR) / "papers" / sha256[:2] / sha256[2:4] / f"{sha256}.pdf"
