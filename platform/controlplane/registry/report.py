"""A version's report as a page shows it: headline figures against the version before, confusion matrix, each class."""

from typing import Any

from controlplane.registry.models import Evaluation, ModelVersion

HEADLINE = ("accuracy", "f1_macro", "perplexity", "bits_per_char", "loss")
LOWER_IS_BETTER = ("perplexity", "bits_per_char", "loss")
CLASSES_SHOWN = 24


def headline(version: ModelVersion, before: ModelVersion | None) -> list[dict[str, Any]]:
    """Held-out figures first, with the change against the version before: {key, name, value, delta, better}."""
    prefix = "test/" if any(key.startswith("test/") for key in version.metrics) else "eval/"
    keys = [key for key in version.metrics if key.startswith(prefix)] or list(version.metrics)
    keys.sort(key=lambda key: (HEADLINE.index(name) if (name := key.split("/")[-1]) in HEADLINE else len(HEADLINE), key))
    out = []
    for key in keys[:5]:
        value, old = version.metrics[key], (before.metrics if before else {}).get(key)
        delta = value - old if isinstance(value, int | float) and isinstance(old, int | float) else None
        better = None if not delta else (delta < 0) == any(word in key for word in LOWER_IS_BETTER)
        out.append({"key": key, "name": key.split("/")[-1], "value": value, "delta": delta, "better": better})
    return out


def shade(percent: float) -> tuple[int, str]:
    """How much of the first series' colour a cell has, and the tone of its text; mixes on which no text is readable are left out."""
    if percent <= 73:
        return min(70, round(percent)), "m0"
    return (min(84, max(78, round(percent))), "m1") if percent < 86 else (max(88, round(percent)), "m2")


def matrix(evaluations: list[Evaluation], own: dict[str, Any]) -> dict[str, Any] | None:
    """The newest confusion matrix: {labels, rows: [(label, [(count, percent, mix, tone)], total)], wrong, total, classes, where}."""
    for report, where in [*((e.report, f"{e.dataset} · {e.split}") for e in evaluations), (own, str(own.get("split") or ""))]:
        found = (report or {}).get("confusion_matrix")
        if not found or not found.get("counts"):
            continue
        labels, counts = found["labels"][:CLASSES_SHOWN], found["counts"]
        rows = []
        for label, line in zip(labels, counts, strict=False):
            total = sum(line)
            cells = [(n, f"{100 * n / total if total else 0:.3g}", *shade(100 * n / total if total else 0)) for n in line[:CLASSES_SHOWN]]
            rows.append((label, cells, total))
        total = sum(sum(line) for line in counts)
        hits = sum(line[at] for at, line in enumerate(counts))
        more = max(0, len(found["labels"]) - CLASSES_SHOWN)
        classes = report.get("classes", [])[:100]
        return {"labels": labels, "rows": rows, "wrong": total - hits, "total": total, "more": more, "classes": classes, "where": where}
    return None
