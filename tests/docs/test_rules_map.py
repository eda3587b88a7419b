"""docs/rules.md against the code: what it names exists, and no article, switch or reason code is without a row."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from django.conf import settings

from transfers.models import MOVES
from transfers.rules.codes import ALL, LISTS, MONEY, PRECHECK, UNAVAILABLE
from transfers.rules.policy import SWITCHES, Policy
from transfers.rules.precheck import RULES

ROOT = Path(settings.BASE_DIR)
# Domain rules §2, row by row, and the rules that stand beside the articles.
ARTICLES = ["2", "3", "5a", "5b", "6", "7", "8", "9a", "9b", "9c", "9d", "10", "11", "12"]
BESIDE = [
    "overlap",
    "completion",
    "military",
    "人社厅发〔2016〕94号",
    "arrears",
    "国办发〔2024〕38号",
    "duplicate",
    "medical costs",
    "个人信息保护法 28",
]


@dataclass(frozen=True)
class Row:
    """One row: what it is about, and the paths in its last two columns."""

    key: str
    functions: tuple[str, ...]
    tests: tuple[str, ...]


def rows_of(text: str) -> list[Row]:
    """The rows of all tables: the first column's key, the paths of functions and of tests."""
    rows = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("| `") and len(cells) == 4:
            functions, tests = (tuple(re.findall(r"`([^`]+)`", cell)) for cell in cells[2:])
            rows.append(Row(cells[0].strip("`"), functions, tests))
    return rows


def missing_in(text: str) -> list[str]:
    """Everything that the page lacks or names in vain."""
    rows = rows_of(text)
    keys = {row.key for row in rows}
    wanted = [*ARTICLES, *BESIDE, *ALL, *(field.name for field in fields(Policy))]
    problems = [f"{key} has no row" for key in wanted if key not in keys]
    for row in rows:
        problems += [f"{row.key}: no function named"] if not row.functions else []
        problems += [f"{row.key}: no test named"] if not row.tests else []
        problems += [f"{row.key}: {path} does not exist" for path in row.functions if resolved(path) is None]
        problems += [f"{row.key}: {path} does not exist" for path in row.tests if not is_test(path)]
    return problems


@cache
def resolved(path: str) -> tuple[ModuleType, Any] | None:
    """The module below `transfers` and what the path names in it; None when there is none."""
    parts = path.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        try:
            module = importlib.import_module(".".join(["transfers", *parts[:cut]]))
        except ModuleNotFoundError:
            continue
        found: Any = module
        for name in parts[cut:]:
            found = getattr(found, name, None)
        return None if found is None else (module, found)
    return None


@cache
def functions_in(file: str) -> frozenset[str]:
    path = ROOT / file
    if not path.is_file():
        return frozenset()
    return frozenset(node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef))


def is_test(path: str) -> bool:
    file, _colons, name = path.partition("::")
    return file.startswith("tests/") and name.startswith("test_") and name in functions_in(file)


@pytest.fixture(scope="module")
def page() -> str:
    return (ROOT / "docs/rules.md").read_text()


def test_nothing_is_without_a_function_and_a_test(page: str) -> None:
    assert missing_in(page) == []


def test_nothing_is_listed_that_is_no_rule_code_or_switch(page: str) -> None:
    codes = [row.key for row in rows_of(page) if re.fullmatch(r"[A-Z]-([A-Z]-)?\d\d", row.key)]
    assert sorted(codes) == sorted(ALL)
    listed = [row.key for row in rows_of(page) if re.fullmatch(r"[a-z]+(_[a-z]+)+|ladder", row.key)]
    assert sorted(listed) == sorted(SWITCHES)


def test_a_switch_is_read_where_its_row_says(page: str) -> None:
    for row in rows_of(page):
        if row.key in SWITCHES:
            sources = [inspect.getsource(found[0]) for path in row.functions if (found := resolved(path))]
            assert any(re.search(rf"\b{row.key}\b", source) for source in sources), row.key


def test_a_code_is_given_where_its_row_says(page: str) -> None:
    """A precheck's rule is its own; any other code can be chosen in the step that its row names."""
    for row in rows_of(page):
        if row.key in PRECHECK:
            assert row.functions == (f"rules.precheck.{RULES[row.key].check.__name__}",)
        elif row.key in ALL and row.key != UNAVAILABLE.code:
            named = [path.rpartition(".")[2] for path in row.functions if path.startswith("models.")]
            assert named, row.key
            assert all(row.key in LISTS[MOVES[name].move.reasons] for name in named), row.key
    assert LISTS["money"] is MONEY


def test_what_is_missing_is_found(page: str) -> None:
    """The control: each of these makes the check above fail."""
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    for key in ("5b", "military", "waiting_max_months", "V-I-05", "R-02", "国办发〔2024〕38号"):
        of_key = [line for line in rows if line.startswith(f"| `{key}` ")]
        without = "\n".join(line for line in page.splitlines() if line not in of_key)
        assert f"{key} has no row" in missing_in(without)
    spoiled = page.replace("rules.precheck.same_area", "rules.precheck.gone")
    spoiled = spoiled.replace("test_a_wait_by_hand", "test_gone")
    assert missing_in(spoiled) == [
        "2: rules.precheck.gone does not exist",
        "waiting_benefit_rate: tests/rules/test_benefits.py::test_gone does not exist",
        "V-I-06: rules.precheck.gone does not exist",
    ]
    bare = "| `V-I-05` | words | | |"
    assert {"V-I-05: no function named", "V-I-05: no test named"} <= set(missing_in(bare))
