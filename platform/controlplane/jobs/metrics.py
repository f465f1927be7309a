"""Metric points as float chunks with a min/max pyramid; see `MetricChunk`. Never a row a point.

Level 0 holds every point. A full chunk of level k is summed up into SUMMARY buckets, of each its smallest and largest
point, which are appended to level k+1; so a chart of 1e7 points reads about as much as one of 1e4.
"""

import math
from array import array
from collections.abc import Iterable
from typing import Any, NamedTuple

from controlplane.jobs.models import MetricChunk

CHUNK = 4096
SUMMARY = 64
LOWER_IS_BETTER = ("loss", "perplexity", "bits_per_char", "error", "wer", "cer", "mae", "mse", "rmse", "frechet")
HIGHER_IS_BETTER = ("accuracy", "f1", "precision", "recall", "auc", "bleu", "rouge", "map", "iou", "per_second")


def direction(key: str) -> int:
    """Which way is better: -1 lower, 1 higher, 0 neither (a learning rate is no result)."""
    words = key.split("/")[-1].replace("_", " ").split()
    name = key.split("/")[-1]
    if any(word in words or word == name for word in LOWER_IS_BETTER):
        return -1
    return 1 if any(word in words or name.endswith(word) for word in HIGHER_IS_BETTER) else 0


class Points(NamedTuple):
    """Three arrays of the same length. times: Unix seconds."""

    steps: "array[float]"
    values: "array[float]"
    times: "array[float]"

    @classmethod
    def of(cls, rows: Iterable[tuple[float, float, float]] = ()) -> "Points":
        points = cls(array("d"), array("d"), array("d"))
        for row in rows:
            points.add(*row)
        return points

    def add(self, step: float, value: float, time: float) -> None:
        self.steps.append(step)
        self.values.append(value)
        self.times.append(time)

    def extend(self, other: "Points", start: int = 0, stop: int | None = None) -> None:
        for mine, theirs in zip(self, other, strict=True):
            mine.extend(theirs[start:stop])

    def picked(self, indexes: Iterable[int]) -> "Points":
        return Points.of((self.steps[i], self.values[i], self.times[i]) for i in indexes)


def unpack(chunk: MetricChunk) -> Points:
    arrays = (array("d"), array("d"), array("d"))
    for target, blob in zip(arrays, (chunk.steps, chunk.values, chunk.times), strict=True):
        target.frombytes(bytes(blob))
    return Points(*arrays)


def append(job: int, key: str, points: Points) -> None:
    """Add points in step order. A first step at or below what is stored rewinds: a new attempt repeats from its checkpoint,
    and the curve has each step once."""
    tail = MetricChunk.objects.filter(job_id=job, key=key, level=0).order_by("-first").first()
    if tail is not None and points.steps and points.steps[0] <= tail.last_step:
        _rewind(job, key, points.steps[0])
    _append(job, key, 0, points)


def _append(job: int, key: str, level: int, points: Points) -> None:
    start = 0
    while start < len(points.steps):
        tail = MetricChunk.objects.filter(job_id=job, key=key, level=level).order_by("-first").first()
        if tail is None or tail.count >= CHUNK:
            tail = MetricChunk(job_id=job, key=key, level=level, first=tail.first + tail.count if tail else 0, count=0)
        merged = unpack(tail) if tail.count else Points.of()
        take = min(CHUNK - tail.count, len(points.steps) - start)
        merged.extend(points, start, start + take)
        start += take
        _write(tail, merged)
        if tail.count == CHUNK:
            _append(job, key, level + 1, summary(merged, SUMMARY))


def _write(chunk: MetricChunk, points: Points) -> None:
    chunk.count = len(points.steps)
    chunk.first_step, chunk.last_step = points.steps[0], points.steps[-1]
    chunk.steps, chunk.values, chunk.times = (a.tobytes() for a in points)
    chunk.save()


def _rewind(job: int, key: str, step: float) -> None:
    MetricChunk.objects.filter(job_id=job, key=key, level__gt=0).delete()
    MetricChunk.objects.filter(job_id=job, key=key, level=0, first_step__gte=step).delete()
    tail = MetricChunk.objects.filter(job_id=job, key=key, level=0).order_by("-first").first()
    if tail is not None and tail.last_step >= step:
        points = unpack(tail)
        kept = points.picked(i for i, s in enumerate(points.steps) if s < step)
        _write(tail, kept)
    for chunk in MetricChunk.objects.filter(job_id=job, key=key, level=0, count=CHUNK).order_by("first").iterator():
        _append(job, key, 1, summary(unpack(chunk), SUMMARY))


def summary(points: Points, buckets: int) -> Points:
    """At most two points a bucket, its smallest and its largest, in step order; all points when they are few enough."""
    n = len(points.steps)
    if n <= 2 * buckets:
        return points
    picked: list[int] = []
    for b in range(buckets):
        span = range(b * n // buckets, (b + 1) * n // buckets)
        finite = [i for i in span if math.isfinite(points.values[i])]
        if finite:
            picked += sorted({min(finite, key=points.values.__getitem__), max(finite, key=points.values.__getitem__)})
        elif span:
            picked.append(span[0])  # a gap in the curve must stay to be seen
    return points.picked(picked)


def read(job: int, key: str, max_points: int, low: float | None = None, high: float | None = None) -> Points:
    """The curve between steps low..high as at most `max_points`, extremes kept: the finest level that is not far too long,
    ended by the finer levels' points that are not summed up yet."""
    rows = MetricChunk.objects.filter(job_id=job, key=key)
    if low is not None:
        rows = rows.filter(last_step__gte=low)
    if high is not None:
        rows = rows.filter(first_step__lte=high)
    counts: dict[int, float] = {}
    for level, count, first, last in rows.values_list("level", "count", "first_step", "last_step"):
        counts[level] = counts.get(level, 0) + count * share(first, last, low, high)
    level = next((lv for lv in sorted(counts) if counts[lv] <= 8 * max_points), max(counts, default=0))
    points = Points.of()
    for current in range(level, -1, -1):
        chunks = rows.filter(level=current).order_by("first")
        for chunk in chunks.iterator() if current == level else chunks.filter(count__lt=CHUNK):
            points.extend(unpack(chunk))
    if low is not None or high is not None:
        points = points.picked(i for i, s in enumerate(points.steps) if (low is None or s >= low) and (high is None or s <= high))
    return summary(points, max(1, max_points // 2))


def share(first: float, last: float, low: float | None, high: float | None) -> float:
    """About how much of a chunk between steps first..last lies in low..high."""
    inside = min(last, math.inf if high is None else high) - max(first, -math.inf if low is None else low)
    return max(0.0, inside / (last - first)) if last > first else 1.0


def fold_metrics(known: dict[str, Any], key: str, points: Points) -> None:
    """Bring the job's {key: {last, best, min, max, step}} up to date."""
    lower = any(word in key for word in LOWER_IS_BETTER)
    entry = known.setdefault(key, {"last": None, "best": None, "min": None, "max": None, "step": 0})
    for step, value in zip(points.steps, points.values, strict=True):
        entry["last"] = value if math.isfinite(value) else None
        entry["step"] = int(step)
        if math.isfinite(value):
            for bound, pick in (("min", min), ("max", max)):
                entry[bound] = value if entry.get(bound) is None else pick(entry[bound], value)
        if math.isfinite(value) and (entry["best"] is None or (value < entry["best"] if lower else value > entry["best"])):
            entry["best"] = value
