"""Verification codes: 80 random bits in Crockford's base 32, so that nobody meets one by trying.

The letters I, L, O and U are not used; what people read for 1 and 0 is taken as such.
"""

from __future__ import annotations

import re
import secrets

from transfers.rules.errors import refusal
from transfers.rules.text import narrow

_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_READ = str.maketrans("OIL", "011")
_IGNORED = re.compile(r"[\s\-‐-―−·.]+")
_CODE = re.compile(f"[{_LETTERS}]{{16}}")


def draw() -> str:
    """A new code, without its hyphens."""
    bits = secrets.randbits(80)
    return "".join(_LETTERS[bits >> shift & 31] for shift in range(75, -1, -5))


def parse(text: str) -> str:
    """The code that somebody typed; case, full width, spaces and hyphens do not matter. J-PAPER-CODE if it is none."""
    code = _IGNORED.sub("", narrow(text[:100])).upper().translate(_READ)
    if not _CODE.fullmatch(code):
        raise refusal("J-PAPER-CODE")
    return code
