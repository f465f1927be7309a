"""What an endpoint was used for: totals, by revision and over time, summed from the counts of its minutes, or hours where they do."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils import timezone

from controlplane.errors import Problem
from controlplane.jobs.schemas import when
from controlplane.limits import limit
from controlplane.serving import resources
from controlplane.serving.histogram import percentiles
from controlplane.serving.models import Endpoint, UsageMinute

POINTS_MAX = 1500
AT_ONCE = 500  # rows of one deletion: the database is free between two
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
COUNTS = ("requests", "errors", "rejected", "input_tokens", "output_tokens")
PERCENTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}


class Sum:
    """Some minutes added up."""

    __slots__ = ("codes", "counts", "first_token", "latency")

    def __init__(self) -> None:
        self.counts = [0] * len(COUNTS)
        self.latency: dict[str, int] = {}
        self.first_token: dict[str, int] = {}
        self.codes: dict[str, int] = {}

    def add(self, counts: Iterable[int], latency: Mapping[str, int], first_token: Mapping[str, int], codes: Mapping[str, int]) -> None:
        self.counts = [mine + more for mine, more in zip(self.counts, counts, strict=True)]
        for mine, more in ((self.latency, latency), (self.first_token, first_token), (self.codes, codes)):
            for key, count in more.items():
                mine[key] = mine.get(key, 0) + count

    def figures(self) -> dict[str, Any]:
        """latency, time_to_first_token: milliseconds by percentile, null without a request · error_codes: how many of each."""
        sums = dict(zip(COUNTS, self.counts, strict=True))
        return {
            **sums,
            "latency_ms": _percentiles(self.latency),
            "time_to_first_token_ms": _percentiles(self.first_token),
            "error_codes": self.codes,
        }


def total(sums: Iterable[Sum]) -> Sum:
    whole = Sum()
    for each in sums:
        whole.add(each.counts, each.latency, each.first_token, each.codes)
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
    by_revision: dict[int, dict[int, Sum]] = defaultdict(dict)
    by_time: dict[int, list[Sum]] = defaultdict(list)
    for (number, at), sums in sorted(_sums(endpoint, start, end, step).items()):
        by_revision[number][at] = sums
        by_time[at].append(sums)
    return {
        "from": when(start),
        "to": when(end),
        "step_seconds": step,
        "total": total(sums for one in by_time.values() for sums in one).figures(),
        # 0: what was refused before any revision was reached
        "revisions": [{"revision": number, **_revision(own)} for number, own in by_revision.items() if number],
        "over_time": [_point(at, total(by_time[at])) for at in sorted(by_time)],
        "resources": resources.over_time(endpoint=endpoint, start=start, end=end, step=step),
    }


def _sums(endpoint: Endpoint, start: datetime, end: datetime, step: int) -> dict[tuple[int, int], Sum]:
    """(revision, beginning of the step) → its rows added up."""
    found: dict[tuple[int, int], Sum] = {}
    for number, at, latency, first_token, codes, *counts in _rows(endpoint, start - MINUTE, end, step):
        found.setdefault((number, int(at.timestamp()) // step * step), Sum()).add(counts, latency, first_token, codes)
    return found


def _rows(endpoint: Endpoint, start: datetime, end: datetime, step: int) -> Iterator[tuple[Any, ...]]:
    """Hours, where steps are of whole hours or minutes are no longer kept; minutes for the rest, so also at both ends."""
    fields = ("latency", "first_token", "codes", *COUNTS)
    oldest = kept_from() + HOUR  # so that none is missed while minutes are being let go of
    first, last = _hour(start + HOUR - timedelta(microseconds=1)), min(oldest, end)
    if step % 3600 == 0:
        last = max(last, _hour(end))
    if first >= last:
        first = last = end
    for low, high in ((max(start, oldest), first), (max(last, oldest), end)):
        if low < high:
            yield from endpoint.usage.filter(minute__gte=low, minute__lt=high).values_list("revision", "minute", *fields).iterator()
    if first < last:
        yield from endpoint.usage_hours.filter(hour__gte=first, hour__lt=last).values_list("revision", "hour", *fields).iterator()


def kept_from() -> datetime:
    """Since when usage is known by the minute."""
    return _hour(timezone.now() - timedelta(seconds=limit("usage_minute_seconds")))


def forget_old_minutes() -> int:
    """Lets go of minutes that only their hours tell of from now on, some at a time; returns how many."""
    gone = 0
    while old := list(UsageMinute.objects.filter(minute__lt=kept_from()).values_list("pk", flat=True)[:AT_ONCE]):
        gone += UsageMinute.objects.filter(pk__in=old).delete()[0]
    return gone


def _hour(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _revision(own: Mapping[int, Sum]) -> dict[str, Any]:
    return {**total(own.values()).figures(), "over_time": [_point(at, sums) for at, sums in own.items()]}


def _point(at: int, sums: Sum) -> dict[str, Any]:
    return {"time": when(datetime.fromtimestamp(at, UTC)), **sums.figures()}


def _percentiles(counts: dict[str, int]) -> dict[str, float | None]:
    found = dict(zip(PERCENTILES, percentiles(counts, PERCENTILES.values()), strict=True))
    return {name: round(value * 1000, 2) if value is not None else None for name, value in found.items()}
