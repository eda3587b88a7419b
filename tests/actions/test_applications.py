"""Files of applications: judged by line, filed as single ones are, and never twice."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from xml.sax.saxutils import escape

import pytest
from django.db import connection

from tests.actions.test_bulk_intake import traces
from tests.world import IN, MONDAY, OUT, application, identity_number, person, user
from transfers.access import actor_for
from transfers.actions import applications
from transfers.actions.applications import confirm, counts, drop, file_lines, look_at, reported, why
from transfers.actions.intake import apply
from transfers.documents.applications import read_applications
from transfers.models import ApplicationFile, ApplicationLine, Person, TransferCase
from transfers.rules.bulk import COLUMNS
from transfers.rules.errors import Refusal
from transfers.rules.parties import Channel, Role
from transfers.selectors.verify import problems

pytestmark = pytest.mark.django_db
FIELDS = ("name", "identity_number", "phone", "outbound_area", "inbound_area", "remarks")


def table(raws: Iterable[dict[str, str]], fields: Sequence[str] = FIELDS) -> list[list[str]]:
    return [[COLUMNS[field].zh for field in fields], *([raw.get(field, "") for field in fields] for raw in raws)]


def as_csv(rows: Iterable[Sequence[str]], encoding: str = "utf-8") -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode(encoding)


def as_xlsx(rows: Iterable[Sequence[Any]]) -> bytes:
    """The least that is a workbook; an int is written as a number, as a spreadsheet does."""
    cells = "".join(
        f'<row r="{r}">'
        + "".join(
            f'<c r="{chr(64 + c)}{r}"><v>{value}</v></c>'
            if isinstance(value, int)
            else f'<c r="{chr(64 + c)}{r}" t="inlineStr"><is><t>{escape(value)}</t></is></c>'
            for c, value in enumerate(row, 1)
        )
        + "</row>"
        for r, row in enumerate(rows, 1)
    )
    main, package = "http://schemas.openxmlformats.org/spreadsheetml/2006/main", "http://schemas.openxmlformats.org"
    rel = f"{package}/officeDocument/2006/relationships"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.'
        'spreadsheetml.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType='
        '"application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}/package/2006/relationships"><Relationship Id="r1" '
        f'Type="{rel}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{rel}"><sheets><sheet name="s" sheetId="1" r:id="r1"/>'
        "</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/package/2006/relationships"><Relationship '
        f'Id="r1" Type="{rel}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{cells}</sheetData></worksheet>',
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return packed.getvalue()


def worked(world: Any, data: bytes, *, by: Any = None) -> ApplicationFile:
    actor = actor_for(by or world.in_handler)
    file = confirm(actor, look_at(actor, data, name="a.csv", now=MONDAY).pk, now=MONDAY)
    file_lines(file.pk, now=MONDAY)
    file.refresh_from_db()
    return file


def found(file: ApplicationFile) -> dict[int, tuple[str, list[str]]]:
    return {line.row: (line.outcome, [code for code, *_rest in why(line)]) for line in reported(file.pk)}


def one_percent(serials: range) -> tuple[list[dict[str, str]], set[int], set[int]]:
    """Applications of which every hundredth is wrong and the one after it another's double: rows of both."""
    raws, wrong, twice = [], set(), set()
    for at, serial in enumerate(serials, 2):
        raw = application(serial)
        if at % 100 == 50:
            raw["identity_number"] = raw["identity_number"][:-1] + ("0" if raw["identity_number"][-1] != "0" else "1")
            wrong.add(at)
        if at % 100 == 51:
            raw["identity_number"] = identity_number(serials[0])
            twice.add(at)
        raws.append(raw)
    return raws, wrong, twice


def test_the_good_are_filed_and_the_others_told_by_line(world):
    raws, wrong, twice = one_percent(range(1, 111))
    for serial in range(1, 6):
        person(serial)
    file = worked(world, as_csv(table(raws)))
    lines = found(file)
    assert {row for row, (outcome, _codes) in lines.items() if outcome == "wrong"} == wrong != set()
    assert {row for row, (outcome, _codes) in lines.items() if outcome == "twice"} == twice != set()
    assert [lines[row] for row in wrong] == [("wrong", ["V-P-02"])] * len(wrong)
    told = ApplicationLine.objects.get(file=file, row=min(twice))
    assert [words.en for *_rest, words in why(told)] == ["the same person as row 2"]
    filed = len(raws) - len(wrong) - len(twice)
    assert (TransferCase.objects.count(), Person.objects.count()) == (filed, filed)
    assert counts(file.pk).states == {"ACCEPTED": 5, "NOT_ACCEPTED": filed - 5}
    assert (file.done, file.count) == (len(raws), len(raws))
    assert file.finished_at == MONDAY
    assert problems(now=MONDAY) == []
    # What stood in a line is kept nowhere but in its case.
    assert set(ApplicationLine.objects.values_list("content", flat=True)) == {""}
    assert identity_number(1) not in str(list(ApplicationLine.objects.values("problem")))

    again = worked(world, as_csv(table(raws)))
    assert again.pk == file.pk
    assert TransferCase.objects.count() == filed


def test_a_case_from_a_file_is_the_case_from_the_window(world):
    world.in_lead, world.out_lead  # noqa: B018 - letters go to them
    for serial in (1, 2):
        person(serial)
    alone = apply(application(1, remarks="备注"), actor_for(world.in_handler), channel=Channel.WINDOW_IN, now=MONDAY)
    worked(world, as_csv(table([application(2, remarks="备注"), application(3)])))
    together = TransferCase.objects.get(
        person__identity_hash=Person.objects.get(cases__phone__isnull=False, pk=alone.person_id + 1).identity_hash
    )
    assert traces(together) == traces(alone)


def test_lines_of_another_file_are_known_unless_they_were_turned_down(world):
    person(1)
    worked(world, as_csv(table([application(1), application(2)])))
    file = worked(world, as_csv(table([application(1), application(2), application(3)])))
    assert {row: outcome for row, (outcome, _codes) in found(file).items()} == {2: "known", 3: "filed", 4: "filed"}
    assert found(file)[3][1] == ["V-O-02", "V-I-01"], "it was turned down, and is judged anew"
    colleague = worked(world, as_csv(table([application(1)])), by=user("other", IN, (Role.IN_HANDLER,)))
    assert found(colleague)[2][0] == "known"


def test_nothing_is_filed_before_it_is_confirmed_and_by_nobody_else(world):
    person(1)
    actor = actor_for(world.in_handler)
    file = look_at(actor, as_csv(table([application(1)])), now=MONDAY)
    assert (counts(file.pk).of("new"), file.done, file.finished_at) == (1, 0, None)
    assert file_lines(file.pk, now=MONDAY) == 0
    other = actor_for(user("other", IN, (Role.IN_HANDLER,)))
    with pytest.raises(Refusal, match="J-NOT-FOUND"):
        confirm(other, file.pk)
    drop(other, file.pk)
    assert not TransferCase.objects.exists()
    for outsider in (world.in_reviewer, world.superuser):
        with pytest.raises(Refusal, match="J-NOT-YOURS"):
            look_at(actor_for(outsider), as_csv(table([application(1)])))
    drop(actor, file.pk)
    assert not ApplicationLine.objects.exists()


def test_an_area_that_is_not_ours_is_told_by_line(world):
    person(1)
    file = worked(world, as_csv(table([application(1), application(2, out="430100", into="440100")])))
    assert found(file)[3] == ("wrong", ["J-OWN-AREA"])
    assert TransferCase.objects.get().channel == "window_in"


def test_the_outbound_window(world):
    person(1)
    worked(world, as_csv(table([application(1)])), by=world.out_handler)
    assert TransferCase.objects.get().channel == "window_out"


ROWS = table([application(1, remarks="第一行，带“引号”"), application(2)])
ENGLISH = [["Name", "identity number", "PHONE", "outbound_area", "Inbound area", "Outbound scheme"],
           ["测试甲", identity_number(1), "13800000001", OUT, IN, "职工基本医疗保险"]]  # fmt: skip


@pytest.mark.parametrize(
    "data",
    [
        as_csv(ROWS),
        as_csv(ROWS, "utf-8-sig"),
        as_csv(ROWS, "gb18030"),
        as_xlsx(ROWS),
        as_xlsx([ROWS[0], [], *ROWS[1:]]),
        as_xlsx([[ROWS[0][0], *ROWS[0][1:]], [*ROWS[1][:2], 13800000001, 450100, 330100, ""]]),
        as_csv(ENGLISH),
        as_csv([*ROWS, ["", " "], []]),
    ],
    ids=["utf-8", "bom", "gb18030", "xlsx", "xlsx-blank-row", "xlsx-numbers", "english", "blank-rows"],
)
def test_every_form_of_file(world, data):
    person(1)
    file = worked(world, data)
    case = TransferCase.objects.filter(state="ACCEPTED").get()
    assert (case.name, case.person.identity_number, case.phone) == ("测试甲", identity_number(1), "13800000001")
    assert "wrong" not in counts(file.pk).outcomes


def test_a_number_that_a_spreadsheet_has_shortened(world):
    rows = [ROWS[0], ["测试甲", 110101199003070017, "13800000001", OUT, IN, ""]]
    file = worked(world, as_xlsx(rows))
    (line,) = reported(file.pk)
    ((code, field, words),) = why(line)
    assert (code, field) == ("J-FIELD", "证件号码")
    assert "text" in words.en


BAD_FILES = {
    "empty": b"",
    "headings-only": as_csv(ROWS[:1]),
    "unknown-column": as_csv([[*ROWS[0], "工资"], *ROWS[1:]]),
    "twice": as_csv([[*ROWS[0], "姓名"], *ROWS[1:]]),
    "missing": as_csv([row[:3] for row in ROWS]),
    "not-a-workbook": b"PK\x03\x04" + b"\x00" * 200,
    "cut-workbook": as_xlsx(ROWS)[:400],
    "old-workbook": b"\xd0\xcf\x11\xe0" + b"\x00" * 100,
    "no-text": b"\xff\xfe\x00\x01\x80",
    "quotes": as_csv(ROWS) + b'"a',
}


@pytest.mark.parametrize("data", BAD_FILES.values(), ids=BAD_FILES.keys())
def test_what_cannot_be_read_is_refused_whole(world, data):
    with pytest.raises(Refusal) as caught:
        look_at(actor_for(world.in_handler), data, name="x")
    assert caught.value.code == "J-FILE"
    assert not ApplicationFile.objects.exists()


def test_too_many_rows_and_too_large(world, monkeypatch):
    monkeypatch.setattr("transfers.documents.applications.ROWS_MAX", 1)
    with pytest.raises(Refusal, match="J-FILE"):
        look_at(actor_for(world.in_handler), as_csv(ROWS))
    monkeypatch.setattr("transfers.documents.applications.UNPACKED_MAX", 10)
    with pytest.raises(Refusal, match="J-FILE"):
        look_at(actor_for(world.in_handler), as_xlsx(ROWS))


def far(cell: str, *, value: str = "<v>1</v>", within: str = "") -> bytes:
    """A workbook of good rows and one more cell; the rows of `within` stand before it."""
    row = cell.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    return repacked(
        "xl/worksheets/sheet1.xml",
        lambda text: text.replace(
            "</sheetData>", f'{within}<row r="{row}"><c r="{cell}">{value}</c></row></sheetData>'
        ),
    )


def repacked(name: str, change: Callable[[str], str], *, to: str = "") -> bytes:
    """The good workbook with one of its parts changed."""
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(as_xlsx(ROWS))) as good, zipfile.ZipFile(packed, "w") as archive:
        for part in good.namelist():
            text = good.read(part).decode()
            archive.writestr(to if to and part == name else part, change(text) if part == name else text)
    return packed.getvalue()


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (far("XFD99"), "columns"),
        (far("BI3"), "columns"),
        (far("A1048576"), "rows"),
        (far("A3", value="", within='<row r="99">' + "<c><v>1</v></c>" * 61 + "</row>"), "columns"),
        (repacked("xl/worksheets/sheet1.xml", lambda text: f"<!DOCTYPE x>{text}"), "whole"),
        (repacked("xl/workbook.xml", str, to="content.xml"), "whole"),
    ],
    ids=["far-right", "one-too-many", "far-down", "without-places", "doctype", "another-kind"],
)
def test_a_workbook_that_would_fill_the_memory_is_not_laid_out(monkeypatch, data, problem):
    """A reader that lays it out does not come back: the process ends where memory does."""

    def laid_out(*_args: Any) -> Any:
        pytest.fail("it was laid out")

    monkeypatch.setattr("transfers.documents.applications.CalamineWorkbook.from_filelike", laid_out, raising=False)
    with pytest.raises(Refusal, match=problem):
        read_applications(data, name="x")


@pytest.mark.parametrize("data", [far("BH3"), far("A200001"), far("XFD1048576", value="")])
def test_one_that_is_large_enough_is_read(data):
    """The farthest cells that there may be; one that is only formatted takes no room."""
    assert len(read_applications(data, name="x")) >= len(ROWS) - 1


def test_a_part_that_is_larger_than_it_says(world):
    data = bytearray(as_xlsx(ROWS))
    entry = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 1)
    data[entry + 24] -= 1  # what the second part unpacks to
    with pytest.raises(Refusal, match="whole"):
        read_applications(bytes(data), name="x")


def test_no_transaction_is_open_while_lines_are_judged(world, monkeypatch):
    """Of a long file that takes a while."""
    here, depths, real = len(connection.savepoint_ids), [], applications.clean

    def judging(*args: Any, **more: Any) -> Any:
        depths.append(len(connection.savepoint_ids))
        return real(*args, **more)

    monkeypatch.setattr(applications, "clean", judging)
    worked(world, as_csv(table([application(1), application(2)])))
    assert depths == [here, here]


MISPLACED = {
    "an identity number": identity_number(1),
    "a name": application(1)["name"],
    "a character that the database cannot keep": "45010\0",
}


@pytest.mark.parametrize("text", MISPLACED.values(), ids=MISPLACED.keys())
def test_what_stands_in_the_wrong_column_is_not_repeated(world, text):
    file = worked(world, as_csv(table([application(1, outbound_area=text), application(2)])))
    lines = {line.row: line for line in reported(file.pk)}
    assert [code for code, *_rest in why(lines[2])] == ["J-AREA"]
    assert text[:7] not in json.dumps(lines[2].problem, ensure_ascii=False)
    assert lines[3].outcome == "filed"


def test_the_first_row_is_not_repeated_where_it_is_an_application():
    with pytest.raises(Refusal) as caught:
        read_applications(as_csv(table([application(1)])[1:]), name="x")
    said = f"{caught.value.zh} {caught.value.en} {caught.value.details}"
    assert "第1、2、3、4、5列" in said
    for text in (application(1)["name"], identity_number(1), application(1)["phone"]):
        assert text not in said


def test_a_cell_beyond_the_headings(world):
    file = worked(world, as_csv([*ROWS[:1], [*ROWS[1], "多出"]]))
    assert [code for _row, (_outcome, (code,)) in found(file).items()] == ["J-FIELDS"]


def test_a_line_that_breaks_does_not_stop_the_others(world, monkeypatch):
    for serial in (1, 2, 3):
        person(serial)
    real = applications.submit_many

    def breaking(lines: Any, *args: Any, **more: Any) -> Any:
        if any(one.phone.endswith("2") for one, _channel in lines):
            raise RuntimeError("a fault")
        return real(lines, *args, **more)

    monkeypatch.setattr(applications, "submit_many", breaking)
    file = worked(world, as_csv(table(application(serial) for serial in (1, 2, 3))))
    assert found(file) == {2: ("filed", []), 3: ("wrong", ["J-LINE-FAILED"]), 4: ("filed", [])}
    assert file.finished_at == MONDAY


def test_where_nothing_can_be_filed_the_lines_wait(world, monkeypatch):
    """It is no fault of theirs; nobody is told that they were wrong, and a later run goes on."""
    for serial in (1, 2):
        person(serial)

    def broken(*args: Any, **more: Any) -> Any:
        raise RuntimeError("a fault")

    actor = actor_for(world.in_handler)
    file = confirm(actor, look_at(actor, as_csv(table([application(1), application(2)])), now=MONDAY).pk, now=MONDAY)
    with monkeypatch.context() as patch:
        patch.setattr(applications, "submit_many", broken)
        with pytest.raises(RuntimeError):
            file_lines(file.pk, now=MONDAY)
    file.refresh_from_db()
    assert (counts(file.pk).of("new"), file.finished_at) == (2, None)
    assert file.pk in applications.under_way()
    assert file_lines(file.pk, now=MONDAY) == 2


def test_whoever_lost_the_role_files_nothing_more(world):
    person(1)
    actor = actor_for(world.in_handler)
    file = confirm(actor, look_at(actor, as_csv(table([application(1)])), now=MONDAY).pk, now=MONDAY)
    world.in_handler.memberships.all().delete()
    assert file_lines(file.pk, now=MONDAY) == 0
    assert found(file)[2] == ("wrong", ["J-NOT-FOUND"])
    assert not TransferCase.objects.exists()
