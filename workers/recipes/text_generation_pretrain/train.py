"""Learn to write like the texts of one column, from random weights."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from workers.contract.recipe import Run
from workers.lib import device, generate, loop, plan, variants
from workers.recipes.text_generation_pretrain import data, model
from workers.recipes.text_generation_pretrain.spec import TextGenerationPretrain

EVALUATION_TOKENS = 4096  # of one batch when measuring
SAMPLES = 10  # in all, when no interval is given
SAMPLE_TOKENS = 80


def train(run: Run, spec: TextGenerationPretrain) -> dict[str, float]:
    """test/loss, test/perplexity, test/bits_per_char; run.model_dir holds a folder that `from_pretrained` opens."""
    torch.manual_seed(spec.seed)
    return Training(run, spec).run_all()


class Training:
    """One run: tokenizer, packed tokens, model, loop, samples, report."""

    def __init__(self, run: Run, spec: TextGenerationPretrain) -> None:
        self.run, self.spec = run, spec
        self.device = device.prepare(run.device, run.threads)
        self.precision = device.resolve_precision(spec.precision, self.device)
        if run.resume:
            network, self.tokenizer = model.opened(run.resume / "model"), model.tokenizer_of(run.resume / "model")
        else:
            self.tokenizer = data.new_tokenizer(run, spec.tokenizer, spec.vocab_size)
            network = model.new_model(self.tokenizer, spec)
        self.model = device.moved(network, self.device)
        device.choose_attention(self.model, spec.batch_size, spec.max_length)
        model.add_dropout(self.model, spec.dropout)
        self.folder = run.fresh_folder("tokens")
        self.train = data.pack(run, "train", self.tokenizer, self.folder)
        self.validation = data.pack(run, "validation", self.tokenizer, self.folder) if run.splits.get("validation") else None
        self.sample_steps = spec.sample_steps
        self._say_what()

    def _say_what(self) -> None:
        weights, train = sum(weight.numel() for weight in self.model.parameters()), self.train
        self.run.log(f"{self.spec.architecture} from scratch, {weights:,} weights, in {self.precision}")
        self.run.log(f"{train.texts:,} training texts: {train.characters:,} characters, {len(train.ids):,} tokens")

    def batches(self, epoch: int) -> list[NDArray[np.int64]]:
        begins = data.starts(len(self.train.ids), self.spec.max_length, self.spec.seed, epoch)
        size = self.spec.batch_size
        return [begins[at : at + size] for at in range(0, len(begins), size)]

    def loss(self, batch: Any) -> torch.Tensor:
        return self._losses(self.train, batch, "mean")

    def _losses(self, tokens: data.Tokens, begins: NDArray[np.int64], reduction: str) -> torch.Tensor:
        return losses(self.model, tokens, begins, self.spec.max_length, self.tokenizer, reduction)

    def evaluate(self) -> dict[str, float]:
        if self.validation is None:
            return {}
        found = measure(self.run, self.model, self.tokenizer, self.validation, self.spec.max_length, self.precision)
        return {f"eval/{key}": value for key, value in found.items()}

    def after_step(self, step: int) -> None:
        if step % self.sample_steps == 0:
            self.sample(step)

    def sample(self, step: int) -> None:
        """Write a text with the present weights; training's random state is not touched."""
        self.model.eval()  # type: ignore[no-untyped-call]
        prompt = self.tokenizer(self.spec.sample_prompt, add_special_tokens=False)["input_ids"]
        how = generate.Sampling(SAMPLE_TOKENS, True, model.TEMPERATURE, top_p=model.TOP_P, seed=self.spec.seed)
        text = generate.Text([self.tokenizer.bos_token_id, *prompt], how)
        with device.autocast(self.device, self.precision):
            generate.all_of(generate.Engine(self.model, self.tokenizer, self.spec.max_length), [text])
        self.run.sample(step, title=f"step {step}", prompt=self.spec.sample_prompt, output=text.text)

    def save(self, folder: Path) -> None:
        self.model.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)

    def run_all(self) -> dict[str, float]:
        how = plan_of(self.spec, self.precision)
        total = min(how.epochs * math.ceil(len(self.batches(0)) / how.accumulation), how.max_steps or math.inf)
        self.sample_steps = self.spec.sample_steps or max(1, int(total) // SAMPLES)
        outcome = loop.fit(self.run, loop.Learner(self.model, self.batches, self.loss, self.evaluate, self.save, self.after_step), how)
        if outcome.best:
            self.model = device.moved(model.opened(outcome.best), self.device)
        self.save(self.run.model_dir)
        return {} if outcome.stopped else self._finish(outcome.step)

    def _finish(self, step: int) -> dict[str, float]:
        self.sample(step)
        split = "test" if self.run.splits.get("test") else "validation"
        if not self.run.splits.get(split):
            self.run.card(CARD)
            return {}
        tokens = data.pack(self.run, split, self.tokenizer, self.folder)
        found = measure(self.run, self.model, self.tokenizer, tokens, self.spec.max_length, self.precision)
        (self.run.model_dir / "evaluation.json").write_text(json.dumps({"split": split, **found}), encoding="utf-8")
        line = f"Held-out texts ({split}): {found['bits_per_char']:.3f} bits per character, perplexity {found['perplexity']:.1f} per token."
        self.run.card(f"{line}\n\n{CARD}")
        return {f"test/{key}": value for key, value in found.items()} if split == "test" else {}


CARD = "It continues texts. It has no chat template: the messages of a conversation are joined by newlines and continued."


def losses(
    network: PreTrainedModel, tokens: data.Tokens, begins: NDArray[np.int64], block: int, tokenizer: PreTrainedTokenizerBase, reduction: str
) -> torch.Tensor:
    """Cross-entropy (nats) of the blocks that begin there: their mean or sum over predicted tokens."""
    inputs, targets = data.block_of(tokens, begins, block, int(tokenizer.bos_token_id))
    logits = network(input_ids=inputs.to(network.device), use_cache=False).logits
    return torch.nn.functional.cross_entropy(
        logits.float().flatten(0, 1), targets.to(network.device).flatten(), ignore_index=data.IGNORED, reduction=reduction
    )


@torch.inference_mode()
def measure(
    run: Run, network: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, tokens: data.Tokens, block: int, precision: str
) -> dict[str, float]:
    """loss (nats a token), perplexity (a token), bits_per_char: all bits, ends of texts included, over the texts' characters.

    Blocks follow each other without overlap, so a token is predicted from what its block holds before it. Raises loop.Stopped.
    """
    network.eval()  # type: ignore[no-untyped-call]
    total, begins = 0.0, np.arange(0, len(tokens.ids) - 1, block, dtype=np.int64)
    rows = max(1, EVALUATION_TOKENS // block)
    for at in range(0, len(begins), rows):
        if run.should_stop:
            raise loop.Stopped
        with device.autocast(network.device, precision):
            total += float(losses(network, tokens, begins[at : at + rows], block, tokenizer, "sum"))
    predicted = len(tokens.ids) - tokens.texts  # every token but the beginnings
    loss = total / max(1, predicted)
    return {"loss": loss, "perplexity": math.exp(min(loss, 50.0)), "bits_per_char": total / math.log(2) / max(1, tokens.characters)}


def plan_of(spec: TextGenerationPretrain, precision: str) -> plan.Plan:
    """The spec's knobs as the loop wants them."""
    return plan.Plan(
        epochs=spec.epochs,
        max_steps=spec.max_steps,
        learning_rate=spec.learning_rate,
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
        betas=(0.9, 0.95),
    )


def evaluate(run: Run, split: str, folder: Path) -> dict[str, Any]:
    """{metrics: {test/loss, test/perplexity, test/bits_per_char}, report} of a model folder on one split."""
    place = device.prepare(run.device, run.threads)
    network, tokenizer = variants.placed(model.opened(folder), folder, place, torch.float32), model.tokenizer_of(folder)
    tokens = data.pack(run, split, tokenizer, run.fresh_folder("tokens"))
    block = min(model.context_of(network), 1024)
    found = measure(run, network, tokenizer, tokens, block, variants.precision(folder, place))
    return {"metrics": {f"test/{key}": value for key, value in found.items()}, "report": {"split": split, **found}}
