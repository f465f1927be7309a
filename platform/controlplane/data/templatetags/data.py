"""Filters of pages that show data."""

from django import template
from django.utils.functional import Promise
from django.utils.translation import pgettext_lazy

register = template.Library()
KINDS: dict[str, str | Promise] = {
    "text": pgettext_lazy("column", "text"),
    "category": pgettext_lazy("column", "category"),
    "integer": pgettext_lazy("column", "integer"),
    "number": pgettext_lazy("column", "number"),
    "boolean": pgettext_lazy("column", "yes or no"),
    "timestamp": pgettext_lazy("column", "time"),
    "image": pgettext_lazy("column", "image"),
    "audio": pgettext_lazy("column", "audio"),
    "list": pgettext_lazy("column", "list"),
    "struct": pgettext_lazy("column", "fields"),
}


@register.filter
def kind(name: str) -> str:
    """The word of a column's type."""
    return str(KINDS.get(name, name))
