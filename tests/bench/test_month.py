"""A small month of money: the same walk as `./dev bench month`, with three areas."""

from __future__ import annotations

from datetime import date

import pytest

from bench.month.command import live, main


def test_a_small_month_ends_with_everything_explained(db):
    span = date(2025, 12, 24), date(2025, 12, 26), date(2026, 1, 16)
    data = live(areas=3, cases=30, seed=3, span=span)
    assert data["cases_unexplained"] == []
    assert data["matching"]["wrong"] == 0
    # Of so few lines one is more than three in a hundred: the share is measured on the large month.
    assert {name: met for name, met in data["targets"].items() if "97" not in name and not met} == {}, data
    assert sum(data["cases_explained"].values()) == 30
    with pytest.raises(ValueError, match="holds cases already"):
        live(areas=3, cases=1, seed=1)


@pytest.mark.parametrize(
    ("words", "said"),
    [(["--areas", "1"], "2 to 100 areas"), (["--out", "/proc/none"], "name another folder with --out")],
)
def test_a_wrong_argument_is_one_sentence(words, said, capsys):
    with pytest.raises(SystemExit):
        main(words)
    assert said in capsys.readouterr().err
