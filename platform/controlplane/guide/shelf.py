"""The guide's files: docs/guide/<language>/<page>.md, read once and again when one has changed."""

from functools import cache

from controlplane.frame.prose import Prose, prose
from workers.contract.home import ROOT

FOLDER = ROOT / "docs/guide"
LANGUAGES = {"en": "en", "zh": "zh-hans"}
FOUND = 8  # parts of the guide among the results of a search
PAGES = (
    "quick-start",
    "datasets",
    "training",
    "base-models",
    "watching",
    "models",
    "deploying",
    "calling",
    "playground",
    "teams",
    "operating",
    "troubleshooting",
)


def leaf(lang: str, name: str) -> Prose:
    """One page as HTML. `lang` and `name` are of the lists above."""
    path = FOLDER / lang / f"{name}.md"
    return _rendered(lang, name, path.stat().st_mtime_ns)


@cache
def _rendered(lang: str, name: str, changed: int) -> Prose:
    return prose((FOLDER / lang / f"{name}.md").read_text(), links=f"/guide/{lang}/")


def find(lang: str, q: str) -> list[tuple[str, str, str]]:
    """(heading, page, address) of the parts that hold every word; those whose heading does come first."""
    words, rows = q.lower().split(), []
    for name in PAGES:
        page = leaf(lang, name)
        for anchor, heading, text in page.sections:
            headed = f"{page.title} {heading}".lower()
            if all(word in headed or word in text.lower() for word in words):
                note = page.title if heading != page.title else ""
                rows.append((all(word in headed for word in words), (heading, note, f"/guide/{lang}/{name}#{anchor}")))
    return [row for _headed, row in sorted(rows, key=lambda row: not row[0])[:FOUND]]
