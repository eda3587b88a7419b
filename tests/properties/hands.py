"""What random hands fill in: for every kind of field that a move declares, something valid and something wrong."""

from __future__ import annotations

from datetime import date
from random import Random
from typing import Any

from transfers.models import Remittance, Sheet, StatementLine, TransferCase
from transfers.models.moves import Field, Move
from transfers.rules.codes import LISTS

NOTES = ("已核对", "电话核实", "A note in English", "　全角 空格　x")
# What staff who check by hand would mostly find; by the side that they stand on.
LIKELY = {
    "status": {"out": "2", "in": "1"},
    "retired": dict.fromkeys(("out", "in"), "no"),
    "arrears": dict.fromkeys(("out", "in"), "no"),
    "open_claims": dict.fromkeys(("out", "in"), "no"),
}


def filled(
    move: Move, case: TransferCase, money: Remittance | None, rng: Random, *, areas: list[str], members: list[str]
) -> dict[str, Any]:
    """The reason, note and data of a step, each valid by itself; the rules may still refuse them."""
    more: dict[str, Any] = {}
    if move.reasons:
        more["reason"] = rng.choice(sorted(LISTS[move.reasons]))
    if move.note or rng.random() < 0.2:
        more["note"] = rng.choice(NOTES)
    more["data"] = {field.name: _value(field, case, money, rng, areas, members) for field in move.fields}
    return more


def _value(
    field: Field, case: TransferCase, money: Remittance | None, rng: Random, areas: list[str], members: list[str]
) -> Any:
    match field.kind:
        case "text":
            return f"T{rng.randrange(10_000):04d}"
        case "money":
            fen = money.amount_fen if money is not None and rng.random() < 0.8 else rng.randrange(1, 1_000_000)
            return f"{fen // 100}.{fen % 100:02d}"
        case "date":
            return date(2026, rng.randrange(1, 13), rng.randrange(1, 29)).isoformat()
        case "choice":
            likely = LIKELY.get(field.name, {}).get(case.acts)
            return likely if likely and rng.random() < 0.8 else rng.choice([value for value, _named in field.options])
        case "area":
            return rng.choice(areas)
        case "member":
            return rng.choice(members)
        case "account":
            return f"{rng.randrange(10**11):012d}"
        case "line":
            return _line(case, rng)
        case "changes":
            return _changes(case, rng)
        case "items":
            return [
                {"field": rng.choice(["sheet", "name", "months_total", "periods[0]", "periods[0].to"]), "note": "存疑"}
                for _ in range(rng.randrange(1, 3))
            ]
    raise AssertionError(f"hands do not know how to fill in a field of the kind {field.kind}")


def _line(case: TransferCase, rng: Random) -> str:
    """A line of the inbound agency that is still open, where there is one."""
    lines = StatementLine.objects.filter(agency=case.inbound_agency_id).exclude(state="done").order_by("pk")
    found = list(lines.values_list("pk", flat=True))
    return str(rng.choice(found)) if found else "0"


def _changes(case: TransferCase, rng: Random) -> dict[str, Any]:
    """Another name, or the months with one fewer at an end of the last period."""
    content = Sheet.objects.filter(case=case).latest("version").content
    if rng.random() < 0.2:
        return {"name": rng.choice(["测试甲", "测试乙"])}
    rows = [{name: row[name] for name in ("from", "to", "kind", "area")} for row in content["periods"]]
    last = rows[-1]
    year, month = int(last["to"][:4]), int(last["to"][5:])
    last["to"] = f"{year - (month == 1)}-{(month - 2) % 12 + 1:02d}"
    return {"periods": rows}


_WRONG: dict[str, list[Any]] = {
    "text": ["", None, "x" * 61, "a\x00b", ["x"], {"a": 1}, True],
    "money": ["", "0", "-1", "1.234", "abc", "99999999.99", None, "１２", True, [1]],
    "date": ["2026-02-30", "tomorrow", "", None, 20260101],
    "choice": ["", "zz", None, 7, {"a": 1}],
    "account": ["1234567", "62220000000000005", "", None, "x" * 12, ["12345678"]],
    "line": ["-1", "x", "9" * 19, "", None, "１", ["1"]],
    "area": ["", "999999", "45010", "abcdef", None, 450100.5, "４５０１００"],
    "member": ["", "nobody", None, ["x"], "root"],
}


def spoiled(move: Move, more: dict[str, Any], rng: Random) -> dict[str, Any]:
    """The same with one thing wrong, whatever the state of the case is."""
    ways: list[tuple[str, str]] = [("unknown", "")]
    ways += (
        [("reason", "")] * bool(move.reasons) + [("note", "blank")] * move.note + [("note", "long"), ("note", "nul")]
    )
    ways += [("field", field.name) for field in move.fields] * 2
    what, which = rng.choice(ways)
    more = {**more, "data": dict(more["data"])}
    if what == "unknown":
        more["data"]["unheard_of"] = junk(rng)
    elif what == "reason":
        more["reason"] = rng.choice(["", "X-99", "w-01", "V-O-01"])
    elif what == "note":
        more["note"] = {"blank": "  ", "long": "长" * 501, "nul": "a\x00b"}[which]
    else:
        field = next(field for field in move.fields if field.name == which)
        more["data"][which] = _wrong(field, rng)
    return more


def _wrong(field: Field, rng: Random) -> Any:
    if field.kind == "changes":
        return rng.choice(
            [
                *({}, [], "x", None, {"balance_fen": 5}, {"nmae": "x"}, {"name": None}, {"name": ""}),
                *({"periods": junk(rng)}, {"periods": [junk(rng)]}, {"account_kind": junk(rng)}, {"periods": []}),
                {"periods": [{"from": "2026-05", "to": "2026-01", "kind": "actual", "area": "450100"}]},
            ]
        )
    if field.kind == "items":
        nothing = {"field": "name", "note": ""}
        return rng.choice([[], {}, "x", None, ["x"], [{}], [nothing], [{"field": junk(rng), "note": junk(rng)}]])
    return rng.choice(_WRONG[field.kind])


def junk(rng: Random, depth: int = 0) -> Any:
    """Anything that JSON can carry and no field wants."""
    plain = [None, -1, 2**70, 0.5, "", "\x00", "x" * 70, "2026-13", float("inf"), False]
    if depth > 2 or rng.random() < 0.6:
        return rng.choice(plain)
    if rng.random() < 0.5:
        return [junk(rng, depth + 1) for _ in range(rng.randrange(3))]
    return {rng.choice(["from", "to", "kind", "x"]): junk(rng, depth + 1) for _ in range(rng.randrange(3))}
