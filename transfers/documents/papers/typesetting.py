"""Setting a paper as PDF/A-2b. The same words give the same bytes; a character without a glyph is an error."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import pylopdf_fonts_zh_cn
import segno
import typst

FORMS = Path(__file__).parent / "forms"
SEAL_MM = 42.0
_NO_GLYPH = "could not be displayed"


class MissingGlyphs(Exception):
    """The font lacks `characters`, which the words of a paper have."""

    def __init__(self, characters: str) -> None:
        super().__init__(f"no glyph for {characters!r}")
        self.characters = characters


@dataclass(frozen=True, slots=True)
class Place:
    """Where the middle of the seal lies: the page from 0, and points from its top left corner."""

    page: int
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Set:
    """A paper that has been set, not sealed yet. `seal_at` is None for one that carries no seal."""

    pdf: bytes
    seal_at: Place | None


def typeset(said: Mapping[str, Any], *, at: datetime) -> Set:
    """Set what `transfers.documents.papers.saying` says. MissingGlyphs when it cannot be shown as it is."""
    compiler = typst.Compiler(
        str(FORMS / "paper.typ"), root=str(FORMS), font_paths=_fonts(), sys_inputs={"paper": json.dumps(said)}
    )
    try:
        pdf: Any = compiler.compile(format="pdf", pdf_standards="a-2b", timestamp=int(at.timestamp()))
    except typst.TypstError as error:
        if _NO_GLYPH not in str(error):
            raise
        raise MissingGlyphs(lacking(json.dumps(said, ensure_ascii=False))) from error
    found = json.loads(compiler.query("<seal>", field="value"))
    return Set(pdf, Place(found[0]["page"] - 1, found[0]["x"], found[0]["y"]) if found else None)


@cache
def seal_face(name: str, line: str, note: str) -> bytes:
    """The round seal as a page of its own, 42 mm wide: `name` along the ring, `line` and `note` below the star."""
    if missing := lacking(name + line + note):
        raise MissingGlyphs(missing)
    face = json.dumps({"name": name, "line": line, "note": note})
    pdf: Any = typst.compile(
        str(FORMS / "seal.typ"), root=str(FORMS), font_paths=_fonts(), sys_inputs={"seal": face}, format="pdf"
    )
    return bytes(pdf)


def lacking(text: str) -> str:
    """The characters of `text` that no font of ours can show, each once."""
    return "".join(character for character in dict.fromkeys(text) if ord(character) > 0x7F and not _shown(character))


def qr_code(text: str) -> str:
    """A QR code as SVG, level M."""
    out = BytesIO()
    segno.make(text, error="m", micro=False).save(out, kind="svg", xmldecl=False, svgns=True, border=0)
    return out.getvalue().decode()


def _shown(character: str) -> bool:
    dated = "#set document(date: datetime(year: 2000, month: 1, day: 1))"
    probe = f'{dated}\n#set text(font: "Noto Serif SC")\n#str.from-unicode({ord(character)})'
    try:
        typst.compile(probe.encode(), font_paths=_fonts(), format="pdf", pdf_standards="a-2b")
    except typst.TypstError:
        return False
    return True


@cache
def _fonts() -> typst.Fonts:
    """Noto Sans SC and Noto Serif SC (SIL OFL 1.1), and nothing that happens to be installed."""
    folder = str(pylopdf_fonts_zh_cn.sans_path().parent)
    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[folder])
