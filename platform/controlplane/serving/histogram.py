"""Latencies as counts in buckets that grow by a tenth: any percentile is right to 5 %, and buckets of many minutes add up.

Bucket i holds durations from 1.1 ** i / 10 ms up to 1.1 ** (i + 1) / 10 ms; JSON keeps {str(i): count}.
"""

import math
from collections.abc import Iterable, Mapping

_GROWTH = math.log(1.1)
_SMALLEST = 1e-4  # seconds


def bucket(seconds: float) -> int:
    """The bucket of a duration."""
    return max(0, int(math.log(max(seconds, _SMALLEST) / _SMALLEST) / _GROWTH))


def merge(many: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """The sum of histograms."""
    total: dict[str, int] = {}
    for counts in many:
        for key, count in counts.items():
            total[key] = total.get(key, 0) + count
    return total


def percentiles(counts: Mapping[str, int], fractions: Iterable[float]) -> list[float | None]:
    """The durations in seconds below which these fractions of them lie, rising (each the middle of its bucket); None without any."""
    total, seen, index, out = sum(counts.values()), 0, 0, list[float | None]()
    rest = iter(sorted((int(key), count) for key, count in counts.items()))
    for fraction in fractions:
        while seen < fraction * total:
            index, count = next(rest)
            seen += count
        out.append(float(_SMALLEST * 1.1 ** (index + 0.5)) if total else None)
    return out
