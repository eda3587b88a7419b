from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.mask import mask_email, mask_id, mask_name, mask_phone


@pytest.mark.parametrize(
    ("name", "shown"),
    [("张三丰", "张**"), ("张三", "张*"), ("欧阳测试", "欧***"), ("张", "*"), ("", ""), (" 李四 ", "李*")],
)
def test_name(name, shown) -> None:
    assert mask_name(name) == shown


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("110101199003071234", "110***********1234"),
        ("110101900307123", "110********7123"),
        ("E12345678", "E******78"),
        ("123456", "******"),
        ("", ""),
    ],
)
def test_id(number, shown) -> None:
    assert mask_id(number) == shown


@pytest.mark.parametrize(
    ("phone", "shown"),
    [
        ("13812341234", "138****1234"),
        ("+8613812341234", "+86*******1234"),
        ("01012345678", "010****5678"),
        ("12345678", "****5678"),
        ("12345", "*****"),
        ("", ""),
    ],
)
def test_phone(phone, shown) -> None:
    assert mask_phone(phone) == shown


@pytest.mark.parametrize(
    ("address", "shown"),
    [("zhangsan@example.com", "z***@example.com"), ("a@b.cn", "a***@b.cn"), ("nonsense", "***"), ("@b.cn", "***")],
)
def test_email(address, shown) -> None:
    assert mask_email(address) == shown


@given(st.text(max_size=40))
def test_length_and_share_hidden(text: str) -> None:
    text = text.strip()
    for masked in (mask_name(text), mask_id(text), mask_phone(text)):
        assert len(masked) == len(text)
    hidden = sum(a == "*" for a in mask_phone(text))
    assert hidden >= min(4, len(text))
