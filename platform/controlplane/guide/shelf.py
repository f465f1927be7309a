"""The guide's files: docs/guide/<language>/<page>.md, read once and again when one has changed."""

from functools import cache

from controlplane.frame.prose import Prose, prose
from workers.contract.home import ROOT

FOLDER = ROOT / "docs/guide"
LANGUAGES = {"en": "en", "zh": "zh-hans"}
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
