"""Count the classes of the training split; measure what always naming the most frequent one is worth."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from workers.contract.recipe import Run, UserError
from workers.lib import answers, labels, metrics
from workers.recipes.text_classification_majority.spec import TextClassificationMajority

Counts = Counter[str]


def train(run: Run, spec: TextClassificationMajority) -> dict[str, float]:
    """The held-out metrics under test/…; run.model_dir holds `config.json` with the counts, and `evaluation.json`."""
    counts, steps = Counter[str](), 0
    for batch in run.batches("train"):
        counts.update(name for name in (labels.name_of(value, run.classes) for value in batch["label"]) if name is not None)
        steps += 1
        run.progress(steps, None, None)
        if run.should_stop:
            break
    if run.should_stop and len(counts) < 2:
        return {}
    names = labels.names_of(run, counts)
    _save(run.model_dir, {name: counts[name] for name in names})
    run.log(f"{counts.total()} rows, {len(names)} classes; most frequent: {counts.most_common(1)[0][0]}")
    if run.should_stop:
        return _stopped(run, steps, counts, names)
    measured = {}
    for split, prefix in (("validation", "eval"), ("test", "test")):
        if run.splits.get(split):
            found = evaluate(run, split, run.model_dir)["report"]
            measured.update(metrics.headline(found, prefix))
            (run.model_dir / "evaluation.json").write_text(json.dumps(found, ensure_ascii=False), encoding="utf-8")
    _finish(run, steps, measured, names)
    return {key: value for key, value in measured.items() if key.startswith("test/")}


def _save(folder: Path, counts: dict[str, int]) -> None:
    config = {
        "architecture": "majority",
        "task": "text-classification",
        "counts": counts,
        "id2label": {str(number): name for number, name in enumerate(counts)},
    }
    (folder / "config.json").write_text(json.dumps(config, ensure_ascii=False, indent=2), encoding="utf-8")


def _stopped(run: Run, steps: int, counts: Counts, names: list[str]) -> dict[str, float]:
    """Asked to stop while counting: what was counted so far can still be kept."""
    folder = run.fresh_folder("checkpoint")
    (folder / "model").mkdir()
    _save(folder / "model", {name: counts[name] for name in names})
    run.checkpoint(steps, folder, {}, best=False)
    return {}


def _finish(run: Run, steps: int, measured: dict[str, float], names: list[str]) -> None:
    if measured:
        run.metrics(steps, measured)
        run.log(" · ".join(f"{key} {value:.4f}" for key, value in measured.items()))
    run.progress(steps, steps, 1.0)
    run.card(
        f"A baseline without any learning: it answers each text with the most frequent of {len(names)} classes of its training split, and "
        "gives every class its share of the training rows as score. `config.json` holds the counts; no library is needed to use it."
    )


def evaluate(run: Run, split: str, model: Path) -> dict[str, Any]:
    """{metrics: {test/accuracy, …}, report} of the model folder on one split; every answer goes to the evaluation's folder.

    Rows with a label unknown to training are left out, as by every classifier. Raises UserError `no_labels` when no row is left.
    """
    counts: dict[str, int] = json.loads((model / "config.json").read_text(encoding="utf-8"))["counts"]
    names, shares = list(counts), np.asarray(list(counts.values())) / sum(counts.values())
    targets = np.asarray(
        [number for batch in run.batches(split) for number in labels.indices(batch["label"], names, run.classes)], np.int64
    )
    numbers = np.flatnonzero(targets >= 0)
    if not len(numbers):
        message = f"no row of the split {split} has a label training has seen"
        raise UserError("no_labels", message, "Choose another split or label column.", {"split": split})
    found = answers.Answers.of(names, targets[numbers])
    found.guesses[:], found.scores[:] = shares.argmax(), shares.max()
    found.loss = float(-np.log(shares[found.targets]).sum())
    found.write(run.evaluation_dir, numbers)
    report = {"split": split, **found.report(numbers)}
    return {"metrics": metrics.headline(report, "test"), "report": report}
