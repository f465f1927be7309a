"""Measuring a classifier, the same for texts and images."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from workers.contract.recipe import Run
from workers.lib import device, metrics
from workers.lib.loop import Stopped


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
) -> dict[str, Any]:
    """The report (see `metrics.report`) over the rows in `batches`. Raises Stopped when the run is asked to stop."""
    matrix = np.zeros((len(labels), len(labels)), np.int64)
    loss, where = 0.0, torch.device(run.device)
    for rows in batches:
        if run.should_stop:
            raise Stopped
        with device.autocast(where, precision):
            logits = logits_of(rows).float()
        loss += float(torch.nn.functional.cross_entropy(logits, torch.from_numpy(targets[rows]).to(where), reduction="sum"))
        matrix += metrics.confusion(targets[rows], logits.argmax(-1).cpu().numpy(), len(labels))
    return metrics.report(matrix, labels, loss / max(1, int(matrix.sum())))
