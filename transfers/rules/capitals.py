"""Amounts in Chinese capitals (人民币大写), as certificates and bank papers carry them.

By the rules for filling in bills (银发〔1997〕393号《支付结算办法》附一): an amount that ends in yuan or jiao is closed
with 整; zeros between digits are read once as 零; 零 stands before 分 when there is no 角.
"""

from __future__ import annotations

_DIGITS = "零壹贰叁肆伍陆柒捌玖"
_UNITS = ("", "拾", "佰", "仟")
_GROUPS = ("", "万", "亿", "万亿")
LARGEST_FEN = 10**18 - 1


def capitals(fen: int) -> str:
    """The amount, in fen, in capitals without 人民币 before it. ValueError below zero and from 10¹⁶ yuan up.

    >>> capitals(140_950)
    '壹仟肆佰零玖元伍角整'
    """
    if not 0 <= fen <= LARGEST_FEN:
        raise ValueError(f"{fen} fen cannot be written in capitals")
    yuan, rest = divmod(fen, 100)
    jiao, cents = divmod(rest, 10)
    words = f"{_whole(yuan)}元" if yuan else ""
    if jiao:
        words += f"{_DIGITS[jiao]}角"
    elif cents and yuan:
        words += "零"
    if cents:
        return f"{words}{_DIGITS[cents]}分"
    return f"{words or '零元'}整"


def _whole(number: int) -> str:
    """A whole number above zero: groups of four digits, one 零 for any run of zeros that digits follow."""
    words, gap = "", False
    for place in range(len(_GROUPS) - 1, -1, -1):
        group = number // 10 ** (4 * place) % 10**4
        if not group:
            gap = bool(words)
            continue
        if words and (gap or group < 1000):
            words += _DIGITS[0]
        words += _four(group) + _GROUPS[place]
        gap = False
    # 万亿 is 万 of 亿: where digits of 亿 follow, 亿 is said once.
    return words.replace("万亿", "万", 1) if number // 10**12 and number // 10**8 % 10**4 else words


def _four(group: int) -> str:
    words, gap = "", False
    for place in range(3, -1, -1):
        digit = group // 10**place % 10
        if not digit:
            gap = bool(words)
            continue
        words += (_DIGITS[0] if gap else "") + _DIGITS[digit] + _UNITS[place]
        gap = False
    return words
