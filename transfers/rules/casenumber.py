"""Case numbers: `JX` + two digits of the year + ten digits + one check digit, such as JX2648319052719.

The ten digits are the case's sequence number sent through a keyed permutation of 0 … 10¹⁰−1, so that numbers never
collide, and nobody without the key learns from two of them how many cases lie between. The check digit (Damm) catches
every single wrong digit and every swap of two neighbours.

Pure: the key is an argument.
"""

from __future__ import annotations

import re
from hashlib import blake2b

from stdnum import damm
from stdnum.exceptions import ValidationError

from transfers.rules.errors import Refusal
from transfers.rules.text import narrow

PREFIX = "JX"
SEQUENCES = 10**10
_HALF = 10**5
_ROUNDS = 10
_SHAPE = re.compile(r"JX([0-9]{13})", re.ASCII)
_IGNORED = re.compile(r"[\s\-‐-―−·.]+")


class CaseNumberError(Refusal):
    """Not a case number: wrong shape or wrong check digit."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__("J-CASE-NUMBER", zh, en)


def number(sequence: int, year: int, key: bytes) -> str:
    """The case number of the `sequence`-th case, opened in `year` (2000–2099).

    The same arguments always give the same number; different sequences give different numbers under one key.
    Raises ValueError for a sequence outside 0 … 10¹⁰−1, another century or a key not of 16 to 64 bytes.
    """
    if not 0 <= sequence < SEQUENCES:
        raise ValueError(f"sequence {sequence} is outside 0 to {SEQUENCES - 1}")
    if not 2000 <= year <= 2099:
        raise ValueError(f"year {year} is outside 2000 to 2099")
    if not 16 <= len(key) <= 64:
        raise ValueError("the key must have 16 to 64 bytes")
    digits = f"{year % 100:02d}{_shuffle(sequence, key):010d}"
    return f"{PREFIX}{digits}{damm.calc_check_digit(digits)}"


def parse(text: str) -> str:
    """The case number that somebody typed, in its one true form. Spaces, dashes, case and full width do not matter.

    Raises CaseNumberError when it is no case number; whether such a case exists is not known here.
    """
    compact = _IGNORED.sub("", narrow(text[:100])).upper()
    found = _SHAPE.fullmatch(compact)
    if found is None:
        raise CaseNumberError(
            "业务编号格式不正确：应为 JX 加 13 位数字，如 JX2648319052719 的样式。",
            "This is not a case number: it should be JX and 13 digits.",
        )
    try:
        damm.validate(found[1])
    except ValidationError:
        raise CaseNumberError(
            "业务编号校验不通过，请逐位核对（可能有一位写错或相邻两位颠倒）。",
            "The case number does not check: one digit may be wrong, or two neighbours swapped.",
        ) from None
    return compact


def _shuffle(value: int, key: bytes) -> int:
    """A keyed permutation of 0 … 10¹⁰−1: a Feistel network over two halves of five decimal digits.

    Each round adds to one half a keyed hash of the other (BLAKE2b, RFC 7693), so each round can be undone.
    """
    left, right = divmod(value, _HALF)
    for turn in range(_ROUNDS):
        mixed = blake2b(b"%d:%d" % (turn, right), digest_size=8, key=key, person=b"case-number").digest()
        left, right = right, (left + int.from_bytes(mixed, "big")) % _HALF
    return left * _HALF + right
