"""Choosing a language for words that live as data beside the rules."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Protocol

from django.utils.functional import Promise, lazystr
from django.utils.translation import get_language

_CHINESE, _ENGLISH = attrgetter("zh"), attrgetter("en")


class Bilingual(Protocol):
    """Anything with a Chinese and an English wording."""

    @property
    def zh(self) -> str: ...
    @property
    def en(self) -> str: ...


def said(words: Bilingual) -> str:
    """The wording in the active language; Chinese unless English is asked for."""
    return said_in(get_language())(words)


def said_in(language: str | None) -> Callable[[Bilingual], str]:
    """What gives the wording in one language, for much that is said in it: asking which one is active takes longer."""
    return _ENGLISH if (language or "zh").startswith("en") else _CHINESE


def said_later(words: Bilingual) -> Promise:
    """The same, decided when it is shown (for declarations such as model choices)."""
    return lazystr(_Words(words))


class _Words:
    def __init__(self, words: Bilingual) -> None:
        self.words = words

    def __str__(self) -> str:
        return said(self.words)
