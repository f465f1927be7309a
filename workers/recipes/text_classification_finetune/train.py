"""Learn to sort texts into classes; see `model.py` for the two kinds of model and `workers/lib/loop.py` for the loop."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from workers.contract.recipe import Run
from workers.lib import answers, classify, device, labels, loop, metrics, plan, text, variants, vocabulary
from workers.recipes.text_classification_finetune import data, explain, model
from workers.recipes.text_classification_finetune.spec import TextClassificationFinetune

EVALUATION_TOKENS = 8192  # of one batch when measuring


def train(run: Run, spec: TextClassificationFinetune) -> dict[str, float]:
    """The held-out metrics under test/…; run.model_dir holds a folder that `from_pretrained` opens, and `evaluation.json`."""
    torch.manual_seed(spec.seed)
    return Training(run, spec).run_all()


class Training:
    """One run: tokenizer, data, model, loop, report."""

    def __init__(self, run: Run, spec: TextClassificationFinetune) -> None:
        self.run, self.spec = run, spec
        self.device = device.prepare(run.device, run.threads)
        self.precision = device.resolve_precision(spec.precision, self.device)
        self.classifier = self._classifier()
        self.train, self.validation = self._read("train"), self._read("validation")
        self.rows = self.train.rows  # of the current epoch
        if not run.base_model:
            self.halves, self.special = vocabulary.halves(self.classifier.tokenizer), vocabulary.special(self.classifier.tokenizer)
        self._say_what()

    def _classifier(self) -> model.Classifier:
        run, spec = self.run, self.spec
        names = labels.in_training(run)
        source = run.resume / "model" if run.resume else run.base_model
        tokenizer = model.tokenizer_of(source) if source else vocabulary.pieces(data.texts(run, "train"), spec.vocab_size, spec.max_length)
        if run.resume:
            network = model.opened(run.resume / "model")
            if run.base_model:
                model.freeze_words(network, spec)
        elif run.base_model:
            network = model.from_base(run.base_model, names, spec)
        else:
            network = model.from_scratch(tokenizer, names, spec)
        limit, prefix = model.longest(network.config, spec.max_length), model.prefix_of(run.base_model, spec.text_prefix)
        network = device.moved(network, self.device)
        device.choose_attention(network, spec.batch_size, limit)
        return model.Classifier(network, tokenizer, names, limit, prefix)

    def _read(self, split: str) -> data.Split:
        if not self.run.splits.get(split):
            self.run.log(f"the dataset has no {split} rows: nothing is measured on it", "warning")
            return data.Split(text.Rows.of([]), np.zeros(0, np.int64), np.zeros(0, np.int64))
        return data.read(self.run, split, self.classifier)

    def _say_what(self) -> None:
        network = self.classifier.model
        weights = sum(weight.numel() for weight in network.parameters())
        moving = sum(weight.numel() for weight in network.parameters() if weight.requires_grad)
        kind = "base model" if self.run.base_model else "from scratch"
        self.run.log(f"{kind} ({network.config.model_type}), {weights:,} weights, {moving:,} of them trained, in {self.precision}")
        rows = self.train.rows
        self.run.log(f"{len(rows)} training rows of {rows.lengths.mean():.0f} tokens on average, {len(self.classifier.labels)} classes")
        if self.classifier.prefix:
            self.run.log(f"each text gets the prefix {self.classifier.prefix!r}")

    def batches(self, epoch: int) -> list[NDArray[np.int64]]:
        """The epoch's batches, grouped by length; from scratch each epoch spells and hides words anew."""
        spec, tokenizer = self.spec, self.classifier.tokenizer
        if not self.run.base_model:
            random = np.random.default_rng((spec.seed, epoch, 1))
            rows = vocabulary.broken(self.train.rows, self.halves, spec.subword_dropout, random)
            self.rows = vocabulary.masked(rows, spec.word_dropout, int(tokenizer.mask_token_id or 0), self.special, random)
        return text.grouped(self.rows.lengths, self.spec.batch_size, self.spec.seed, epoch)

    def tokens(self, batch: NDArray[np.int64]) -> float:
        """Of a batch, padding included."""
        return float(len(batch) * self.rows.lengths[batch].max())

    def evaluate(self) -> dict[str, float]:
        if not len(self.validation.targets):
            return {}
        return metrics.headline(ask(self.run, self.classifier, self.validation, self.precision).report(), "eval")

    def run_all(self) -> dict[str, float]:
        weights = self._class_weights()
        criterion = torch.nn.CrossEntropyLoss(weights, label_smoothing=self.spec.label_smoothing)

        def loss(batch: Any) -> torch.Tensor:
            targets = torch.from_numpy(self.train.targets[batch]).to(self.device)
            found: torch.Tensor = criterion(self.classifier.logits(self.rows, batch).float(), targets)
            return found

        learner = loop.Learner(self.classifier.model, self.batches, loss, self.evaluate, self.classifier.save, work=self.tokens)
        outcome = loop.fit(self.run, learner, plan_of(self.spec, self.run))
        if outcome.best:
            self.classifier = model.Classifier.load(outcome.best, self.device, torch.float32)
        self.classifier.save(self.run.model_dir)
        return {} if outcome.stopped else self._finish(outcome.step)

    def _class_weights(self) -> torch.Tensor | None:
        if not self.spec.class_weights:
            return None
        return classify.class_weights(self.train.targets, len(self.classifier.labels)).to(self.device)

    def _finish(self, step: int) -> dict[str, float]:
        """Measure the kept model on the test split, or on validation where there is none."""
        split = "test" if self.run.splits.get("test") else "validation"
        if not self.run.splits.get(split):
            self.run.card("No held-out rows: nothing was measured.")
            return {}
        rows = self._read("test") if split == "test" else self.validation
        found = measure(self.run, self.classifier, split, rows, self.precision)
        write_report(self.run.model_dir, {"split": split, **found})
        self.run.sample(step, title=f"confusion matrix, {split}", prompt="", output=metrics.matrix(found), kind="table")
        given = self.classifier.prefix
        prefix = f"Texts were given the prefix `{given}`; do the same when you use the files yourself.\n\n" if given else ""
        self.run.card(prefix + metrics.markdown(found, split))
        return metrics.headline(found, "test") if split == "test" else {}


def plan_of(spec: TextClassificationFinetune, run: Run) -> plan.Plan:
    """The spec's knobs as the loop wants them."""
    place = torch.device(run.device)
    return plan.Plan(
        epochs=spec.epochs,
        max_steps=spec.max_steps,
        learning_rate=spec.learning_rate or (5e-5 if run.base_model else 1e-3),
        weight_decay=spec.weight_decay,
        warmup_ratio=spec.warmup_ratio,
        schedule=spec.schedule,
        accumulation=spec.gradient_accumulation_steps,
        max_grad_norm=spec.max_grad_norm,
        eval_steps=spec.eval_steps,
        patience=spec.early_stopping_patience,
        metric=spec.main_metric,
        goal=spec.main_metric_goal,
        precision=device.resolve_precision(spec.precision, place),
    )


def write_report(folder: Path, found: dict[str, Any]) -> None:
    (folder / "evaluation.json").write_text(json.dumps(found, ensure_ascii=False), encoding="utf-8")


def ask(run: Run, classifier: model.Classifier, rows: data.Split, precision: str) -> answers.Answers:
    """The classifier's answer to every row. Raises Stopped."""
    classifier.model.eval()  # type: ignore[no-untyped-call]
    batches = text.pieces(rows.rows.lengths, EVALUATION_TOKENS)
    return classify.measure(run, partial(classifier.logits, rows.rows), batches, rows.targets, classifier.labels, precision)


def measure(run: Run, classifier: model.Classifier, split: str, rows: data.Split, precision: str) -> dict[str, Any]:
    """The report over held-out rows, with the words that decided the worst ones; every answer goes to the evaluation's folder."""
    found = ask(run, classifier, rows, precision)
    found.write(run.evaluation_dir, rows.numbers)
    report = found.report(rows.numbers)
    explain.add_words(run, split, classifier, report, precision)
    return report


def evaluate(run: Run, split: str, folder: Path) -> dict[str, Any]:
    """{metrics: {test/accuracy, …}, report} of a model folder on one split of a dataset."""
    place = device.prepare(run.device, run.threads)
    classifier = model.Classifier.load(folder, place, torch.float32)
    rows = data.read(run, split, classifier)
    found = measure(run, classifier, split, rows, variants.precision(folder, place))
    return {"metrics": metrics.headline(found, "test"), "report": {"split": split, **found}}
