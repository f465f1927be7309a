"""A version's statistics and health in words and small bars, for its page."""

from typing import Any, NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from controlplane.data.models import DatasetVersion
from controlplane.data.schemas import columns_of
from controlplane.frame.figures import figure

LABELS_SHOWN = 12


class Finding(NamedTuple):
    """title: how many of what · note: why it matters · serious: it misleads a training."""

    title: str
    note: str
    serious: bool


def bars(counts: list[int]) -> list[int]:
    """Heights in percent of the tallest; what is there but small stays visible."""
    most = max(counts, default=0)
    return [max(4, round(100 * count / most)) for count in counts] if most else []


def columns(version: DatasetVersion) -> list[dict[str, Any]]:
    """Each column in the order of the file: {name, kind, facts: [(label, text)], bars, values: [(value, rows)], more}."""
    known = version.statistics.get("columns") or {}
    return [_column(name, version.features[name], known.get(name) or {}) for name in columns_of(version)]


def _column(name: str, kind: str, known: dict[str, Any]) -> dict[str, Any]:
    spread = known.get("histogram") or known.get("lengths") or {}
    values = sorted(known.get("values") or known.get("top") or [], key=lambda pair: -int(pair[1]))
    facts = [(_("Missing"), known.get("nulls")), (_("Distinct"), known.get("distinct"))]
    if lengths := known.get("lengths"):
        facts += [(_("Shortest"), lengths.get("min")), (_("Median length"), lengths.get("median")), (_("Longest"), lengths.get("max"))]
    facts += [
        (_("Least"), known.get("min")),
        (_("Mean"), known.get("mean")),
        (_("Most"), known.get("max")),
        (_("Spread"), known.get("std")),
    ]
    return {
        "name": name,
        "kind": kind,
        "facts": [(label, figure(value)) for label, value in facts if value is not None],
        "bars": [] if values else bars(spread.get("counts") or []),
        "values": values[:LABELS_SHOWN],
        "more": max(0, len(values) - LABELS_SHOWN),
    }


def health(version: DatasetVersion) -> list[Finding] | None:
    """What would mislead a training, worst first; None when it was not looked for."""
    found = version.statistics.get("health")
    if not isinstance(found, dict):
        return None
    out = []
    if n := found.get("leakage"):
        title = ngettext("%(n)s row is also in test", "%(n)s rows are also in test", n) % {"n": f"{n:,}"}
        out.append(Finding(title, _("Scores on test would look better than they are."), True))
    if n := found.get("conflicts"):
        title = ngettext("%(n)s input carries two labels", "%(n)s inputs carry two labels", n) % {"n": f"{n:,}"}
        out.append(Finding(title, _("The model learns both."), True))
    if n := found.get("rejected"):
        title = ngettext("%(n)s file was left out", "%(n)s files were left out", n) % {"n": f"{n:,}"}
        out.append(Finding(title, _("They could not be read."), True))
    if n := found.get("duplicates"):
        title = ngettext("%(n)s row comes again", "%(n)s rows come again", n) % {"n": f"{n:,}"}
        out.append(Finding(title, _("Exact duplicates weigh more than other rows."), False))
    return out
