"""Every message has its Chinese, and a missing one is found."""

from __future__ import annotations

import gettext
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from config import catalogues

PYTHON = """
from django.utils.translation import gettext as _, ngettext, pgettext
one = _("Working days left")
two = ngettext("%(n)s case", "%(n)s cases", 2)
three = pgettext("verb", "Seal")
"""
TEMPLATE = '{% load i18n %}{% translate "Look-up" %}{% blocktranslate %}Hello {{ name }}{% endblocktranslate %}'
CATALOGUE = """
msgid ""
msgstr "Content-Type: text/plain; charset=UTF-8\\nPlural-Forms: nplurals=1; plural=0;\\n"

msgid "Working days left"
msgstr "剩余工作日"

msgid "%(n)s case"
msgid_plural "%(n)s cases"
msgstr[0] "%(n)s 件业务"

msgctxt "verb"
msgid "Seal"
msgstr "签章"

msgid "Look-up"
msgstr "进度查询"

msgid "Hello %(name)s"
msgstr "您好，%(name)s"
"""


@pytest.fixture
def house(tmp_path: Path, settings: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> catalogues.House:
    """One package with code, a template and a complete catalogue."""
    package = tmp_path / "face"
    (package / "templates").mkdir(parents=True)
    (package / "views.py").write_text(PYTHON)
    (package / "templates" / "page.html").write_text(TEMPLATE)
    house = catalogues.House(package / "locale")
    house.po.parent.mkdir(parents=True)
    house.po.write_text(CATALOGUE)
    settings.BASE_DIR = tmp_path
    settings.LOCALE_PATHS = [package / "locale"]
    return house


def faults() -> list[str]:
    return [fault for house in catalogues.gather() for fault in catalogues.faults(house)]


def test_complete_catalogue_passes(house: catalogues.House, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("translations", "check")
    assert "5 messages, all translated." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        ('msgid "Look-up"\nmsgstr "进度查询"\n', "", "'Look-up' is missing"),
        ('msgstr "进度查询"', 'msgstr ""', "'Look-up' is not translated"),
        ('msgid "Look-up"', '#, fuzzy\nmsgid "Look-up"', "'Look-up' is marked fuzzy"),
        ('"您好，%(name)s"', '"您好，%(nmae)s"', "has other placeholders"),
        ('msgctxt "verb"\n', "", "'Seal' is missing"),
        ('"%(n)s 件业务"', '"件业务"', "has other placeholders"),
    ],
)
def test_faults_are_found(house: catalogues.House, before: str, after: str, fault: str) -> None:
    assert faults() == []
    assert before in CATALOGUE
    house.po.write_text(CATALOGUE.replace(before, after))
    found = faults()
    assert len(found) == 1
    assert fault in found[0]
    with pytest.raises(CommandError, match="1 translations are missing or wrong"):
        call_command("translations", "check")


def test_unused_entries_are_reported(house: catalogues.House, capsys: pytest.CaptureFixture[str]) -> None:
    house.po.write_text(CATALOGUE + '\nmsgid "Gone"\nmsgstr "没有了"\n')
    call_command("translations", "check")
    assert "'Gone' is used nowhere" in capsys.readouterr().out


def test_compiled_catalogue_translates(house: catalogues.House) -> None:
    assert catalogues.compile_all() == 1
    assert catalogues.compile_all() == 0  # up to date
    with house.po.with_suffix(".mo").open("rb") as file:
        spoken = gettext.GNUTranslations(file)
    assert spoken.gettext("Look-up") == "进度查询"
    assert spoken.ngettext("%(n)s case", "%(n)s cases", 5) == "%(n)s 件业务"
    assert spoken.pgettext("verb", "Seal") == "签章"


def test_deepest_catalogue_owns_a_file(house: catalogues.House, settings: pytest.FixtureRequest) -> None:
    inner = house.folder.parent / "inner"
    inner.mkdir()
    (inner / "views.py").write_text("from django.utils.translation import gettext as _\nx = _('Inner')\n")
    settings.LOCALE_PATHS = [house.folder, inner / "locale"]
    found = faults()
    assert len(found) == 1
    assert "inner/locale/zh_Hans" in found[0]
