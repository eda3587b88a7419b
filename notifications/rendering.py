"""From a template's name and its values to the words of a letter.

Templates are `letters/<template>.<language>.txt` in any app: the first line is the subject, then an empty line, then
the body. An SMS uses `letters/<template>.<language>.sms.txt` where there is one. A letter with a hole in it is not
sent: a variable that is not there is an error, so a template asks `{% if x %}` for what may be missing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, cast

from django.conf import settings
from django.template import Context, Engine, Template, TemplateDoesNotExist
from django.template.backends.django import get_installed_libraries
from django.template.base import TextNode, VariableNode
from django.utils import translation

from notifications.errors import RenderError

HOLE = re.compile("\x00([^\x00]*)\x00")
MAX_SUBJECT = 200
MAX_BODY = 100_000
MAX_SMS = 500
"""Characters; longer ones are refused by gateways or billed as a novel."""

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_NAME = re.compile("[a-z][a-z0-9_]*")
_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069\u200e\u200f]")


@dataclass(frozen=True)
class Text:
    """The words of one letter. `subject` is one line, and empty for an SMS."""

    subject: str
    body: str = field(repr=False)


def clean(value: Any) -> Any:
    """The same JSON value with control characters in its texts turned into spaces and direction marks removed.

    So a value stays on its line, fits into `jsonb`, and cannot forge a header or reverse what follows it.
    """
    if isinstance(value, str):
        # Neither sort is printable, so most texts need no second look.
        return value if value.isprintable() else _BIDI.sub("", _CONTROL.sub(" ", value))
    if isinstance(value, Mapping):
        return {clean(str(key)): clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [clean(item) for item in value]
    return value


@lru_cache(maxsize=1)
def _engine() -> Engine:
    """Plain text: nothing is escaped, and each missing variable leaves a mark that `render` finds."""
    return Engine(
        dirs=cast("list[str]", settings.TEMPLATES[0]["DIRS"]),
        app_dirs=True,
        autoescape=False,
        string_if_invalid="\x00%s\x00",
        libraries=get_installed_libraries(),
    )


@dataclass(frozen=True)
class _Found:
    """A template. `parts`, where it has texts and bare variables only: a text, or the name of a variable, in turn."""

    template: Template
    parts: tuple[tuple[str, bool], ...] | None

    def write(self, values: Mapping[str, Any], language: str) -> str:
        """The words with these values. One that joins texts alone needs neither a context nor the language."""
        if self.parts is not None:
            words = [values.get(part) if named else part for part, named in self.parts]
            if all(type(word) is str for word in words):
                return "".join(cast("list[str]", words))
        with translation.override(language):
            return str(self.template.render(Context(dict(values), autoescape=False)))


def _names(template: str, language: str, sms: bool) -> list[str]:
    """The files that may hold it, the best first."""
    names = []
    for code in dict.fromkeys((language, settings.LANGUAGE_CODE)):
        names += [f"letters/{template}.{code}.sms.txt"] * sms + [f"letters/{template}.{code}.txt"]
    return names


@lru_cache(maxsize=256)
def _find(engine: Engine, template: str, language: str, sms: bool) -> _Found:
    names = _names(template, language, sms)
    try:
        found = engine.select_template(names)
    except TemplateDoesNotExist:
        raise RenderError(f"there is no template {names[0]}") from None
    return _Found(found, _parts(found))


def _parts(template: Template) -> tuple[tuple[str, bool], ...] | None:
    parts = []
    for node in template.nodelist:
        if isinstance(node, TextNode):
            parts.append((node.s, False))
        elif isinstance(node, VariableNode) and _NAME.fullmatch(node.filter_expression.token):
            parts.append((node.filter_expression.token, True))
        else:
            return None
    return tuple(parts)


def render(template: str, *, language: str, values: Mapping[str, Any], sms: bool = False) -> Text:
    """The words of a letter. Falls back to the installation's language where a translation is missing.

    Raises `RenderError` when no template is found, a variable is missing, it fails, or the result is too long.
    """
    try:
        found = _find(_engine(), template, language, sms)
        written = found.write(values, language).strip()
    except RenderError:
        raise
    except Exception as error:
        raise RenderError(f"{_names(template, language, sms)[0]} fails with {type(error).__name__}") from error
    name = found.template.name or ""
    if hole := HOLE.search(written):
        raise RenderError(f"{name} needs {hole[1][:60]}")
    if sms and name.endswith(".sms.txt"):
        subject, body = "", written
    else:
        subject, _newline, body = (part.strip() for part in written.partition("\n"))
    if sms:
        text = Text("", " ".join((body or subject).split()))
        limit = MAX_SMS
    else:
        text, limit = Text(subject, body), MAX_BODY
    if not text.body or len(text.subject) > MAX_SUBJECT or len(text.body) > limit:
        raise RenderError(f"{name} gives {len(text.subject)} characters of subject, {len(text.body)} of body")
    return text
