"""What fixing the findings of a version would change: how many rows, and the first of them before and after. The fixing itself is a
preparing job's; its verb is `services.fix_version`."""

from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple

from django.utils.translation import gettext_lazy as _

from controlplane.data import preview
from controlplane.data.models import DatasetVersion
from controlplane.data.schemas import columns_of
from workers.contract import personal
from workers.contract.options import FIXES, Fix

EXAMPLES = 3
SHOWN = 200  # characters of an example's value
AROUND = 40  # characters shown beside what is masked
FINDING: dict[Fix, tuple[str, str]] = {  # fix → the figure of `health` it is about, the finding whose rows it changes
    "drop_duplicates": ("duplicates", "duplicates"),
    "drop_leaks": ("leakage", "leakage"),
    "drop_conflicts": ("conflict_rows", "conflicts"),
    "drop_empty": ("empty", "empty"),
}
WORDS: dict[Fix, tuple[Any, Any]] = {
    "drop_duplicates": (_("Drop duplicates"), _("Of equal rows one stays, the one in test if there is one.")),
    "drop_leaks": (_("Drop rows that are also in test"), _("They go from train and validation; test keeps its rows.")),
    "drop_conflicts": (_("Drop rows with conflicting labels"), _("All rows of an input that carries two labels go.")),
    "drop_empty": (_("Drop empty rows"), _("Rows of which every input is empty go.")),
    "mask_personal": (
        _("Mask personal data"),
        _("Each is replaced by the word of its kind, such as [PHONE]; a bare number becomes empty."),
    ),
}


Finding = Literal["duplicates", "leakage", "conflicts", "empty", "personal", "phone", "email", "id_number", "card"]


class Offer(NamedTuple):
    """A fix that has something to do. rows: how many it changes."""

    fix: Fix
    title: Any
    note: Any
    rows: int


def offers(version: DatasetVersion) -> list[Offer]:
    """The fixes a version's findings ask for."""
    found = []
    for fix in FIXES:
        if rows := rows_of(version, fix):
            found.append(Offer(fix, *WORDS[fix], rows))
    return found


def rows_of(version: DatasetVersion, fix: Fix) -> int:
    """How many rows a fix is about, by what preparing counted."""
    health = version.statistics.get("health") or {}
    if fix == "mask_personal":
        return int((health.get("personal") or {}).get("rows") or 0)
    return int(health.get(FINDING[fix][0]) or 0)


def made(version: DatasetVersion) -> list[tuple[Any, int | None]]:
    """The fixes a version was made with, and how many rows each was about; None while that is not known."""
    known = version.statistics.get("fixed") or {}
    return [(WORDS[fix][0], known.get(fix)) for fix in FIXES if fix in (version.options.get("fixes") or [])]


class Outcome(NamedTuple):
    """rows: now · after: left, None where preparing did not count it · masked: rows changed · exact: False for an estimate."""

    rows: int
    after: int | None
    masked: int
    exact: bool


def outcome(version: DatasetVersion, fixes: Iterable[str]) -> Outcome:
    """What a version with these fixes would have."""
    chosen, rows = set(fixes), sum(version.splits.values())
    health = version.statistics.get("health") or {}
    dropped_by = health.get("dropped_by")
    masks = "mask_personal" in chosen
    after = None if dropped_by is None else rows - sum(int(count) for names, count in dropped_by if chosen & set(names))
    merges = masks and "drop_duplicates" in chosen and rows_of(version, "mask_personal") > 1  # masked rows may have become equal
    exact = bool(health.get("exact", True)) and not merges and not version.options.get("fixes")
    return Outcome(rows, after, rows_of(version, "mask_personal") if masks else 0, exact)


def places(version: DatasetVersion, finding: str) -> list[tuple[str, int]]:
    """(split, row) of a finding's first rows. finding: of FINDING, a kind of personal data, or `personal` for all of them."""
    known = version.statistics.get("findings") or {}
    names: Sequence[str] = personal.KINDS if finding == "personal" else (finding,)
    rows = dict.fromkeys((str(split), int(row)) for name in names for split, row in known.get(name) or [])
    return [(split, row) for split, row in rows if split in version.shards]


def rows_with(version: DatasetVersion, finding: str) -> preview.Places:
    """The first rows of a finding, as the preview takes them."""
    return only(places(version, finding))


def only(rows: Iterable[tuple[str, int]]) -> preview.Places:
    found: preview.Places = {}
    for split, row in rows:
        found.setdefault(split, []).append(row)
    return found


def examples(version: DatasetVersion, fix: Fix, count: int = EXAMPLES) -> list[dict[str, Any]]:
    """The first rows a fix changes: [{split, row, before: {column: value}, after: the same masked, or None for a row that goes}].
    Images and sounds stand as true; of personal data only as much as is needed to recognise it."""
    masks = fix == "mask_personal"
    rows = places(version, "personal" if masks else FINDING[fix][1])[:count]
    if not rows:
        return []
    found = preview.page(version, split=None, offset=0, limit=count, filters=[], q="", only=only(rows))["items"]
    label = version.statistics.get("label")
    names = [name for name in columns_of(version) if not masks or name != label]
    shown = []
    for item in found:
        both = {name: _both(item["values"].get(name)) if masks else (_short(item["values"].get(name)), None) for name in names}
        kept = {name: pair for name, pair in both.items() if not masks or pair[0] != pair[1]}
        before = {name: pair[0] for name, pair in kept.items()}
        shown.append(
            {"split": item["split"], "row": item["row"], "before": before, "after": {n: p[1] for n, p in kept.items()} if masks else None}
        )
    return shown


def _short(value: Any) -> Any:
    return f"{value[:SHOWN]}…" if isinstance(value, str) and len(value) > SHOWN else value


def _both(value: Any) -> tuple[str, str]:
    """What stands around the first personal data of a value, hinted at and masked."""
    text = _text(value)
    parts = list(personal.pieces(text))
    first = next((i for i, part in enumerate(parts) if isinstance(part, personal.Span)), None)
    if first is None:
        return "", ""
    lead = str(parts[first - 1]) if first else ""
    shown = parts[first : first + 4]
    start = f"…{lead[-AROUND:]}" if len(lead) > AROUND or first > 1 else lead
    hinted = "".join(_cut(part) if isinstance(part, str) else personal.hint(text[part.start : part.end]) for part in shown)
    masked = "".join(_cut(part) if isinstance(part, str) else personal.MASKS[part.kind] for part in shown)
    return start + hinted, start + masked if isinstance(value, str | list | dict) else ""


def _cut(text: str) -> str:
    return text if len(text) <= AROUND else f"{text[:AROUND]}…"


def _text(value: Any) -> str:
    """The texts of a value in one."""
    if isinstance(value, dict):
        return " · ".join(filter(None, map(_text, value.values())))
    if isinstance(value, list):
        return " · ".join(filter(None, map(_text, value)))
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
