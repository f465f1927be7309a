"""What a report cannot claim: an accuracy that always naming the commonest class would reach too, and classes no row was held out of."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

ERRORS = 2  # standard errors by which an accuracy has to be above that of the commonest class
GAIN = 0.1  # and of what the commonest class gets wrong, the share that has to be right


class Doubts(NamedTuple):
    """label: the commonest class among the measured rows · share: the accuracy of always naming it · clear: the model's is clearly
    above that · unseen: classes of which no row was measured."""

    label: str
    share: float
    accuracy: float
    clear: bool
    unseen: list[str]


def doubts(report: Mapping[str, Any]) -> Doubts | None:
    """By the confusion matrix of the report; None without one, or without rows in it."""
    found = report.get("confusion_matrix") or {}
    counts, labels = found.get("counts") or [], found.get("labels") or []
    rows = [sum(line) for line in counts]
    total = sum(rows)
    if not total:
        return None
    most = max(range(len(rows)), key=rows.__getitem__)
    share = rows[most] / total
    accuracy = sum(line[at] for at, line in enumerate(counts)) / total
    margin = max(ERRORS * math.sqrt(accuracy * (1 - accuracy) / total), GAIN * (1 - share))
    unseen = [label for label, count in zip(labels, rows, strict=True) if not count]
    return Doubts(labels[most], share, accuracy, share < 1 and accuracy - share >= margin, unseen)
