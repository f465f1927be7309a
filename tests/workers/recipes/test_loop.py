"""The training loop on a model of three weights: schedule, resume, early stopping, divergence, stopping."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tests.fakes import FakeRun  # noqa: E402
from workers.contract.recipe import UserError  # noqa: E402
from workers.lib import loop  # noqa: E402
from workers.lib.plan import Plan, rate  # noqa: E402

pytestmark = pytest.mark.torch
PLAN = Plan(
    epochs=4, max_steps=0, learning_rate=0.1, weight_decay=0.01, warmup_ratio=0.1, schedule="linear", accumulation=1, max_grad_norm=1.0,
    eval_steps=0, patience=0, metric="eval/loss", goal="min", precision="fp32",
)  # fmt: skip


class Regression:
    """y = 2 x1 - x2 with dropout, so that random states matter."""

    def __init__(self, run: FakeRun, factor: float = 1.0) -> None:
        self.run, self.factor = run, factor
        torch.manual_seed(0)
        self.model = torch.nn.Sequential(torch.nn.Dropout(0.2), torch.nn.Linear(2, 1))
        self.x = torch.from_numpy(np.random.default_rng(0).normal(size=(40, 2)).astype(np.float32))
        self.y = self.x @ torch.tensor([[2.0], [-1.0]])
        if run.resume:
            self.model.load_state_dict(torch_load(run.resume / "model"))

    def batches(self, epoch: int) -> list[Any]:
        return list(np.random.default_rng(epoch).permutation(40).reshape(10, 4))

    def loss(self, batch: Any) -> Any:
        return ((self.model(self.x[batch]) - self.y[batch]) ** 2).mean() * self.factor

    def evaluate(self) -> dict[str, float]:
        with torch.no_grad():
            return {"eval/loss": float(((self.model(self.x) - self.y) ** 2).mean())}

    def save(self, folder: Path) -> None:
        from safetensors.torch import save_file

        save_file(self.model.state_dict(), str(folder / "model.safetensors"))

    def fit(self, plan: Plan) -> loop.Outcome:
        return loop.fit(self.run, loop.Learner(self.model, self.batches, self.loss, self.evaluate, self.save), plan)


def torch_load(folder: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return load_file(str(folder / "model.safetensors"))


def run_at(folder: Path, **options: Any) -> FakeRun:
    return FakeRun(folder, {"train": [{"x": 1}]}, {"x": "x"}, **options)


def test_it_warms_up_and_falls() -> None:
    rates = [rate(step, 100, PLAN) for step in range(100)]
    assert rates[0] == pytest.approx(0.01)
    assert max(rates) == pytest.approx(0.1)
    assert rates[-1] == pytest.approx(0.1 / 90)
    assert rate(99, 100, replace(PLAN, schedule="constant")) == 0.1


def test_it_reports_and_learns(tmp_path: Path) -> None:
    run = run_at(tmp_path / "run")
    Regression(run).fit(PLAN)
    assert list(run.series("train/loss")) == list(range(1, 41))
    assert list(run.series("eval/loss")) == [10, 20, 30, 40]
    assert run.series("eval/loss")[40] < run.series("eval/loss")[10]
    assert run.series("train/learning_rate")[40] < run.series("train/learning_rate")[4]
    assert run.checkpoints[-1].best


def test_F1_a_resumed_run_ends_where_an_unbroken_one_does(tmp_path: Path) -> None:
    whole, first = run_at(tmp_path / "whole"), run_at(tmp_path / "first", stop_after=17)
    expected = Regression(whole)
    expected.fit(PLAN)
    assert Regression(first).fit(PLAN).stopped
    assert first.checkpoints[-1].step == 17

    second = run_at(tmp_path / "second", resume=first.checkpoints[-1])
    resumed = Regression(second)
    resumed.fit(PLAN)

    joined = {**first.series("train/loss"), **second.series("train/loss")}
    assert not set(first.series("train/loss")) & set(second.series("train/loss"))
    assert joined == pytest.approx(whole.series("train/loss"))
    assert torch.equal(resumed.model[1].weight, expected.model[1].weight)


def test_checkpoints_hold_no_pickle(tmp_path: Path) -> None:
    run = run_at(tmp_path / "run", stop_after=3)
    Regression(run).fit(PLAN)
    kinds = {path.suffix for path in run.checkpoints[-1].folder.rglob("*") if path.is_file()}
    assert kinds == {".safetensors", ".json"}


def test_it_stops_early_and_keeps_the_best(tmp_path: Path) -> None:
    run = run_at(tmp_path / "run")
    worse = iter([1.0, 0.5, 0.7, 0.8, 0.9])
    task = Regression(run)
    task.evaluate = lambda: {"eval/loss": next(worse)}  # type: ignore[method-assign]
    outcome = task.fit(replace(PLAN, patience=2))
    assert outcome.step == 40
    assert outcome.best == run.checkpoints[1].folder / "model"
    assert [found.best for found in run.checkpoints] == [True, True, False, False]


def test_it_accumulates_gradients(tmp_path: Path) -> None:
    run = run_at(tmp_path / "run")
    assert Regression(run).fit(replace(PLAN, accumulation=4)).step == 12


def test_it_ends_at_the_step_limit(tmp_path: Path) -> None:
    run = run_at(tmp_path / "run")
    assert Regression(run).fit(replace(PLAN, max_steps=13)).step == 13
    assert run.checkpoints[-1].step == 13


def test_a_loss_that_is_no_number_is_said_to_be_divergence(tmp_path: Path) -> None:
    run = run_at(tmp_path / "run")
    with pytest.raises(UserError) as caught:
        Regression(run, factor=float("nan")).fit(PLAN)
    assert caught.value.code == "diverged"
    assert "learning rate" in caught.value.hint
    assert not run.checkpoints


def test_a_checkpoint_of_another_model_is_refused(tmp_path: Path) -> None:
    first = run_at(tmp_path / "first", stop_after=3)
    Regression(first).fit(PLAN)
    second = run_at(tmp_path / "second", resume=first.checkpoints[-1])
    task = Regression(second)
    task.model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Linear(3, 1))
    with pytest.raises(UserError) as caught:
        task.fit(PLAN)
    assert caught.value.code == "checkpoint_mismatch"


@pytest.mark.parametrize(("slower", "chosen"), [(1, 2), (2, 1)])
def test_threads_are_tried_and_the_faster_number_is_kept(slower: int, chosen: int, monkeypatch: pytest.MonkeyPatch) -> None:
    from workers.lib import threads

    clock, used = [0.0], [2]
    monkeypatch.setattr(threads.time, "perf_counter", lambda: clock[0])
    monkeypatch.setattr(torch, "set_num_threads", lambda number: used.__setitem__(0, number))
    tuner = threads.Threads(2, torch.device("cpu"))
    for work in range(1, threads.WARM + threads.TRIAL + 1):
        tuner.begin()
        clock[0] += work * (3.0 if used[0] == slower else 1.0)
        tuner.end(work)
    tuner.begin()
    assert used == [chosen]


def test_one_thread_is_never_tried_against_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    from workers.lib import threads

    monkeypatch.setattr(torch, "set_num_threads", lambda number: pytest.fail("touched"))
    for tuner in (threads.Threads(1, torch.device("cpu")), threads.Threads(4, torch.device("cuda"))):
        tuner.begin()
        tuner.end(1)
