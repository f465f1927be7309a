"""A version's statistics and health in words and small bars, for its page."""

from collections.abc import Sequence
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from controlplane.data.fixes import places
from controlplane.data.models import DatasetVersion
from controlplane.data.preview import in_order
from controlplane.data.schemas import columns_of
from controlplane.frame.figures import figure
from workers.contract import personal

LABELS_SHOWN = 12
CLASSES_SHOWN = 50
ROWS_LINKED = 10
UNEVEN = 10  # times the smallest class: worth a word


class Finding(NamedTuple):
    """title: how many of what · note: why it matters · serious: it misleads a training · query: the preview that shows it ·
    fix: what mends it · rows: (split, row, query of its page) of the first · remark: only worth a word, not counted."""

    title: str
    note: str
    serious: bool
    query: str = ""
    fix: str = ""
    rows: Sequence[tuple[str, int, str]] = ()
    remark: bool = False


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
        out.append(_finding(version, "leakage", title, _("Scores on test would look better than they are."), fix="drop_leaks"))
    if n := found.get("conflicts"):
        title = ngettext("%(n)s input carries two labels", "%(n)s inputs carry two labels", n) % {"n": f"{n:,}"}
        out.append(_finding(version, "conflicts", title, _("The model learns both."), fix="drop_conflicts"))
    out += _personal(version, found.get("personal") or {})
    if n := found.get("rejected"):
        title = ngettext("%(n)s file was left out", "%(n)s files were left out", n) % {"n": f"{n:,}"}
        names = ", ".join(str(name) for name in found.get("rejected_files") or [])
        out.append(Finding(title, _("Could not be read: %(names)s") % {"names": names} if names else _("They could not be read."), True))
    out += _small_classes(found.get("small") or [])
    if n := found.get("duplicates"):
        title = ngettext("%(n)s row comes again", "%(n)s rows come again", n) % {"n": f"{n:,}"}
        note = _("Exact duplicates weigh more than other rows.")
        out.append(_finding(version, "duplicates", title, note, fix="drop_duplicates", serious=False))
    if n := found.get("empty"):
        title = ngettext("%(n)s row is empty", "%(n)s rows are empty", n) % {"n": f"{n:,}"}
        out.append(_finding(version, "empty", title, _("There is nothing to learn from it."), fix="drop_empty", serious=False))
    return out + _columns_health(version)


def troubles(health: dict[str, Any]) -> int:
    """How many of these findings there are; what `health` says of columns beside them are remarks."""
    kinds = sum(1 for kind in personal.KINDS if (health.get("personal") or {}).get(kind))
    return kinds + sum(1 for name in ("leakage", "conflicts", "rejected", "small", "duplicates", "empty") if health.get(name))


def _small_classes(found: list[tuple[str, int, int]]) -> list[Finding]:
    """One finding for all classes that have next to no rows, or none in test."""
    if not found:
        return []
    tested = all(in_test for _name, _rows, in_test in found)
    if len(found) == 1:
        name, rows, _in_test = found[0]
        title = ngettext("%(name)s has only %(n)s row", "%(name)s has only %(n)s rows", rows) % {"name": name, "n": f"{rows:,}"}
        note = _("Too few to learn it.") if tested else _("None of them is in test: the result says nothing of it.")
        return [Finding(title, note, True)]
    names = ", ".join(f"{name} {rows:,}" for name, rows, _in_test in found)
    note = _("Too few to learn them.") if tested else _("Some have none in test: the result says nothing of those.")
    return [Finding(_("Classes with very few rows: %(names)s") % {"names": names}, note, True)]


def _finding(version: DatasetVersion, name: str, title: str, note: str, *, fix: str, serious: bool = True) -> Finding:
    """One whose rows preparing has named."""
    rows = places(version, name)
    shown = [(split, row, urlencode({"split": split, "row": row})) for split, row in rows[:ROWS_LINKED]]
    return Finding(title, note, serious, urlencode({"finding": name}) if rows else "", fix, shown)


def _personal(version: DatasetVersion, found: dict[str, int]) -> list[Finding]:
    """A finding for each kind of personal data; never what it is."""
    phones, emails, ids, cards = (int(found.get(kind) or 0) for kind in personal.KINDS)
    titles = {
        "phone": ngettext("%(n)s phone number", "%(n)s phone numbers", phones),
        "email": ngettext("%(n)s email address", "%(n)s email addresses", emails),
        "id_number": ngettext("%(n)s Chinese ID number", "%(n)s Chinese ID numbers", ids),
        "card": ngettext("%(n)s bank card number", "%(n)s bank card numbers", cards),
    }
    note = _("A model can repeat them.")
    named = [(kind, title % {"n": f"{found[kind]:,}"}) for kind, title in titles.items() if found.get(kind)]
    return [_finding(version, kind, title, note, fix="mask_personal") for kind, title in named]


def _columns_health(version: DatasetVersion) -> list[Finding]:
    """Empty cells, columns that say nothing, classes of very different size."""
    known, out = version.statistics.get("columns") or {}, []
    for name in columns_of(version):
        facts = known.get(name) or {}
        if n := facts.get("nulls"):
            title = ngettext("%(n)s empty cell in %(name)s", "%(n)s empty cells in %(name)s", n) % {"n": f"{n:,}", "name": name}
            out.append(
                Finding(
                    title,
                    _("Rows without it are left out where a task needs it."),
                    False,
                    urlencode({"filter": f"{name}:null:true"}),
                    remark=True,
                )
            )
        if facts.get("distinct") == 1 and sum(version.splits.values()) > 1:
            out.append(
                Finding(_("%(name)s has one value only") % {"name": name}, _("There is nothing to learn from it."), False, remark=True)
            )
    counts = sorted(int(count) for _value, count in (known.get(version.statistics.get("label")) or {}).get("values") or [])
    if len(counts) > 1 and counts[-1] >= UNEVEN * max(1, counts[0]):
        times = counts[-1] // max(1, counts[0])
        title = _("The largest class has %(n)s times the rows of the smallest") % {"n": f"{times:,}"}
        out.append(Finding(title, _("Small classes are learnt worse; class weights help."), False, remark=True))
    return out


def classes(version: DatasetVersion) -> dict[str, Any] | None:
    """Rows of each class in each split: {splits, rows: [(class, [(count, share)])]}; None without a label of few values."""
    label = version.statistics.get("label")
    parts = {split: (part.get("classes") or {}).get(label) or {} for split, part in (version.statistics.get("splits") or {}).items()}
    parts = {split: parts[split] for split in in_order(parts) if parts[split]}
    names = sorted({name for counts in parts.values() for name in counts}, key=lambda n: -sum(c.get(n, 0) for c in parts.values()))
    if not names:
        return None
    totals = {split: sum(counts.values()) for split, counts in parts.items()}
    rows = [(n, [(c.get(n, 0), round(100 * c.get(n, 0) / totals[s], 1)) for s, c in parts.items()]) for n in names[:CLASSES_SHOWN]]
    return {"label": label, "splits": list(parts), "rows": rows, "more": max(0, len(names) - CLASSES_SHOWN)}
