"""What an endpoint was used for: totals, by revision and over time, summed from the counts of each minute."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils import timezone

from controlplane.errors import Problem
from controlplane.jobs.schemas import when
from controlplane.serving.histogram import merge, percentile
from controlplane.serving.models import Endpoint, UsageMinute

POINTS_MAX = 1500
COUNTS = ("requests", "errors", "rejected", "input_tokens", "output_tokens")
PERCENTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}


def usage(*, endpoint: Endpoint, start: datetime | None, end: datetime | None, step: int) -> dict[str, Any]:
    """Usage from `start` (default: an hour ago) to `end` (default: now) in steps of `step` seconds, a multiple of 60.

    Raises Problem 422 for a span that is turned round or has more than POINTS_MAX steps.
    """
    end = end or timezone.now()
    start = start or end - timedelta(hours=1)
    if start >= end or (end - start).total_seconds() / step > POINTS_MAX:
        message = f"`from` must lie before `to`, at most {POINTS_MAX} steps of {step} s."
        raise Problem(422, "bad_span", message, errors=[{"loc": ["query", "from"], "msg": message}])
    rows = list(endpoint.usage.filter(minute__gte=start - timedelta(minutes=1), minute__lt=end).order_by("minute"))
    by_revision: dict[int, list[UsageMinute]] = defaultdict(list)
    by_time: dict[int, list[UsageMinute]] = defaultdict(list)
    for row in rows:
        if row.revision:  # 0: what was refused before any revision was reached
            by_revision[row.revision].append(row)
        by_time[int(row.minute.timestamp()) // step * step].append(row)
    return {
        "from": when(start),
        "to": when(end),
        "step_seconds": step,
        "total": figures(rows),
        "revisions": [{"revision": number, **figures(found)} for number, found in sorted(by_revision.items())],
        "over_time": [{"time": when(datetime.fromtimestamp(at, UTC)), **figures(found)} for at, found in sorted(by_time.items())],
    }


def figures(rows: list[UsageMinute]) -> dict[str, Any]:
    """The sums of some minutes. latency, time_to_first_token: milliseconds by percentile, null without a request."""
    latency, first = merge(row.latency for row in rows), merge(row.first_token for row in rows)
    sums = {name: sum(getattr(row, name) for row in rows) for name in COUNTS}
    return {**sums, "latency_ms": _percentiles(latency), "time_to_first_token_ms": _percentiles(first)}


def _percentiles(counts: dict[str, int]) -> dict[str, float | None]:
    found = {name: percentile(counts, fraction) for name, fraction in PERCENTILES.items()}
    return {name: round(value * 1000, 2) if value is not None else None for name, value in found.items()}
