"""Reference data changes a few times a year and is read on every move: keep it for a moment in each process."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
_KEEP_SECONDS = 30.0
_stores: list[dict[Any, Any]] = []


def remembered(function: Callable[P, R]) -> Callable[P, R]:
    """Cache `function` by its arguments for half a minute. Only for reference data, never for anything of a case."""
    store: dict[Any, tuple[float, Any]] = {}
    _stores.append(store)

    @wraps(function)
    def look(*args: P.args, **kwargs: P.kwargs) -> R:
        key = (args, tuple(sorted(kwargs.items())) if kwargs else ())
        found = store.get(key)
        if found is None or time.monotonic() - found[0] > _KEEP_SECONDS:
            found = (time.monotonic(), function(*args, **kwargs))
            store[key] = found
        value: R = found[1]
        return value

    return look


def shelf() -> dict[Any, Any]:
    """A dictionary that `forget` empties, for what may be kept only after its transaction has committed."""
    kept: dict[Any, Any] = {}
    _stores.append(kept)
    return kept


def forget() -> None:
    """Drop everything remembered in this process; called after reference data was loaded."""
    for store in _stores:
        store.clear()
