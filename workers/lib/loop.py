"""The training loop the torch recipes share: steps, schedule, metrics, evaluation, checkpoints, early stopping, exact resume.

Why not Hugging Face's Trainer: its checkpoints hold pickles (optimizer.pt, rng_state.pth), and a resume has to open them. The loop asks a
recipe for four things (`Learner`) and knows nothing of texts or images. Not covered: several devices, several optimisers.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from workers.contract.recipe import Run, UserError
from workers.lib import checkpoint, device
from workers.lib.plan import Plan, optimizer_for, rate
from workers.lib.threads import Threads

Batch = NDArray[np.int64]
CHECKPOINT_SECONDS = 60.0
LOG_SECONDS = 20.0
CHECKPOINT_SHARE = 20  # a checkpoint may cost at most 1/20 of the time


class Stopped(Exception):
    """The run was asked to stop in the middle of something that may be left undone, such as an evaluation."""


@dataclass(frozen=True)
class Learner:
    """What a recipe gives. Everything is deterministic in (seed, epoch), so that a resumed run sees the same batches.

    batches(epoch) -> the epoch's batches, each (rows,) indices · loss(batch) -> its mean loss · evaluate() -> metrics on the
    validation split, or {} without one; raises Stopped · save(folder) -> writes the model as it will be served · after_step(step) ·
    work(batch) -> what it costs, such as its tokens.
    """

    model: torch.nn.Module
    batches: Callable[[int], Sequence[Batch]]
    loss: Callable[[Batch], torch.Tensor]
    evaluate: Callable[[], dict[str, float]]
    save: Callable[[Path], None]
    after_step: Callable[[int], None] = lambda step: None
    work: Callable[[Batch], float] = len


@dataclass
class Progress:
    """All that changes while training, besides tensors. batch: how many of the epoch's batches are done."""

    step: int = 0
    epoch: int = 0
    batch: int = 0
    best: float | None = None
    best_step: int = 0
    worse: int = 0
    evaluated: int = 0
    loss_sum: float = 0.0
    loss_count: int = 0
    scale: float = 65536.0


class Outcome(NamedTuple):
    """best: the folder of the best checkpoint's model, or None when the model in memory is the one to keep."""

    step: int
    stopped: bool
    best: Path | None
    metrics: dict[str, float]


class Loop:
    """One training of one model. Use `fit`."""

    def __init__(self, run: Run, learner: Learner, plan: Plan) -> None:
        self.run, self.learner, self.plan = run, learner, plan
        self.device = torch.device(run.device)
        self.progress = Progress()
        self.optimizer = optimizer_for(learner.model, plan)
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=plan.precision == "fp16", init_scale=self.progress.scale)
        self.steps_per_epoch = math.ceil(len(learner.batches(0)) / plan.accumulation)
        self.total = min(plan.epochs * self.steps_per_epoch, plan.max_steps or math.inf)
        self.log_steps = min(10, max(1, int(self.total) // 100))
        self.metrics: dict[str, float] = {}
        self.threads = Threads(run.threads, self.device)
        self.loss = torch.zeros((), device=self.device)
        self.saved_at, self.saved_step, self.save_seconds = time.monotonic(), -1, 0.0
        self.logged_at = self.saved_at
        if run.resume:
            self._restore(run.resume)

    def _restore(self, folder: Path) -> None:
        self.progress = Progress(**checkpoint.load_state(folder, self.optimizer))
        self.saved_step = self.progress.step
        self.loss += self.progress.loss_sum
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self.scaler.is_enabled(), init_scale=self.progress.scale)
        if self.run.best_checkpoint() is None:  # the best one stayed on another machine: what comes from here on is compared anew
            self.progress.best = None
        self.run.log(f"resumed at step {self.progress.step} of {self.total:g}")

    def fit(self) -> Outcome:
        """Train to the end, to early stopping, or until asked to stop; a stop leaves a checkpoint of the step it came at."""
        stopped = False
        try:
            while self.progress.step < self.total and not self._exhausted():
                self._epoch()
            self._evaluate()  # does nothing unless a stop interrupted the last evaluation
        except Stopped:
            stopped = True
            if self.saved_step != self.progress.step:
                self.checkpoint({}, best=False)
            self.run.log(f"stopped at step {self.progress.step} as asked")
        folder = self.run.best_checkpoint()
        best = folder / "model" if folder and self.progress.best is not None and self.progress.best_step != self.progress.step else None
        if best:
            self.run.log(f"keeping step {self.progress.best_step}, the best: {self.plan.metric} {self.progress.best:.4f}")
        return Outcome(self.progress.step, stopped, best, self.metrics)

    def _exhausted(self) -> bool:
        return bool(self.plan.patience) and self.progress.worse >= self.plan.patience

    def _epoch(self) -> None:
        state, started = self.progress, time.monotonic()
        batches = self.learner.batches(state.epoch)
        while state.batch < len(batches) and state.step < self.total:
            if self.run.should_stop:
                raise Stopped
            group = batches[state.batch : state.batch + self.plan.accumulation]
            self.threads.begin()
            self._step(group)
            self.threads.end(sum(map(self.learner.work, group)))
            state.batch += len(group)
            self._report(state.epoch + state.batch / len(batches))
            if self.plan.eval_steps and state.step % self.plan.eval_steps == 0 and self._evaluate():
                return
            if time.monotonic() - self.saved_at > max(CHECKPOINT_SECONDS, CHECKPOINT_SHARE * self.save_seconds):
                self.checkpoint({}, best=False)
        if state.batch >= len(batches):
            state.epoch, state.batch = state.epoch + 1, 0
        self.run.log(
            f"epoch {state.epoch} of {self.plan.epochs} · step {state.step} of {self.total:g} · {time.monotonic() - started:.1f} s"
        )
        if not self.plan.eval_steps or state.step >= self.total:
            self._evaluate()

    def _step(self, group: Sequence[Batch]) -> None:
        """One optimiser step over `group`; each batch counts by its rows."""
        now, rows = rate(self.progress.step, int(self.total), self.plan), sum(map(len, group))
        for settings in self.optimizer.param_groups:
            settings["lr"] = now
        self.learner.model.train()
        for batch in group:
            with device.autocast(self.device, self.plan.precision):
                loss = self.learner.loss(batch) * (len(batch) / rows)
            self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
            self.loss += loss.detach()
        self.scaler.unscale_(self.optimizer)
        limit = self.plan.max_grad_norm or math.inf
        self.norm = torch.nn.utils.clip_grad_norm_(self.learner.model.parameters(), limit)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad(set_to_none=True)
        self.progress.step += 1
        self.progress.loss_count += 1
        self.learner.after_step(self.progress.step)

    def _report(self, epoch: float) -> None:
        step, state = self.progress.step, self.progress
        self.run.progress(step, int(self.total), round(epoch, 4))
        if step % self.log_steps and step != self.total:
            return
        loss = self._mean_loss()
        self.run.metrics(
            step,
            {
                "train/loss": loss,
                "train/learning_rate": self.optimizer.param_groups[0]["lr"],
                "train/grad_norm": float(self.norm),
                "train/epoch": epoch,
            },
        )
        state.loss_count = 0
        self.loss.zero_()
        if time.monotonic() - self.logged_at > LOG_SECONDS:
            self.logged_at = time.monotonic()
            self.run.log(f"step {step} of {self.total:g} · loss {loss:.4f}")

    def _mean_loss(self) -> float:
        """The mean training loss since the last report. Raises UserError `diverged` when it is no number any more."""
        value = float(self.loss) / max(1, self.progress.loss_count)
        if not math.isfinite(value):
            raise UserError(
                "diverged",
                f"the training loss is {value} near step {self.progress.step}",
                f"Lower the learning rate (it is {self.plan.learning_rate:g}), lengthen the warm-up, or use precision fp32.",
                {"field": "learning_rate"},
            )
        return value

    def _evaluate(self) -> bool:
        """Measure, checkpoint, and tell whether training is over early."""
        state = self.progress
        if state.evaluated == state.step:
            return self._exhausted()
        self._mean_loss()
        self.learner.model.eval()
        self.metrics = self.learner.evaluate()
        state.evaluated = state.step
        better = False
        if self.metrics:
            self.run.metrics(state.step, self.metrics)
            self.run.log("validation · " + " · ".join(f"{key.removeprefix('eval/')} {value:.4f}" for key, value in self.metrics.items()))
            better = self._better(self.metrics[self.plan.metric])
        self.checkpoint(self.metrics, best=better)
        if self._exhausted():
            self.run.log(f"{self.plan.metric} has not improved for {state.worse} evaluations: stopping early")
        return self._exhausted()

    def _better(self, value: float) -> bool:
        state, sign = self.progress, 1 if self.plan.goal == "max" else -1
        if state.best is not None and not sign * value > sign * state.best:
            state.worse += 1
            return False
        state.best, state.best_step, state.worse = value, state.step, 0
        return True

    def checkpoint(self, metrics: dict[str, float], best: bool) -> None:
        """Hand the present state over to the run."""
        self._mean_loss()
        started, state = time.monotonic(), self.progress
        state.loss_sum, state.scale = float(self.loss), float(self.scaler.get_scale())
        folder = self.run.fresh_folder("checkpoint")
        (folder / "model").mkdir()
        self.learner.save(folder / "model")
        checkpoint.save_state(folder, self.optimizer, asdict(state))
        self.run.checkpoint(state.step, folder, metrics, best)
        self.saved_at, self.saved_step = time.monotonic(), state.step
        self.save_seconds = self.saved_at - started


def fit(run: Run, learner: Learner, plan: Plan) -> Outcome:
    """Train `learner` by `plan`. Leaves the model as it was at the last step; `Outcome.best` names a better one, if there is one."""
    return Loop(run, learner, plan).fit()
