"""What a classifier is worth: counted once as a confusion matrix, everything else follows from it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

TABLE_MAX = 30
BINS = 15  # of confidence, as the field counts calibration errors


def confusion(actual: NDArray[np.int64], predicted: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """(classes, classes) counts; rows are the true class, columns the predicted one."""
    return np.bincount(actual * classes + predicted, minlength=classes * classes).reshape(classes, classes)


def calibration_error(scores: NDArray[np.float32], hits: NDArray[np.bool_]) -> float:
    """How far confidence is from being right, 0 to 1 (ECE): rows in bins of like confidence, |share right - mean confidence| over them.

    scores: the probability of each row's predicted class · hits: whether it was right.
    """
    scores = np.nan_to_num(scores)  # of a model that has diverged
    bins = np.minimum((scores * BINS).astype(np.int64), BINS - 1)
    gaps = np.bincount(bins, hits.astype(np.float64), BINS) - np.bincount(bins, scores.astype(np.float64), BINS)
    return float(np.abs(gaps).sum() / max(1, len(scores)))


def report(matrix: NDArray[np.int64], labels: list[str], loss: float) -> dict[str, Any]:
    """accuracy, f1_macro (mean over classes that occur, truly or predicted), loss; per class precision, recall, f1, support."""
    hits, support, predicted = np.diag(matrix), matrix.sum(axis=1), matrix.sum(axis=0)
    precision, recall = hits / np.maximum(predicted, 1), hits / np.maximum(support, 1)
    f1 = 2 * hits / np.maximum(support + predicted, 1)
    rows = int(matrix.sum())
    per_class = [
        {"label": label, "precision": float(p), "recall": float(r), "f1": float(f), "support": int(n)}
        for label, p, r, f, n in zip(labels, precision, recall, f1, support, strict=True)
    ]
    return {
        "rows": rows,
        "loss": loss,
        "accuracy": float(hits.sum() / max(rows, 1)),
        "f1_macro": float(f1[(support + predicted) > 0].mean()) if rows else 0.0,
        "classes": per_class,
        "confusion_matrix": {"labels": labels, "rows_are": "true", "counts": matrix.tolist()},
    }


def headline(found: dict[str, Any], prefix: str) -> dict[str, float]:
    """The report's numbers as metrics: `eval/accuracy`, … Calibration is measured once, on held-out rows."""
    keys = ("loss", "accuracy", "f1_macro", *(("calibration_error",) if prefix == "test" else ()))
    return {f"{prefix}/{key}": float(found[key]) for key in keys}


def matrix(found: dict[str, Any]) -> str:
    """The confusion matrix as lines with tabs between the cells, true classes down, predicted ones across (the first 30)."""
    labels = [" ".join(label.split())[:20] for label in found["confusion_matrix"]["labels"][:TABLE_MAX]]
    lines = ["\t".join(["", *labels])]
    for label, counts in zip(labels, found["confusion_matrix"]["counts"], strict=False):
        lines.append("\t".join([label, *map(str, counts[:TABLE_MAX])]))
    return "\n".join(lines)


def markdown(found: dict[str, Any], split: str) -> str:
    """The report as text for a model card: one line in all, one table row per class (the first 30)."""
    lines = [
        f"On {found['rows']} held-out rows ({split}): accuracy {found['accuracy']:.4f}, macro-F1 {found['f1_macro']:.4f}.",
        "",
        "| class | precision | recall | F1 | rows |",
        "| --- | --- | --- | --- | --- |",
    ]
    for row in found["classes"][:TABLE_MAX]:
        name = row["label"].replace("|", "\\|").replace("\n", " ")
        lines.append(f"| {name} | {row['precision']:.3f} | {row['recall']:.3f} | {row['f1']:.3f} | {row['support']} |")
    if len(found["classes"]) > TABLE_MAX:
        lines.append(f"\n{len(found['classes']) - TABLE_MAX} more classes are in `evaluation.json`.")
    return "\n".join(lines)
