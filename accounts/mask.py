"""Personal data as it may be shown without a second factor. Pure functions; they never fail on odd input."""

from __future__ import annotations

STAR = "*"


def mask_name(name: str) -> str:
    """`张三丰` → `张**`. The first character stays; a name of one character is hidden whole."""
    name = name.strip()
    return STAR * len(name) if len(name) < 2 else name[0] + STAR * (len(name) - 1)


def mask_id(number: str) -> str:
    """`110101199003071234` → `110***********1234`; shorter document numbers keep one character in front, two behind."""
    number = number.strip()
    if len(number) >= 15:
        return _middle(number, head=3, tail=4)
    return _middle(number, head=1, tail=2) if len(number) >= 7 else STAR * len(number)


def mask_phone(phone: str) -> str:
    """`13812341234` → `138****1234`. At least four characters are hidden, or all of them."""
    phone = phone.strip()
    if len(phone) < 8:
        return STAR * len(phone)
    return _middle(phone, head=min(3, len(phone) - 8), tail=4)


def mask_email(address: str) -> str:
    """`zhangsan@example.com` → `z***@example.com`. The length of the name is hidden too."""
    name, at, domain = address.strip().rpartition("@")
    return f"{name[0]}***@{domain}" if at and name and domain else "***"


def _middle(text: str, *, head: int, tail: int) -> str:
    return text[:head] + STAR * (len(text) - head - tail) + text[-tail:]
