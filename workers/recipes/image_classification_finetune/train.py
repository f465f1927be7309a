"""Learn to sort pictures into classes; see `model.py` for the networks and `workers/lib/loop.py` for the loop."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from workers.contract.recipe import Run
from workers.lib import answers, classify, device, images, labels, loop, metrics, plan, variants
from workers.recipes.image_classification_finetune import model
from workers.recipes.image_classification_finetune.spec import ImageClassificationFinetune

EVALUATION_PIXELS = 2_000_000  # of one batch when measuring
STRENGTH = {"none": 0.0, "light": 1.0, "strong": 2.0}


def train(run: Run, spec: ImageClassificationFinetune) -> dict[str, float]:
    """The held-out metrics under test/…; run.model_dir holds a folder that `from_pretrained` opens, and `evaluation.json`."""
    torch.manual_seed(spec.seed)
    return Training(run, spec).run_all()


class Training:
    """One run: pictures, model, loop, report."""

    def __init__(self, run: Run, spec: ImageClassificationFinetune) -> None:
        self.run, self.spec = run, spec
        self.device = device.prepare(run.device, run.threads)
        self.precision = device.resolve_precision(spec.precision, self.device)
        self.folder = run.fresh_folder("pictures")
        self.labels = labels.in_training(run)
        source = run.resume / "model" if run.resume else run.base_model
        self.size = self._size(source)
        self.train = images.read(run, "train", self.size, self.labels, self.folder)
        self.validation = self._read("validation")
        self.classifier = self._classifier(source)
        self.strength = STRENGTH[spec.augmentation]
        weights = sum(weight.numel() for weight in self.classifier.model.parameters())
        kind = "base model" if run.base_model else "from scratch"
        run.log(f"{kind} ({self.classifier.model.config.model_type}), {weights:,} weights, in {self.precision}; {len(self.labels)} classes")

    def _size(self, source: Path | None) -> int:
        """The side of the pictures; a base model with a fixed one has the last word."""
        if source is None:
            return self.spec.image_size or images.common_size(self.run)
        fixed = model.fixed_size(source)
        if fixed and self.spec.image_size not in (0, fixed):
            self.run.log(f"the base model takes pictures of {fixed} pixels; image_size is not used", "warning")
        return fixed or model.preparation_of(source, self.spec.image_size).size

    def _read(self, split: str) -> images.Split | None:
        if not self.run.splits.get(split):
            self.run.log(f"the dataset has no {split} rows: nothing is measured on it", "warning")
            return None
        return images.read(self.run, split, self.size, self.labels, self.folder)

    def _classifier(self, source: Path | None) -> model.Classifier:
        if source is None:
            preparation = model.Preparation(self.size, *images.statistics(self.train.pixels))
            network = model.from_scratch(self.spec, self.size, self.labels)
        else:
            preparation = model.preparation_of(source, self.size)
            network = model.opened(source, **model.names(self.labels))
        return model.Classifier(device.moved(network, self.device, pictures=True), preparation, self.labels)

    def batches(self, epoch: int) -> list[NDArray[np.int64]]:
        """Shuffled batches; a single row left over joins the last one, because batch norm needs two."""
        order = np.random.default_rng((self.spec.seed, epoch)).permutation(len(self.train.targets))
        size = self.spec.batch_size
        found = [order[at : at + size] for at in range(0, len(order), size)]
        if len(found) > 1 and len(found[-1]) == 1:
            found[-2:] = [np.concatenate(found[-2:])]
        return found

    def evaluate(self) -> dict[str, float]:
        if not self.validation:
            return {}
        return metrics.headline(ask(self.run, self.classifier, self.validation, self.precision).report(), "eval")

    def run_all(self) -> dict[str, float]:
        criterion = torch.nn.CrossEntropyLoss(self._class_weights(), label_smoothing=self.spec.label_smoothing)

        def loss(batch: Any) -> torch.Tensor:
            pixels = self.classifier.tensor(self.train.pixels[batch])
            if self.strength:
                with torch.autocast(self.device.type, enabled=False):
                    pixels = images.varied(pixels, self.strength, self.spec.flip)
            logits = self.classifier.model(pixel_values=pixels.contiguous(memory_format=torch.channels_last)).logits
            found: torch.Tensor = criterion(logits.float(), torch.from_numpy(self.train.targets[batch]).to(self.device))
            return found

        learner = loop.Learner(self.classifier.model, self.batches, loss, self.evaluate, self.classifier.save)
        outcome = loop.fit(self.run, learner, plan_of(self.spec, self.run, self.precision))
        if outcome.best:
            self.classifier = model.Classifier.load(outcome.best, self.device)
        self.classifier.save(self.run.model_dir)
        return {} if outcome.stopped else self._finish(outcome.step)

    def _class_weights(self) -> torch.Tensor | None:
        if not self.spec.class_weights:
            return None
        return classify.class_weights(self.train.targets, len(self.labels)).to(self.device)

    def _finish(self, step: int) -> dict[str, float]:
        """Measure the kept model on the test split, or on validation where there is none."""
        name = "test" if self.run.splits.get("test") else "validation"
        split = self._read("test") if name == "test" else self.validation
        if split is None:
            self.run.card("No held-out pictures: nothing was measured.")
            return {}
        found = measure(self.run, self.classifier, split, self.precision)
        (self.run.model_dir / "evaluation.json").write_text(json.dumps({"split": name, **found}, ensure_ascii=False), encoding="utf-8")
        self.run.sample(step, title=f"confusion matrix, {name}", prompt="", output=metrics.matrix(found), kind="table")
        self.run.card(f"Pictures of {self.size} x {self.size} pixels, three channels.\n\n{metrics.markdown(found, name)}")
        return metrics.headline(found, "test") if name == "test" else {}


def ask(run: Run, classifier: model.Classifier, split: images.Split, precision: str) -> answers.Answers:
    """The classifier's answer to every picture. Raises Stopped."""
    classifier.model.eval()  # type: ignore[no-untyped-call]
    rows = max(1, EVALUATION_PIXELS // classifier.preparation.size**2)
    order = np.arange(len(split.targets))
    batches = (order[at : at + rows] for at in range(0, len(order), rows))
    return classify.measure(run, partial(classifier.logits, split), batches, split.targets, classifier.labels, precision)


def measure(run: Run, classifier: model.Classifier, split: images.Split, precision: str) -> dict[str, Any]:
    """The report over held-out pictures; every answer goes to the evaluation's folder."""
    found = ask(run, classifier, split, precision)
    found.write(run.evaluation_dir, split.numbers)
    return found.report(split.numbers)


def plan_of(spec: ImageClassificationFinetune, run: Run, precision: str) -> plan.Plan:
    """The spec's knobs as the loop wants them."""
    automatic = 1e-4 if run.base_model else 5e-4 if spec.architecture == "vit" else 2e-3
    return plan.Plan(
        epochs=spec.epochs,
        max_steps=spec.max_steps,
        learning_rate=spec.learning_rate or automatic,
        weight_decay=spec.weight_decay,
        warmup_ratio=spec.warmup_ratio,
        schedule=spec.schedule,
        accumulation=spec.gradient_accumulation_steps,
        max_grad_norm=spec.max_grad_norm,
        eval_steps=spec.eval_steps,
        patience=spec.early_stopping_patience,
        metric=spec.main_metric,
        goal=spec.main_metric_goal,
        precision=precision,
    )


def evaluate(run: Run, split: str, folder: Path) -> dict[str, Any]:
    """{metrics: {test/accuracy, …}, report} of a model folder on one split of a dataset."""
    place = device.prepare(run.device, run.threads)
    classifier = model.Classifier.load(folder, place)
    pictures = images.read(run, split, classifier.preparation.size, classifier.labels, run.fresh_folder("pictures"))
    found = measure(run, classifier, pictures, variants.precision(folder, place))
    return {"metrics": metrics.headline(found, "test"), "report": {"split": split, **found}}
