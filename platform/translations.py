"""The words of both languages: `update` collects them into platform/locale, `check` finds what is missing, `compile` makes .mo files.

Messages stand in Python as gettext calls and in templates as {% translate %} and {% blocktranslate %}. English is the source;
every other language must be complete, without fuzzy entries, and with the same placeholders. What a recipe asks for is
translated in its own spec and not covered here.
"""

import io
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from babel.messages.catalog import Catalog, TranslationError
from babel.messages.checkers import python_format
from babel.messages.extract import DEFAULT_KEYWORDS, extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.conf import settings
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parents[1]
LOCALE = ROOT / "platform/locale"
LANGUAGES = ("zh_Hans",)
KEYWORDS = DEFAULT_KEYWORDS | {f"{name}_lazy": arguments for name, arguments in DEFAULT_KEYWORDS.items() if name.endswith("gettext")}


def sources() -> Iterator[Path]:
    """Every file that may hold words for people."""
    yield from sorted(path for path in (ROOT / "platform/controlplane").rglob("*.py") if "migrations" not in path.parts)
    for pattern in ("*.html", "*.txt"):
        yield from sorted(path for path in (ROOT / "frontend_templates").rglob(pattern) if "dist" not in path.parts)


def extracted() -> Catalog:
    """A catalogue of all messages in the sources, each with the files it stands in."""
    catalog = Catalog(project="Slipway", charset="utf-8")
    for path in sources():
        text = path.read_text()
        if path.suffix != ".py":
            # Templates become lines of gettext calls; their indentation means nothing to Python.
            text = "\n".join(line.strip() for line in templatize(text, origin=str(path)).splitlines())
        name = str(path.relative_to(ROOT))
        for _, message, comments, context in extract("python", io.BytesIO(text.encode()), KEYWORDS, ["Translators:"]):
            if message:
                catalog.add(message, locations=[(name, 0)], auto_comments=comments, context=context)
    return catalog


def po_path(language: str) -> Path:
    """Where the words of one language lie, `zh_Hans` for example."""
    return LOCALE / language / "LC_MESSAGES/django.po"


def read(language: str) -> Catalog:
    """The catalogue of one language; an empty one when there is none yet."""
    path = po_path(language)
    if not path.exists():
        return Catalog(locale=language, domain="django", project="Slipway", fuzzy=False)
    with path.open("rb") as file:
        return read_po(file, locale=language, domain="django")


def update(language: str) -> list[str]:
    """Merge the sources' messages into the catalogue; nothing is guessed and what is no longer used is dropped."""
    catalog, path = read(language), po_path(language)
    catalog.update(extracted(), no_fuzzy_matching=True)
    catalog.obsolete.clear()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        write_po(file, catalog, sort_by_file=True, include_lineno=False, omit_header=False, width=120)
    return []


def check(language: str) -> list[str]:
    """What is wrong with one language: missing, unused, empty, fuzzy, or with other placeholders. One line each."""
    wanted, have = extracted(), read(language)
    known = {key(message) for message in have}
    faults = [f"missing: {message.id!r} ({message.locations[0][0]})" for message in wanted if message.id and key(message) not in known]
    needed = {key(message) for message in wanted}
    for message in have:
        if not message.id:
            continue
        texts = message.string if isinstance(message.string, (list, tuple)) else (message.string,)
        if key(message) not in needed:
            faults.append(f"no longer used: {message.id!r}")
        elif message.fuzzy or not all(texts):
            faults.append(f"not translated: {message.id!r}")
        else:
            try:
                python_format(have, message)
            except TranslationError as fault:
                faults.append(f"placeholders differ: {message.id!r}: {fault}")
    return faults


def key(message: object) -> tuple[object, object]:
    """What tells two messages apart: the (first) English text and the context."""
    identity = getattr(message, "id", "")
    return (identity[0] if isinstance(identity, (list, tuple)) else identity), getattr(message, "context", None)


def compile_language(language: str) -> list[str]:
    """Write the .mo file beside the .po file."""
    with po_path(language).with_suffix(".mo").open("wb") as file:
        write_mo(file, read(language))
    return []


COMMANDS: dict[str, Callable[[str], list[str]]] = {"update": update, "check": check, "compile": compile_language}


def main(arguments: list[str]) -> int:
    """Run one command for every language; status 1 with the faults when there are any."""
    if len(arguments) != 1 or arguments[0] not in COMMANDS:
        sys.exit(f"usage: python platform/translations.py {'|'.join(COMMANDS)}")
    settings.configure()
    faults = [f"{language}: {fault}" for language in LANGUAGES for fault in COMMANDS[arguments[0]](language)]
    print("\n".join(faults) or f"translations: {arguments[0]} done for {', '.join(LANGUAGES)}")
    if faults:
        print(f"{len(faults)} faults. Bring in new words with: python platform/translations.py update, then translate them.")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
