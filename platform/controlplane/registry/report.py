"""A version's report as a page shows it: headline figures against the version before, confusion matrix, each class."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from controlplane.frame.figures import figure, minus
from controlplane.registry.doubts import Doubts
from controlplane.registry.models import ModelVersion

Link = Callable[[str, str], str]
HEADLINE = ("accuracy", "f1_macro", "perplexity", "bits_per_char", "loss", "calibration_error")
LOWER_IS_BETTER = ("perplexity", "bits_per_char", "loss", "calibration_error")
NAMES: Mapping[str, str | Promise] = {
    "accuracy": _("Accuracy"),
    "f1_macro": _("Macro F1"),
    "perplexity": _("Perplexity"),
    "bits_per_char": _("Bits per character"),
    "loss": _("Log loss"),
    "calibration_error": _("Calibration error"),
}
CLASSES_SHOWN = 24
VERSIONS_COMPARED = 6


def shown_keys(metrics: Mapping[str, Any]) -> list[str]:
    """The held-out figures, the most telling first; without any those of validation."""
    prefix = "test/" if any(key.startswith("test/") for key in metrics) else "eval/"
    keys = [key for key in metrics if key.startswith(prefix)] or list(metrics)
    return sorted(keys, key=rank)


def rank(key: str) -> tuple[int, str]:
    """Sorts figures in the order people ask for them."""
    name = key.split("/")[-1]
    return HEADLINE.index(name) if name in HEADLINE else len(HEADLINE), key


def change(key: str, value: Any, old: Any) -> dict[str, Any]:
    """{key, name, value, delta, better}; delta and better: None where there is nothing to compare with, or no change."""
    both = isinstance(value, int | float) and isinstance(old, int | float)
    delta = value - old if both else None
    better = None if not delta else (delta < 0) == any(word in key for word in LOWER_IS_BETTER)
    name = key.split("/")[-1]
    shown = {"shown": short(value), "moved": minus(short(delta))}
    return {"key": key, "name": NAMES.get(name, name), "value": value, "delta": delta, "better": better, **shown}


def short(value: Any) -> str:
    """Three decimals of what is small, as a report is read; a change too small for them as it is."""
    plain = not isinstance(value, int | float) or abs(value) >= 10 or 0 < abs(value) < 0.0005
    return figure(value) if plain else f"{value:.3f}"


def headline(metrics: Mapping[str, Any], old: Mapping[str, Any], doubts: Doubts | None = None) -> list[dict[str, Any]]:
    """The first figures with the change against the version before, accuracy beside that of the commonest class. old: its figures."""
    shown = [change(key, metrics[key], old.get(key)) for key in shown_keys(metrics)[:5]]
    return [item | {"always": doubts if item["key"].split("/")[-1] == "accuracy" else None} for item in shown]


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


def matrix(
    report: Mapping[str, Any], where: str, before: Mapping[str, Any], link: Link | None = None, picked: tuple[str, str] = ("", "")
) -> dict[str, Any] | None:
    """The confusion matrix with each class's figures beside its row.

    before: the report of the version before · link: (actual, predicted; empty = all) -> where these rows are read · picked: those that are
    read just now. {rows: [{label, cells, total, figures, delta}], columns: [cell], …}; a cell: {n, share, mix, tone, url, actual,
    predicted, on}; None without a matrix.
    """
    found = report.get("confusion_matrix")
    if not found or not found.get("counts"):
        return None
    labels, counts = found["labels"][:CLASSES_SHOWN], found["counts"]
    figures = {row["label"]: row for row in report.get("classes", [])}
    old = {row["label"]: row for row in before.get("classes", [])}
    cell = partial(_cell, link=link, picked=picked)
    rows = [_row(label, line, labels, cell, figures.get(label), old.get(label)) for label, line in zip(labels, counts, strict=False)]
    total = sum(sum(line) for line in counts)
    occurring = [row for row in figures.values() if row["support"]]
    return {
        "labels": labels,
        "rows": rows,
        "columns": [cell("", label, sum(line[at] for line in counts)) for at, label in enumerate(labels)],
        "linked": link is not None,
        "wrong": total - sum(line[at] for at, line in enumerate(counts)),
        "total": total,
        "more": max(0, len(found["labels"]) - CLASSES_SHOWN),
        "mean": {key: _mean([row[key] for row in occurring]) for key in ("precision", "recall", "f1")} if occurring else None,
        "mean_delta": _delta(report.get("f1_macro"), before.get("f1_macro")),
        "weakest": _weakest(rows) if len(occurring) > 1 else None,
        "where": where,
    }


def worst(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The wrong answers the model was surest of: [{row, actual, predicted, score}]; what is no such row is left out."""
    rows = report.get("worst") or []
    return [row for row in rows if isinstance(row, dict) and isinstance(row.get("row"), int) and isinstance(row.get("score"), float)][:20]


def marked(text: str, words: Any) -> list[dict[str, Any]]:
    """A text in parts {text, tone, effect}, by the effects of its words: `for` the class the model named, `against` it, or neither.

    Only what weighs a quarter of the strongest word is marked, neighbours of one tone together. Empty when the words do not fit the text.
    """
    try:
        spans = sorted((int(start), int(end), float(effect)) for start, end, effect in words or [])
    except (TypeError, ValueError):
        return []
    if not spans or any(not 0 <= a < b <= len(text) for a, b, _effect in spans) or any(b > c for (_, b, _), (c, _, _) in pairwise(spans)):
        return []
    least = max(0.05, max(abs(effect) for _, _, effect in spans) / 4)
    parts: list[dict[str, Any]] = []
    at = 0
    for start, end, effect in spans:
        tone = "" if abs(effect) < least else "for" if effect > 0 else "against"
        joined = bool(parts) and parts[-1]["tone"] == tone and not text[at:start].strip()
        if not joined:
            parts += [{"text": text[at:start], "tone": "", "effect": 0.0}, {"text": "", "tone": tone, "effect": 0.0}]
            at = start
        parts[-1] |= {"text": parts[-1]["text"] + text[at:end], "effect": parts[-1]["effect"] + effect}
        at = end
    return [part for part in [*parts, {"text": text[at:], "tone": "", "effect": 0.0}] if part["text"]]


def _cell(actual: str, predicted: str, n: int, whole: int = 0, *, link: Link | None, picked: tuple[str, str]) -> dict[str, Any]:
    """whole: the rows of the class; 0 for a total, which has no shade."""
    share = 100 * n / whole if whole else 0
    mix, tone = shade(share)
    return {
        "n": n,
        "share": f"{share:.3g}",
        "mix": mix,
        "tone": tone,
        "actual": actual,
        "predicted": predicted,
        "url": link(actual, predicted) if link and n else "",
        "on": (actual, predicted) == picked,
    }


def _weakest(rows: list[dict[str, Any]]) -> dict[str, Any] | None:
    """{label, wrong, total} of the class with the lowest F1 among those shown; nothing where no row of it is wrong."""
    known = [row for row in rows if row["figures"] and row["total"]]
    found = min(known, key=lambda row: row["figures"]["f1"], default=None)
    if not found or not found["wrong"]:
        return None
    return {"label": found["label"], "wrong": found["wrong"], "total": found["total"]["n"]}


def _row(
    label: str, line: list[int], labels: list[str], cell: Any, figures: dict[str, Any] | None, old: dict[str, Any] | None
) -> dict[str, Any]:
    total = sum(line)
    return {
        "label": label,
        "cells": [cell(label, other, n, total) for other, n in zip(labels, line, strict=False)],
        "total": cell(label, "", total),
        "wrong": total - line[labels.index(label)],
        "figures": figures,
        "delta": _delta((figures or {}).get("f1"), (old or {}).get("f1")),
    }


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _delta(value: Any, old: Any) -> float | None:
    return value - old if isinstance(value, int | float) and isinstance(old, int | float) else None


def lines(report: Mapping[str, Any]) -> Iterator[list[Any]]:
    """The whole matrix with each class's figures, as the lines of a CSV file."""
    found = report["confusion_matrix"]
    figures = {row["label"]: row for row in report.get("classes", [])}
    yield ["actual \\ predicted", *found["labels"], "precision", "recall", "f1", "rows"]
    for label, counts in zip(found["labels"], found["counts"], strict=True):
        own = figures.get(label, {})
        yield [label, *counts, own.get("precision", ""), own.get("recall", ""), own.get("f1", ""), sum(counts)]
