"""What training shows on the way: a sample's title in the reader's language, and the cells of one that is a table."""

import re
from typing import Any

from django.utils.translation import gettext as _

MATRIX = re.compile(r"confusion matrix, (\S+)")


def title(data: dict[str, Any]) -> str:
    """A worker writes titles in English; the usual ones have words here."""
    written = str(data.get("title", ""))
    if found := MATRIX.fullmatch(written):
        return _("Confusion matrix (%(split)s)") % {"split": found[1]}
    step = written.removeprefix("step ")
    return _("step %(n)s") % {"n": f"{int(step):,}"} if step.isdecimal() else written


def cells(text: str) -> list[list[str]]:
    """Rows of a table in lines with tabs between; the first row are the headers."""
    return [line.split("\t") for line in text.splitlines()]
