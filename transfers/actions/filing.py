"""A file from the bank between its preview and its being taken in: kept sealed, for whoever looked at it, for a day.

It goes when it is taken in; what nobody took in is removed by the `bank` task (`tidy`).
"""

from __future__ import annotations

import secrets
import time
from pathlib import Path

from django.conf import settings

from accounts.crypto import CryptoError, decrypt, encrypt
from transfers.access import Actor
from transfers.documents.files import write_new
from transfers.rules.bank import FileKind
from transfers.rules.bankfiles import STATEMENT
from transfers.rules.errors import refusal

KEPT_SECONDS = 24 * 3600


def kind_of(data: bytes) -> FileKind:
    """What a file from the bank says of itself; one that says nothing is read as results, and refused as such."""
    return FileKind.STATEMENT if STATEMENT.encode() in data[:16] else FileKind.RESULT


def keep(actor: Actor, agency: int, data: bytes, *, name: str) -> str:
    """Keep a file that was looked at; returns the token by which the same person gets it for the same agency."""
    token = secrets.token_hex(16)
    # Latin 1 holds every byte; the seal is bound to the person and the agency.
    text = f"{name}\n".encode().decode("latin-1") + data.decode("latin-1")
    write_new(_folder() / token, encrypt(text, context=_context(actor, agency)))
    return token


def kept(actor: Actor, agency: int, token: str) -> tuple[str, bytes]:
    """The name and the content of a file that was kept. J-FILE when it is not there any more."""
    try:
        path = _folder() / f"{int(token, 16):032x}"
        text = decrypt(path.read_bytes(), context=_context(actor, agency))
    except (ValueError, OSError, CryptoError):
        raise refusal(
            "J-FILE", name="", problem="预览已过期，请重新上传", problem_en="the preview has expired: upload it again"
        ) from None
    name, _, content = text.partition("\n")
    return name.encode("latin-1").decode(), content.encode("latin-1")


def forget(token: str) -> None:
    """It has been taken in, or nobody wants it."""
    try:
        (_folder() / f"{int(token, 16):032x}").unlink(missing_ok=True)
    except ValueError:
        return


def tidy() -> int:
    """Remove what has been kept for longer than a day; how many files."""
    folder, gone = _folder(), 0
    for old in folder.iterdir() if folder.is_dir() else ():
        try:
            if old.stat().st_mtime < time.time() - KEPT_SECONDS:
                old.unlink()
                gone += 1
        except FileNotFoundError:  # taken in meanwhile, or removed by another worker
            continue
    return gone


def _folder() -> Path:
    return Path(settings.UPLOAD_DIR) / "bank"


def _context(actor: Actor, agency: int) -> str:
    return f"bankfile:{actor.user_id}:{agency}"
