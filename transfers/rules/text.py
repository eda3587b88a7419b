"""Text as people type it in Chinese input methods."""

from __future__ import annotations

import unicodedata

from transfers.rules.errors import refusal

NOTE_MAX = 500
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


def written(text: str, *, field: str = "说明", limit: int = NOTE_MAX, required: bool = False) -> str:
    """What somebody wrote, without blanks around it. J-NOTE when nothing is there though it must; J-FIELD when it is
    too long (never cut short) or has characters that steer.
    """
    text = text.strip()
    if required and not text:
        raise refusal("J-NOTE")
    if len(text) > limit or has_control(text):
        raise refusal(
            "J-FIELD",
            field=field,
            problem=f"不能超过{limit}字，也不能含控制字符",
            problem_en=f"at most {limit} characters, no control characters",
        )
    return text
