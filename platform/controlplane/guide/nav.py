"""What this room hands to the frame: what the guide says, among the results of a search."""

from typing import Any

from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from controlplane.frame import slots
from controlplane.guide import shelf


def find(_workspace: Any, q: str) -> tuple[Any, list[tuple[str, Any, str]]]:
    """In the reader's language; in the other one where that says nothing of it."""
    own, other = ("zh", "en") if (get_language() or "").startswith("zh") else ("en", "zh")
    return _("User guide"), [*(shelf.find(own, q) or shelf.find(other, q))]


slots.searches.append(find)
