"""The preview as a page shows it: which rows, what each column looks like, where the next page lies. The address is the state."""

from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.http import HttpRequest, QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from controlplane import artifacts
from controlplane.data import exports, preview
from controlplane.data.figures import bars
from controlplane.data.filters import read_filters
from controlplane.data.fixes import places, rows_with
from controlplane.data.models import DatasetVersion
from controlplane.data.schemas import columns_of
from controlplane.frame.figures import figure

ROWS = 50
MARKS = {"eq": "=", "ne": "≠", "lt": "<", "gt": ">", "contains": "∋", "null": "∅"}
OPERATORS = (
    ("eq", gettext_lazy("is")),
    ("ne", gettext_lazy("is not")),
    ("contains", gettext_lazy("contains")),
    ("lt", gettext_lazy("is less than")),
    ("gt", gettext_lazy("is more than")),
    ("null", gettext_lazy("is empty (true or false)")),
)
MARKED = {  # finding → the badge of its rows
    "leakage": gettext_lazy("Also in test"),
    "conflicts": gettext_lazy("Label conflict"),
    "duplicates": gettext_lazy("Duplicate"),
    "empty": gettext_lazy("Empty"),
    "personal": gettext_lazy("Personal data"),
}
FOUND = {
    **MARKED,
    "phone": gettext_lazy("Phone numbers"),
    "email": gettext_lazy("Email addresses"),
    "id_number": gettext_lazy("Chinese ID numbers"),
    "card": gettext_lazy("Bank card numbers"),
}
STRIP = 12  # classes shown one by one
TEXT_SHOWN = 400  # characters of a cell in the table


@dataclass(frozen=True)
class Cell:
    """kind: the column's type · text: what is shown · url: of an image or a sound."""

    kind: str
    text: str
    url: str = ""


class Row(NamedTuple):
    """marks: findings that name it · chars: of its texts."""

    number: int
    split: str
    cells: list[Cell]
    marks: list[str]
    chars: int


@dataclass(frozen=True)
class Look:
    """One page of rows with everything around it."""

    columns: list[dict[str, Any]]
    rows: list[Row]
    marked: bool  # a row of this page has a finding
    total: int
    first: int
    last: int
    previous: str
    next: str
    splits: list[tuple[str, int, str, bool]]
    chips: list[tuple[str, str]]
    shares: list[dict[str, Any]]
    picked: dict[str, Any] | None
    q: str
    media: str  # the first column of images, where there is one
    label: str
    grid: bool
    extra: list[tuple[str, str]]  # of the address, for a form that changes one part of it


def look(request: HttpRequest, version: DatasetVersion) -> Look:
    """Raises Problem for an unknown split, filter or column."""
    query = request.GET
    split = query.get("split") or None
    exports.check_split(version, split)
    texts, finding = query.getlist("filter"), query.get("finding", "")
    filters = read_filters(texts, version.features)
    only = rows_with(version, finding) if finding in FOUND else None
    q, picked = query.get("q", "")[:200], query.get("row", "")
    offset = int(query["offset"]) if query.get("offset", "").isdecimal() else 0
    if "offset" not in query and split and picked.isdecimal() and len(picked) < 12 and not (filters or q or only):
        offset = int(picked) // ROWS * ROWS  # a link to a row opens the page that has it
    found = preview.page(version, split=split, offset=offset, limit=ROWS, filters=filters, q=q, only=only)
    names = columns_of(version)
    rows = _rows(version, names, found["items"])
    here: dict[str, Any] = {"split": split, "filter": texts, "q": q, "view": query.get("view")}
    here["finding"] = finding if only is not None else None
    total = found["total"]
    media = next((name for name in names if version.features[name] == "image"), "")
    return Look(
        columns=[_column(version, name) for name in names],
        rows=rows,
        marked=any(row.marks for row in rows),
        total=total,
        first=offset + 1 if rows else 0,
        last=offset + len(rows),
        previous=_address(here, offset=max(0, offset - ROWS) or None) if offset else "",
        next=_address(here, offset=found["next_offset"]) if found["next_offset"] else "",
        splits=[(name, version.splits.get(name, 0), _address(here, split=name), name == split) for name in preview.splits_of(version)],
        chips=([(str(FOUND[finding]), _address(here, finding=None))] if only is not None else [])
        + [(_chip(text, version.features), _address(here, filter=[t for t in texts if t != text])) for text in texts],
        shares=_shares(version, here, split),
        picked=_picked(names, rows, picked, query.get("of") or split, here, offset) if picked else None,
        q=q,
        media=media,
        label=str(version.statistics.get("label") or ""),
        grid=bool(media) and query.get("view") != "table",
        extra=[("filter", text) for text in texts] + [(key, str(here[key])) for key in ("split", "view", "finding") if here[key]],
    )


def _rows(version: DatasetVersion, names: list[str], items: list[dict[str, Any]]) -> list[Row]:
    marks: dict[tuple[str, int], list[str]] = {}
    for finding, word in MARKED.items():
        for place in places(version, finding):
            marks.setdefault(place, []).append(str(word))
    texts = [name for name in names if version.features[name] == "text"]
    rows = []
    for item in items:
        cells = [cell(version, item, name) for name in names]
        chars = sum(len(str(item["values"].get(name) or "")) for name in texts)
        rows.append(Row(item["row"], item["split"], cells, marks.get((item["split"], item["row"]), []), chars))
    return rows


def _address(here: dict[str, Any], **change: Any) -> str:
    """The page's query with some of it changed."""
    wanted = {**here, **change}
    pairs = [
        (key, item) for key, value in wanted.items() for item in (value if isinstance(value, list) else [value]) if item not in (None, "")
    ]
    return f"?{urlencode(pairs)}"


def cell(version: DatasetVersion, item: dict[str, Any], name: str, shown: int = TEXT_SHOWN) -> Cell:
    """One value of a row as a page shows it: at most so many characters, or the signed address of an image or a sound."""
    kind, value = version.features[name], item["values"].get(name)
    if value is None:
        return Cell("empty", "–")
    if kind in ("image", "audio"):
        token = artifacts.token({"c": [version.pk, item["split"], item["row"], name]}, steady=True)
        return Cell(kind, "", f"/files/{token}")
    text = str(value)
    return Cell(kind, text if len(text) <= shown else f"{text[:shown]}…")


def _picked(names: list[str], rows: list[Row], asked: str, split: str | None, here: dict[str, Any], offset: int) -> dict[str, Any] | None:
    """The row that is open, with its neighbours on this page and its lasting address."""
    at = next((i for i, row in enumerate(rows) if str(row.number) == asked and split in (None, row.split)), None)
    if at is None:
        return None
    number, of, cells, marks, chars = rows[at]

    def near(i: int) -> str:
        return _address(here, offset=offset or None, row=rows[i].number, of=rows[i].split) if 0 <= i < len(rows) else ""

    link = _address({}, split=of, row=number)
    return {
        "row": number,
        "split": of,
        "marks": marks,
        "chars": chars,
        "cells": list(zip(names, cells, strict=True)),
        "up": near(at - 1),
        "down": near(at + 1),
        "link": link,
    }


def composed(query: QueryDict) -> str | None:
    """The address with one more filter, which a form sent in its three parts; None when none came."""
    if not query.get("column"):
        return None
    texts = [*query.getlist("filter"), f"{query['column']}:{query.get('op') or 'eq'}:{query.get('value', '')}"]
    here: dict[str, Any] = {
        "split": query.get("split"),
        "filter": list(dict.fromkeys(texts)),
        "q": query.get("q"),
        "view": query.get("view"),
        "finding": query.get("finding"),
    }
    return _address(here)


def _column(version: DatasetVersion, name: str) -> dict[str, Any]:
    """Name, type and the figures preparing wrote down, as far as it did."""
    known = (version.statistics.get("columns") or {}).get(name) or {}
    spread = known.get("lengths") or known.get("histogram") or {}
    counts = [count for _value, count in known.get("top") or []] or spread.get("counts") or []
    return {"name": name, "kind": version.features[name], "bars": bars(counts), "note": _note(known, version.features[name])}


def _note(known: dict[str, Any], kind: str) -> str:
    """The one figure of a column that helps most."""
    if known.get("values") and kind in ("category", "boolean"):
        return ngettext("%(n)s class", "%(n)s classes", len(known["values"])) % {"n": len(known["values"])}
    if lengths := known.get("lengths"):
        low, high = int(lengths["min"]), int(lengths["max"])
        if low == high:
            return ngettext("%(n)s character", "%(n)s characters", low) % {"n": f"{low:,}"}
        return _("%(low)s–%(high)s characters") % {"low": f"{low:,}", "high": f"{high:,}"}
    if known.get("min") is not None:
        return f"{figure(known['min'])}–{figure(known.get('max'))}"
    return ""


def _chip(text: str, features: dict[str, str]) -> str:
    column = max((c for c in features if text.startswith(f"{c}:")), key=len, default="")
    operator, _colon, value = text[len(column) + 1 :].partition(":")
    return f"{column} {MARKS.get(operator, operator)} {value}".strip()


def _shares(version: DatasetVersion, here: dict[str, Any], split: str | None) -> list[dict[str, Any]]:
    """The classes of each category column as a strip, of the chosen split or of all; pressing one filters by it. At most 12 classes of 2
    columns, the label's first."""
    label = version.statistics.get("label")
    names = [name for name in columns_of(version) if version.features[name] in ("category", "boolean") or name == label]
    strips = [_strip(version, name, here, split) for name in sorted(names, key=lambda name: name != label)]
    return [strip for strip in strips if strip][:2]


def _strip(version: DatasetVersion, name: str, here: dict[str, Any], split: str | None) -> dict[str, Any] | None:
    if split:
        classes = ((version.statistics.get("splits") or {}).get(split) or {}).get("classes") or {}
        pairs = list((classes.get(name) or {}).items())
    else:
        pairs = ((version.statistics.get("columns") or {}).get(name) or {}).get("values") or []
    if not pairs:
        return None
    total, ordered = sum(int(count) for _value, count in pairs) or 1, sorted(pairs, key=lambda pair: -int(pair[1]))
    parts = []
    for value, count in ordered[:STRIP]:
        text = f"{name}:eq:{value}"
        chosen = text in here["filter"]
        rest = [t for t in here["filter"] if not t.startswith(f"{name}:eq:")]
        url = _address(here, filter=rest if chosen else [*rest, text])
        parts.append({"value": value, "count": count, "share": round(100 * count / total, 1), "url": url, "on": chosen})
    rest_count = sum(int(count) for _value, count in ordered[STRIP:])
    return {"name": name, "parts": parts, "more": max(0, len(ordered) - STRIP), "more_rows": rest_count}
