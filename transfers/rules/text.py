"""Text as people type it in Chinese input methods."""

from __future__ import annotations

import unicodedata

_NARROW = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}


def narrow(text: str) -> str:
    """Full-width letters, digits, signs and spaces as ASCII; everything else untouched.

    >>> narrow("ＪＸ２６　１")
    'JX26 1'
    """
    return text.translate(_NARROW)


def has_control(text: str) -> bool:
    """Whether `text` has characters that steer instead of being read: control, format, half a surrogate pair.

    Line ends and tabs are allowed.
    """
    return any(
        unicodedata.category(character) in ("Cc", "Cf", "Cs") and character not in "\n\r\t" for character in text
    )
