"""Measuring a classifier, the same for texts and images."""

from collections.abc import Callable, Iterable

import numpy as np
import torch
from numpy.typing import NDArray

from workers.contract.recipe import Run
from workers.lib import answers, device
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
) -> answers.Answers:
    """What the model says of every row; `batches` hold each row once. Raises Stopped when the run is asked to stop."""
    found = answers.Answers.of(labels, targets)
    where = torch.device(run.device)
    for rows in batches:
        if run.should_stop:
            raise Stopped
        with device.autocast(where, precision):
            logits = logits_of(rows).float()
        found.loss += float(torch.nn.functional.cross_entropy(logits, torch.from_numpy(targets[rows]).to(where), reduction="sum"))
        scores, guesses = logits.softmax(-1).max(-1)
        found.scores[rows], found.guesses[rows] = scores.cpu().numpy(), guesses.cpu().numpy()
    return found
