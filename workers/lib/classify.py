"""Measuring a classifier, the same for texts and images."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from workers.contract.recipe import Run
from workers.lib import device, metrics
from workers.lib.loop import Stopped

WORST = 20  # wrong answers a report keeps


def class_weights(targets: NDArray[np.int64], classes: int) -> torch.Tensor:
    """(classes,) weights with mean 1 over the rows: rows / (classes that occur x rows of the class); a class without rows counts 0."""
    counts = np.bincount(targets, minlength=classes)
    weights = np.divide(len(targets), np.count_nonzero(counts) * counts, out=np.zeros(classes), where=counts > 0)
    return torch.from_numpy(weights.astype(np.float32))


@torch.inference_mode()
def measure(
    run: Run,
    logits_of: Callable[[NDArray[np.int64]], torch.Tensor],
    batches: Iterable[NDArray[np.int64]],
    targets: NDArray[np.int64],
    labels: list[str],
    precision: str,
    numbers: NDArray[np.int64] | None = None,
) -> dict[str, Any]:
    """The report (see `metrics.report`) over the rows in `batches`. Raises Stopped when the run is asked to stop.

    numbers: each row's place in its split; with them the report has `worst`, the wrong answers the model was surest of.
    """
    worst: list[tuple[float, int, int, int]] = []
    matrix = np.zeros((len(labels), len(labels)), np.int64)
    loss, where = 0.0, torch.device(run.device)
    for rows in batches:
        if run.should_stop:
            raise Stopped
        with device.autocast(where, precision):
            logits = logits_of(rows).float()
        loss += float(torch.nn.functional.cross_entropy(logits, torch.from_numpy(targets[rows]).to(where), reduction="sum"))
        scores, guesses = (each.cpu().numpy() for each in logits.softmax(-1).max(-1))
        matrix += metrics.confusion(targets[rows], guesses, len(labels))
        if numbers is not None:
            wrong = np.flatnonzero(guesses != targets[rows])
            worst += [(float(scores[at]), int(numbers[rows[at]]), int(targets[rows[at]]), int(guesses[at])) for at in wrong]
            worst = sorted(worst, key=lambda each: (-each[0], each[1]))[:WORST]
    found = metrics.report(matrix, labels, loss / max(1, int(matrix.sum())))
    if numbers is not None:
        found["worst"] = [{"row": row, "actual": labels[a], "predicted": labels[p], "score": score} for score, row, a, p in worst]
    return found
