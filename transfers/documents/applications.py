"""Files of applications as bytes: CSV in UTF-8 or GB18030, or the first sheet of an XLSX workbook (docs/bulk.md)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import Any

from python_calamine import CalamineError, CalamineWorkbook

from transfers.documents.workbooks import BrokenError, extent
from transfers.rules.bulk import BYTES_MAX, ROWS_MAX, Row, headings, not_read, row_of
from transfers.rules.errors import Refusal

UNPACKED_MAX = 512 * 1024 * 1024
COLUMNS_MAX = 60
_EXACT = 10**15  # a spreadsheet keeps fifteen digits of a number
_WORKBOOK, _OLD_WORKBOOK = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"


def read_applications(data: bytes, *, name: str) -> list[Row]:
    """The rows of a file that hold something. J-FILE when the file as a whole cannot be read."""
    if len(data) > BYTES_MAX:
        raise not_read(name, f"超过{BYTES_MAX // 1024 // 1024}MB", "it is too large")
    if data.startswith(_OLD_WORKBOOK):
        raise not_read(name, "旧版或加密的 Excel 文件，请另存为 .xlsx 或 CSV", "save it as .xlsx or CSV, unencrypted")
    cells = iter(_workbook(data, name) if data.startswith(_WORKBOOK) else _text(data, name))
    fields = headings(next(cells, []), name=name)
    found = []
    for number, row in enumerate(cells, 2):
        if (one := row_of(number, fields, row)) is not None:
            found.append(one)
        if len(found) > ROWS_MAX:
            raise _too_long(name)
    if not found:
        raise not_read(name, "没有申请", "there is no application in it")
    return found


def _too_long(name: str) -> Refusal:
    return not_read(name, f"超过{ROWS_MAX}行，请分成几个文件", f"it has more than {ROWS_MAX} rows: split it")


def _text(data: bytes, name: str) -> Iterator[list[str]]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            text = data.decode("gb18030")
        except UnicodeDecodeError:
            raise not_read(name, "编码应为 UTF-8 或 GB18030", "the encoding must be UTF-8 or GB18030") from None
    try:
        yield from csv.reader(io.StringIO(text, newline=""), strict=True)
    except csv.Error:
        raise not_read(
            name, "引号不成对，或某一栏过长", "quotation marks do not match, or a cell is too long"
        ) from None


def _workbook(data: bytes, name: str) -> Iterator[list[str]]:
    try:
        size = extent(data, unpacked_max=UNPACKED_MAX)
        if size.unpacked > UNPACKED_MAX:
            raise not_read(name, "解压后过大", "it is too large when unpacked")
        if size.columns > COLUMNS_MAX:
            raise not_read(name, "列数过多", "it has too many columns")
        if size.rows > ROWS_MAX + 1:
            raise _too_long(name)
        sheet = CalamineWorkbook.from_filelike(io.BytesIO(data)).get_sheet_by_index(0)
        rows: Iterable[list[Any]] = sheet.to_python(skip_empty_area=False)
    except (BrokenError, CalamineError, IndexError):
        raise not_read(name, "不是完整的 .xlsx 文件", "it is not a whole .xlsx file") from None
    for row in rows:
        yield [_said(cell) for cell in row]


def _said(cell: Any) -> str:
    """A cell as a person reads it: a whole number without a point, one that has lost digits as what it is."""
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < _EXACT:
        return str(int(cell))
    if isinstance(cell, int | float) and not isinstance(cell, bool) and abs(cell) >= _EXACT:
        return f"{cell:.14E}"
    if isinstance(cell, datetime | date):
        return cell.isoformat()
    return str(cell)
