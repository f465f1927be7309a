"""A version's report as a page shows it: headline figures against the version before, confusion matrix, each class."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from controlplane.registry.models import Evaluation, ModelVersion

HEADLINE = ("accuracy", "f1_macro", "perplexity", "bits_per_char", "loss")
LOWER_IS_BETTER = ("perplexity", "bits_per_char", "loss")
NAMES: Mapping[str, str | Promise] = {
    "accuracy": _("Accuracy"),
    "f1_macro": _("Macro F1"),
    "perplexity": _("Perplexity"),
    "bits_per_char": _("Bits per character"),
    "loss": _("Log loss"),
}
CLASSES_SHOWN = 24
VERSIONS_COMPARED = 6


def shown_keys(metrics: Mapping[str, Any]) -> list[str]:
    """The held-out figures, the most telling first; without any those of validation."""
    prefix = "test/" if any(key.startswith("test/") for key in metrics) else "eval/"
    keys = [key for key in metrics if key.startswith(prefix)] or list(metrics)
    return sorted(keys, key=lambda key: (HEADLINE.index(name) if (name := key.split("/")[-1]) in HEADLINE else len(HEADLINE), key))


def change(key: str, value: Any, old: Any) -> dict[str, Any]:
    """{key, name, value, delta, better}; delta and better: None where there is nothing to compare with, or no change."""
    both = isinstance(value, int | float) and isinstance(old, int | float)
    delta = value - old if both else None
    better = None if not delta else (delta < 0) == any(word in key for word in LOWER_IS_BETTER)
    name = key.split("/")[-1]
    return {"key": key, "name": NAMES.get(name, name), "value": value, "delta": delta, "better": better}


def headline(version: ModelVersion, before: ModelVersion | None) -> list[dict[str, Any]]:
    """The first figures with the change against the version before."""
    old = before.metrics if before else {}
    return [change(key, version.metrics[key], old.get(key)) for key in shown_keys(version.metrics)[:5]]


def compared(versions: Sequence[ModelVersion]) -> list[dict[str, Any]]:
    """Every held-out figure across versions, newest first: [{name, key, cells: [change against the version after it]}]."""
    shown = versions[:VERSIONS_COMPARED]
    keys = list(dict.fromkeys(key for version in shown for key in shown_keys(version.metrics)))[:20]
    rows = []
    for key in keys:
        values = [version.metrics.get(key) for version in versions[: VERSIONS_COMPARED + 1]]
        cells = [
            change(key, value, values[at + 1] if at + 1 < len(values) else None) for at, value in enumerate(values[:VERSIONS_COMPARED])
        ]
        rows.append({"key": key, "name": cells[0]["name"], "cells": cells})
    return rows


def shade(percent: float) -> tuple[int, str]:
    """How much of the first series' colour a cell has, and the tone of its text; mixes on which no text is readable are left out."""
    if percent <= 73:
        return min(70, round(percent)), "m0"
    return (min(84, max(78, round(percent))), "m1") if percent < 86 else (max(88, round(percent)), "m2")


def newest(evaluations: Sequence[Evaluation], own: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """The newest report with a confusion matrix, and what it was measured on; an empty one where there is none."""
    for report, where in [*((e.report, f"{e.dataset} · {e.split}") for e in evaluations), (own, str(own.get("split") or ""))]:
        found = (report or {}).get("confusion_matrix")
        if found and found.get("counts"):
            return report, where
    return {}, ""


def matrix(report: dict[str, Any], where: str, before: dict[str, Any]) -> dict[str, Any] | None:
    """The confusion matrix with each class's figures beside its row.

    before: the report of the version before. {labels, rows: [{label, cells: [(count, percent, mix, tone)], total, figures, delta}],
    columns (totals), wrong, total, more, mean, mean_delta, weakest, where}; None without a matrix.
    """
    if not report:
        return None
    found = report["confusion_matrix"]
    labels, counts = found["labels"][:CLASSES_SHOWN], found["counts"]
    figures = {row["label"]: row for row in report.get("classes", [])}
    old = {row["label"]: row for row in before.get("classes", [])}
    rows = [_row(label, line, figures.get(label), old.get(label)) for label, line in zip(labels, counts, strict=False)]
    total = sum(sum(line) for line in counts)
    occurring = [row for row in figures.values() if row["support"]]
    return {
        "labels": labels,
        "rows": rows,
        "columns": [sum(line[at] for line in counts) for at in range(len(labels))],
        "wrong": total - sum(line[at] for at, line in enumerate(counts)),
        "total": total,
        "more": max(0, len(found["labels"]) - CLASSES_SHOWN),
        "mean": {key: _mean([row[key] for row in occurring]) for key in ("precision", "recall", "f1")} if occurring else None,
        "mean_delta": _delta(report.get("f1_macro"), before.get("f1_macro")),
        "weakest": min(occurring, key=lambda row: row["f1"], default=None) if len(occurring) > 1 else None,
        "where": where,
    }


def worst(report: dict[str, Any]) -> list[dict[str, Any]]:
    """The wrong answers the model was surest of: [{row, actual, predicted, score}]; what is no such row is left out."""
    rows = report.get("worst") or []
    return [row for row in rows if isinstance(row, dict) and isinstance(row.get("row"), int) and isinstance(row.get("score"), float)][:20]


def _row(label: str, line: list[int], figures: dict[str, Any] | None, old: dict[str, Any] | None) -> dict[str, Any]:
    total = sum(line)
    shares = [100 * n / total if total else 0 for n in line[:CLASSES_SHOWN]]
    cells = [(n, f"{share:.3g}", *shade(share)) for n, share in zip(line, shares, strict=False)]
    return {
        "label": label,
        "cells": cells,
        "total": total,
        "figures": figures,
        "delta": _delta((figures or {}).get("f1"), (old or {}).get("f1")),
    }


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _delta(value: Any, old: Any) -> float | None:
    return value - old if isinstance(value, int | float) and isinstance(old, int | float) else None


def lines(report: dict[str, Any]) -> Iterator[list[Any]]:
    """The whole matrix with each class's figures, as the lines of a CSV file."""
    found = report["confusion_matrix"]
    figures = {row["label"]: row for row in report.get("classes", [])}
    yield ["actual \\ predicted", *found["labels"], "precision", "recall", "f1", "rows"]
    for label, counts in zip(found["labels"], found["counts"], strict=True):
        own = figures.get(label, {})
        yield [label, *counts, own.get("precision", ""), own.get("recall", ""), own.get("f1", ""), sum(counts)]
