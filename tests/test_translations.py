"""The check that every word for people stands in both languages."""

import subprocess
import sys
from pathlib import Path

import pytest
import translations

PO = """msgid ""
msgstr ""
"Content-Type: text/plain; charset=utf-8\\n"
"Plural-Forms: nplurals=1; plural=0;\\n"

msgid "Datasets"
msgstr "数据集"

msgid "%(count)s row"
msgid_plural "%(count)s rows"
msgstr[0] "{row}"
"""


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    page = tmp_path / "frontend_templates/page.html"
    page.parent.mkdir()
    (tmp_path / "platform/controlplane").mkdir(parents=True)
    page.write_text(
        "{% load i18n %}\n  <p>{% translate 'Datasets' %}</p>\n"
        "    {% blocktranslate count count=n %}{{ count }} row{% plural %}{{ count }} rows{% endblocktranslate %}\n"
    )
    po = tmp_path / "locale/zh_Hans/LC_MESSAGES/django.po"
    po.parent.mkdir(parents=True)
    po.write_text(PO.replace("{row}", "%(count)s 行"))
    monkeypatch.setattr(translations, "ROOT", tmp_path)
    monkeypatch.setattr(translations, "LOCALE", tmp_path / "locale")
    return tmp_path


def test_a_complete_language_passes(tree: Path) -> None:
    assert translations.check("zh_Hans") == []


def test_a_new_word_is_missing_until_it_is_translated(tree: Path) -> None:
    (tree / "platform/controlplane/views.py").write_text("from x import gettext as _\n\nWORDS = _('Train'), pgettext('verb', 'Deploy')\n")
    assert [fault.split(" (")[0] for fault in translations.check("zh_Hans")] == ["missing: 'Train'", "missing: 'Deploy'"]
    translations.update("zh_Hans")
    assert [fault.split(":")[0] for fault in translations.check("zh_Hans")] == ["not translated", "not translated"]


def test_a_word_nobody_uses_is_told(tree: Path) -> None:
    (tree / "frontend_templates/page.html").write_text("{% load i18n %}{% translate 'Datasets' %}")
    assert translations.check("zh_Hans") == ["no longer used: ('%(count)s row', '%(count)s rows')"]


def test_other_placeholders_are_told(tree: Path) -> None:
    translations.po_path("zh_Hans").write_text(PO.replace("{row}", "%(number)s 行"))
    assert len(faults := translations.check("zh_Hans")) == 1
    assert "placeholders differ" in faults[0]


def test_the_command_line_names_what_it_can() -> None:
    done = subprocess.run([sys.executable, str(Path(translations.__file__)), "nothing"], capture_output=True, text=True)
    assert done.returncode == 1
    assert "update|check|compile" in done.stderr
