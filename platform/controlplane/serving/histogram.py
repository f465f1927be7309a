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


def percentile(counts: Mapping[str, int], fraction: float) -> float | None:
    """The duration in seconds below which `fraction` of them lie (the middle of its bucket); None without any."""
    total = sum(counts.values())
    if not total:
        return None
    want, seen, index = fraction * total, 0, 0
    for key in sorted(counts, key=int):
        seen += counts[key]
        index = int(key)
        if seen >= want:
            break
    return float(_SMALLEST * 1.1 ** (index + 0.5))
