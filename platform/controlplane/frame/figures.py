"""Figures as the pages write them: 1,840 · 4.1 MB · 22 min · 0.914 · 2e-4."""

import math
from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

UNITS = ("B", "KB", "MB", "GB", "TB", "PB")


def size(value: float | None) -> str:
    """Bytes in the decimal unit a person reads; a dash for what is not there, which a template gives as an empty text."""
    if not isinstance(value, int | float):
        return "–"
    amount, unit = float(value), 0
    while amount >= 1000 and unit < len(UNITS) - 1:
        amount, unit = amount / 1000, unit + 1
    return f"{amount:.0f} {UNITS[unit]}" if unit == 0 or amount >= 100 else f"{amount:.1f} {UNITS[unit]}"


def figure(value: Any) -> str:
    """Four significant digits; whole numbers grouped; below 0.001 as 2e-4; a dash for what is not a number."""
    if value is None or isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return "–" if value is None or isinstance(value, float) else str(value)
    if isinstance(value, int) or abs(value) >= 10000:
        return f"{round(value):,}"
    if value and abs(value) < 0.001:
        mantissa, exponent = f"{value:.3e}".split("e")
        return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
    return f"{value:.4g}"


def minus(text: Any) -> str:
    """A written figure whose hyphen, if it begins with one, is a minus sign."""
    return f"−{str(text)[1:]}" if str(text).startswith("-") else str(text)


def listed(items: Sequence[Any], at_most: int = 100) -> str:
    """Items one after the other, with the sign the reader's script puts between them; an ellipsis for those beyond `at_most`."""
    shown = pgettext("between the items of a list", ", ").join(str(item) for item in items[:at_most])
    return f"{shown}…" if len(items) > at_most else shown


def setting(value: Any) -> str:
    """The value of a setting as the API writes it: true, false, a dash for none, other values as they are."""
    if value is None:
        return "–"
    return str(value).lower() if isinstance(value, bool) else str(value)


def spreadsheet(value: Any) -> Any:
    """A cell of a CSV; a text that a spreadsheet would run as a formula gets an apostrophe before it."""
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value


def duration(seconds: float | None) -> str:
    """Seconds as the two largest units: 7 min 36 s, 3 h 40 min."""
    if not isinstance(seconds, int | float):
        return "–"
    whole = max(0, round(seconds))
    if whole < 60:
        return _("%(s)s s") % {"s": whole}
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return _("%(m)s min %(s)s s") % {"m": minutes, "s": rest} if minutes < 10 and rest else _("%(m)s min") % {"m": minutes}
    hours, minutes = divmod(minutes, 60)
    return _("%(h)s h %(m)s min") % {"h": hours, "m": minutes} if minutes else _("%(h)s h") % {"h": hours}
