"""Count the classes of the training split; measure what always naming the most frequent one is worth."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from workers.contract.recipe import Run, UserError
from workers.lib import labels
from workers.recipes.text_classification_majority.spec import TextClassificationMajority

Counts = Counter[str]


def train(run: Run, spec: TextClassificationMajority) -> dict[str, float]:
    """The held-out metrics under test/…; run.model_dir holds `config.json` with the counts."""
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
            answer = evaluate(run, split, run.model_dir)
            measured.update({key.replace("test/", f"{prefix}/"): value for key, value in answer["metrics"].items()})
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
    """{metrics: {test/accuracy, test/f1_macro}, report} of the model folder on one split. Macro-F1: mean over classes, true or predicted.

    Raises UserError `no_labels` when no row of the split has a label.
    """
    counts: dict[str, int] = json.loads((model / "config.json").read_text(encoding="utf-8"))["counts"]
    guess = max(counts, key=counts.__getitem__)
    truth = Counter[str]()
    for batch in run.batches(split):
        truth.update(name for name in (labels.name_of(value, run.classes) for value in batch["label"]) if name is not None)
    if not truth:
        raise UserError("no_labels", f"no row of the split {split} has a label", "Choose another split or label column.", {"split": split})
    rows, hits = truth.total(), truth[guess]
    f1 = 2 * hits / (rows + hits) / len({*truth, guess})
    found = {"accuracy": hits / rows, "f1_macro": f1}
    metrics = {f"test/{key}": value for key, value in found.items()}
    return {"metrics": metrics, "report": {**found, "rows": rows, "predicted": guess, "support": dict(truth)}}
