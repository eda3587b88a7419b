"""Translations without gettext's binaries: find every message in code and templates, check and compile the catalogues.

Each folder of `settings.LOCALE_PATHS` and each app's `locale/` is a catalogue for the source beneath its parent folder;
the deepest one owns a file. Messages are English; `zh_Hans` must translate every one.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po
from django.apps import apps
from django.conf import settings
from django.utils.translation.template import templatize

LANGUAGE = "zh_Hans"
KEYWORDS: dict[str, tuple[int | tuple[int, str], ...] | None] = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
    "npgettext_lazy": ((1, "c"), 2, 3),
}
PLACEHOLDER = re.compile(
    r"%\([A-Za-z_]\w*\)[#0 +-]*\d*(?:\.\d+)?[a-z]|%[sdif]|\{[A-Za-z_0-9.]*(?:![rs])?(?::[^{}]*)?\}"
)
Key = tuple[str | None, str, str | None]  # context, message, plural


@dataclass(slots=True)
class House:
    """One catalogue and the messages found in the source that it serves: key → places (`file:line`)."""

    folder: Path
    found: dict[Key, list[str]] = field(default_factory=dict)

    @property
    def po(self) -> Path:
        return self.folder / LANGUAGE / "LC_MESSAGES" / "django.po"


def houses() -> list[House]:
    """Every catalogue of ours, the deepest folder first."""
    root = settings.BASE_DIR
    folders = {Path(path) for path in settings.LOCALE_PATHS}
    folders |= {Path(app.path) / "locale" for app in apps.get_app_configs()}
    ours = [folder for folder in folders if folder.is_relative_to(root) and ".venv" not in folder.parts]
    return [House(folder) for folder in sorted(ours, key=lambda folder: (-len(folder.parts), str(folder)))]


def sources(root: Path) -> Iterator[Path]:
    """Python files and templates beneath a folder."""
    for path in sorted(root.rglob("*")):
        if "__pycache__" in path.parts or "migrations" in path.parts or "tests" in path.parts:
            continue
        if path.suffix == ".py" or ("templates" in path.parts and path.suffix in {".html", ".txt", ".xml"}):
            yield path


def messages(path: Path) -> Iterator[tuple[Key, int]]:
    """The messages of one file with their lines."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        # The lines go to a reader of Python, to which the indentation of a template means nothing but trouble.
        text = "\n".join(line.lstrip() for line in templatize(text, origin=str(path)).split("\n"))
    for line, found, _comments, context in extract("python", io.BytesIO(text.encode()), KEYWORDS):
        singular, plural = found[:2] if isinstance(found, tuple) else (found, None)
        if singular:
            yield (context, singular, plural), line


def gather() -> list[House]:
    """Find the messages of all our source and give each to the deepest catalogue above it."""
    every, seen = houses(), set[Path]()
    for house in every:
        for path in sources(house.folder.parent):
            if path in seen:
                continue
            seen.add(path)
            for key, line in messages(path):
                house.found.setdefault(key, []).append(f"{path.relative_to(settings.BASE_DIR)}:{line}")
    return every


def read(house: House) -> Catalog:
    """Read a catalogue; one that does not exist yet is empty. Raises PoFileError when it is malformed."""
    if not house.po.exists():
        return Catalog(locale=LANGUAGE)
    with house.po.open("rb") as file:
        return read_po(file, locale=LANGUAGE, abort_invalid=True)


def placeholders(text: str) -> list[str]:
    """The placeholders of a message, in order of name."""
    return sorted(PLACEHOLDER.findall(text.replace("%%", "")))


def faults(house: House) -> Iterator[str]:
    """What is wrong with one catalogue: a sentence each, beginning with the place."""
    try:
        catalogue = read(house)
    except PoFileError as error:
        yield f"{house.po.relative_to(settings.BASE_DIR)}: {error}"
        return
    for (context, singular, plural), places in sorted(house.found.items(), key=lambda item: item[1]):
        entry = catalogue.get(cast("str", (singular, plural) if plural else singular), context)
        if fault := fault_of(entry, singular):
            yield f"{places[0]}: {singular!r} {fault} in {house.po.relative_to(settings.BASE_DIR)}"


def fault_of(entry: Message | None, singular: str) -> str | None:
    """What is wrong with one translation, or None."""
    if entry is None:
        return "is missing"
    texts = list(entry.string) if isinstance(entry.string, tuple | list) else [entry.string]
    filled = [text for text in texts if text]
    if len(filled) < len(texts):
        return "is not translated"
    if entry.fuzzy:
        return "is marked fuzzy"
    if any(placeholders(text) != placeholders(singular) for text in filled):
        return f"has other placeholders ({', '.join(placeholders(singular)) or 'none'} expected)"
    return None


def unused(house: House) -> Iterator[str]:
    """Translations of messages that the source no longer has."""
    used = {(context, singular) for context, singular, _plural in house.found}
    for entry in read(house):
        singular = entry.id[0] if isinstance(entry.id, tuple | list) else entry.id
        if singular and (entry.context, singular) not in used:
            yield f"{house.po.relative_to(settings.BASE_DIR)}:{entry.lineno}: {singular!r} is used nowhere"


def compile_all() -> int:
    """Write `django.mo` beside each `django.po` that is newer; returns how many were written."""
    written = 0
    for house in houses():
        target = house.po.with_suffix(".mo")
        if not house.po.exists() or (target.exists() and target.stat().st_mtime >= house.po.stat().st_mtime):
            continue
        new = target.with_suffix(".mo.new")
        with new.open("wb") as file:
            write_mo(file, read(house))
        new.replace(target)
        written += 1
    return written
