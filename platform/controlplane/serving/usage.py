"""What an endpoint was used for: totals, by revision and over time, summed from the counts of each minute."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils import timezone

from controlplane.errors import Problem
from controlplane.jobs.schemas import when
from controlplane.serving.histogram import percentile
from controlplane.serving.models import Endpoint

POINTS_MAX = 1500
COUNTS = ("requests", "errors", "rejected", "input_tokens", "output_tokens")
PERCENTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}


class Sum:
    """Some minutes added up."""

    __slots__ = ("counts", "first_token", "latency")

    def __init__(self) -> None:
        self.counts = [0] * len(COUNTS)
        self.latency: dict[str, int] = {}
        self.first_token: dict[str, int] = {}

    def add(self, counts: Iterable[int], latency: Mapping[str, int], first_token: Mapping[str, int]) -> None:
        self.counts = [mine + more for mine, more in zip(self.counts, counts, strict=True)]
        for mine, more in ((self.latency, latency), (self.first_token, first_token)):
            for key, count in more.items():
                mine[key] = mine.get(key, 0) + count

    def figures(self) -> dict[str, Any]:
        """latency, time_to_first_token: milliseconds by percentile, null without a request."""
        sums = dict(zip(COUNTS, self.counts, strict=True))
        return {**sums, "latency_ms": _percentiles(self.latency), "time_to_first_token_ms": _percentiles(self.first_token)}


def total(sums: Iterable[Sum]) -> Sum:
    whole = Sum()
    for each in sums:
        whole.add(each.counts, each.latency, each.first_token)
    return whole


def usage(*, endpoint: Endpoint, start: datetime | None, end: datetime | None, step: int) -> dict[str, Any]:
    """Usage from `start` (default: an hour ago) to `end` (default: now) in steps of `step` seconds, a multiple of 60.

    Raises Problem 422 for a span that is turned round or has more than POINTS_MAX steps.
    """
    end = end or timezone.now()
    start = start or end - timedelta(hours=1)
    if start >= end or (end - start).total_seconds() / step > POINTS_MAX:
        message = f"`from` must lie before `to`, at most {POINTS_MAX} steps of {step} s."
        raise Problem(422, "bad_span", message, errors=[{"loc": ["query", "from"], "msg": message}])
    found = _sums(endpoint, start, end, step)
    numbers = sorted({number for number, _ in found if number})  # 0: what was refused before any revision was reached
    times = sorted({at for _, at in found})
    return {
        "from": when(start),
        "to": when(end),
        "step_seconds": step,
        "total": total(found.values()).figures(),
        "revisions": [{"revision": number, **_revision(found, number)} for number in numbers],
        "over_time": [_point(at, total(sums for (_, time), sums in found.items() if time == at)) for at in times],
    }


def _sums(endpoint: Endpoint, start: datetime, end: datetime, step: int) -> dict[tuple[int, int], Sum]:
    """(revision, beginning of the step) → its minutes added up."""
    found: dict[tuple[int, int], Sum] = {}
    rows = endpoint.usage.filter(minute__gte=start - timedelta(minutes=1), minute__lt=end)
    for number, minute, latency, first_token, *counts in rows.values_list("revision", "minute", "latency", "first_token", *COUNTS):
        found.setdefault((number, int(minute.timestamp()) // step * step), Sum()).add(counts, latency, first_token)
    return found


def _revision(found: dict[tuple[int, int], Sum], number: int) -> dict[str, Any]:
    own = {at: sums for (revision, at), sums in found.items() if revision == number}
    return {**total(own.values()).figures(), "over_time": [_point(at, own[at]) for at in sorted(own)]}


def _point(at: int, sums: Sum) -> dict[str, Any]:
    return {"time": when(datetime.fromtimestamp(at, UTC)), **sums.figures()}


def _percentiles(counts: dict[str, int]) -> dict[str, float | None]:
    found = {name: percentile(counts, fraction) for name, fraction in PERCENTILES.items()}
    return {name: round(value * 1000, 2) if value is not None else None for name, value in found.items()}
