"""How revisions and their use are shown: short names, colours, one time range for all figures."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from controlplane.frame.problems import CODES
from controlplane.serving.models import Endpoint, Revision
from controlplane.serving.standing import stands
from controlplane.serving.usage import usage

OWN = {"disconnected": _("The caller went away before the answer."), "other": _("Other errors, each rare.")}
COLOURS = 6
ENOUGH = 20  # requests on either side of a verdict


class Span(NamedTuple):
    """A time range. step: seconds of one point of a chart."""

    words: Promise
    past: Promise
    hours: int
    step: int


SPANS = {
    "1h": Span(_("1 hour"), _("Past hour"), 1, 60),
    "24h": Span(_("24 hours"), _("Past 24 hours"), 24, 3600),
    "7d": Span(_("7 days"), _("Past 7 days"), 168, 7200),
}


def span_of(asked: str) -> str:
    return asked if asked in SPANS else "1h"


def used(endpoint: Endpoint, span: str) -> dict[str, Any]:
    chosen = SPANS[span]
    return usage(endpoint=endpoint, start=timezone.now() - timedelta(hours=chosen.hours), end=None, step=chosen.step)


def failed(use: Mapping[str, Any]) -> list[tuple[str, int, str]]:
    """(code, how often, what it means) of the answers that were errors, the most frequent first."""
    codes = sorted(use["total"]["error_codes"].items(), key=lambda each: (-each[1], each[0]))
    return [(code, count, str(CODES.get(code) or OWN.get(code, ""))) for code, count in codes]


def title(revision: Revision) -> str:
    """`name v3`, with its variant where it is one."""
    return revision.what.replace("@", " v")


def labels(revisions: Iterable[Revision]) -> dict[int, str]:
    """Revision → `v5` where all are of one model, else `name v5`; with its variant; with its number where that is not enough."""
    rows = list(revisions)
    one = len({row.model.partition("@")[0] for row in rows}) <= 1
    plain = {}
    for row in rows:
        name, _at, number = row.model.partition("@")
        plain[row.revision] = " ".join(part for part in ("" if one else name, f"v{number}", row.variant) if part)
    often = Counter(plain.values())
    return {number: text if often[text] == 1 else f"{text} · r{number}" for number, text in plain.items()}


def coloured(revisions: Iterable[Revision], use: Mapping[str, Any]) -> dict[int, int]:
    """Revision → which series colour it has, newest first: those that get traffic or were called in the range."""
    called = {row["revision"] for row in use["revisions"]}
    shown = sorted((row.revision for row in revisions if row.traffic or row.revision in called), reverse=True)
    return {number: place + 1 for place, number in enumerate(shown[:COLOURS])}


def base_of(revisions: Sequence[Revision]) -> Revision | None:
    """What the others are compared with: the one with most traffic, of two alike the older."""
    return max(revisions, key=lambda row: (row.traffic, -row.revision), default=None)


def lines(endpoint: Endpoint, revisions: Sequence[Revision], use: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One line for each revision, newest first: the row, its name, how it stands, its colour, its use, its change against the base.

    The rows carry `ready`, their number of ready replicas.
    """
    names, colours = labels(revisions), coloured(revisions, use)
    by_number = {row["revision"]: row for row in use["revisions"]}
    base = base_of(revisions)
    out = []
    for row in revisions:
        own = by_number.get(row.revision)
        against = by_number.get(base.revision) if base and base.revision != row.revision else None
        slower = _slower(own, against) if _enough(own, against) else None
        errors = _rate(own) - _rate(against) if _enough(own, against) else 0.0
        out.append(
            {
                "row": row,
                "name": names[row.revision],
                "title": row.model.replace("@", " v"),
                "stands": stands(endpoint, row, row.ready),  # type: ignore[attr-defined]  # annotated
                "colour": colours.get(row.revision),
                "used": own,
                "error_rate": _rate(own) if own and own["requests"] else None,
                "few": bool(own and against) and not _enough(own, against),
                "more_errors": errors if errors >= 1 else 0,
                "slower": slower,
                "faster": -slower if slower is not None else None,
            }
        )
    return out


def _enough(*uses: Mapping[str, Any] | None) -> bool:
    return all(use and use["requests"] >= ENOUGH for use in uses)


def _rate(use: Mapping[str, Any] | None) -> float:
    """Errors of 100 requests."""
    return 100 * use["errors"] / use["requests"] if use and use["requests"] else 0.0


def _slower(own: Mapping[str, Any] | None, base: Mapping[str, Any] | None) -> float | None:
    """By how many milliseconds of p95 it is slower than the other; below nought: faster."""
    mine, other = ((row or {}).get("latency_ms", {}).get("p95") for row in (own, base))
    return round(mine - other, 2) if mine is not None and other is not None else None
