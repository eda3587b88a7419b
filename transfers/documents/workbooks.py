"""How large an XLSX workbook is, found out without laying it out.

The reader of workbooks lays a sheet out whole, up to its farthest cell, before it tells how large that is, and ends the
process where memory does not suffice: a file of two cells can be enough. It would read other kinds of workbooks, too.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any
from xml.parsers import expat  # nosec B407 - a document type is refused, and nothing is kept

_WORKBOOK, _OTHER_KINDS = "xl/workbook.xml", frozenset({"xl/workbook.bin", "content.xml"})
_PIECE = 1024 * 1024
_SHEET = [b"sheetData", "sheetData".encode("utf-16-le"), "sheetData".encode("utf-16-be")]
_LONGEST = max(map(len, _SHEET))
_CELL = re.compile(r"([A-Za-z]{1,7})([0-9]{1,10})")
# What an archive raises that is cut off, damaged, encrypted or packed in another way, and XML that is none.
_RAISED = (zipfile.BadZipFile, zlib.error, expat.ExpatError, EOFError, NotImplementedError, RuntimeError, ValueError)


class BrokenError(Exception):
    """It is no XLSX workbook, or not a whole one."""


@dataclass(frozen=True, slots=True)
class Extent:
    """`unpacked` in bytes; `rows` and `columns` up to the farthest cell with a value, of whichever sheet."""

    unpacked: int
    rows: int = 0
    columns: int = 0


def extent(data: bytes, *, unpacked_max: int) -> Extent:
    """How large a workbook is. Of one that unpacks to more than `unpacked_max` only that is told. `BrokenError`."""
    try:
        with zipfile.ZipFile(BytesIO(data)) as packed:
            parts = packed.infolist()
            names = {part.filename.lower() for part in parts}
            if _WORKBOOK not in names or names & _OTHER_KINDS:
                raise BrokenError
            unpacked = sum(part.file_size for part in parts)
            if unpacked > unpacked_max:
                return Extent(unpacked)
            # Each to its end, so that none is larger than it says.
            sizes = [_of_sheet(packed, part) for part in parts if _holds_a_sheet(packed, part)]
    except _RAISED as error:
        raise BrokenError from error
    return Extent(unpacked, max((rows for rows, _ in sizes), default=0), max((wide for _, wide in sizes), default=0))


def _pieces(packed: zipfile.ZipFile, part: zipfile.ZipInfo) -> Iterator[bytes]:
    with packed.open(part) as opened:
        while piece := opened.read(_PIECE):
            yield piece


def _holds_a_sheet(packed: zipfile.ZipFile, part: zipfile.ZipInfo) -> bool:
    found, before = False, b""
    for piece in _pieces(packed, part):
        found = found or any(word in before + piece for word in _SHEET)
        before = piece[-_LONGEST:]
    return found


def _of_sheet(packed: zipfile.ZipFile, part: zipfile.ZipInfo) -> tuple[int, int]:
    """Its rows and columns. A cell that is only formatted takes no room."""
    row = column = rows = columns = 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal row, column, rows, columns
        kind = tag.rpartition(":")[2]
        if kind == "row":
            row, column = int(attributes.get("r", row + 1)), 0
        elif kind == "c":
            column += 1
            if "r" in attributes:
                row, column = _place(attributes["r"])
        elif kind in ("v", "is"):
            rows, columns = max(rows, row), max(columns, column)

    def refuse(*_declared: Any) -> None:
        raise BrokenError

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.StartDoctypeDeclHandler = start, refuse
    for piece in _pieces(packed, part):
        parser.Parse(piece)
    parser.Parse(b"", True)
    return rows, columns


def _place(cell: str) -> tuple[int, int]:
    """Row and column of a cell, from 1. `BrokenError`."""
    found = _CELL.fullmatch(cell)
    if found is None:
        raise BrokenError
    column = 0
    for letter in found[1].upper():
        column = column * 26 + ord(letter) - 64
    return int(found[2]), column
