"""Recipes that need no library, for real processes in tests: put in the place of the index before a zygote is run.

`python -m tests.workers.toys` is a zygote that knows nothing but these; the door's address, the home and the join token come from the
environment.
"""

import json
import os
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

from workers.contract.orders import Order
from workers.contract.recipe import Item, Run, Spec, UserError, Words

GIB = 1024**3


class StepsSpec(Spec):
    """Counts steps and does on the way what a test asks for."""

    recipe: ClassVar[str] = "toy/steps"
    title: ClassVar[Words] = Words("Steps", "步")
    summary: ClassVar[Words] = Words("Counts", "计数")
    columns: ClassVar[dict] = {}
    formats: ClassVar[tuple[str, ...]] = ()
    presets: ClassVar[dict] = {}
    example: ClassVar[dict[str, Any]] = {"inputs": "a"}
    main_metric: ClassVar[str] = "train/loss"
    response: ClassVar[Any] = list[list[dict[str, Any]]]
    steps: int = 3
    seconds: float = 0.0  # of each step
    lines: int = 1  # printed in each step
    every: int = 0  # a checkpoint each so many steps
    allocate: int = 0  # MiB, held
    stubborn: bool = False  # does not obey a polite stop
    fail: str = ""  # user | crash | segv | memory
    offspring: bool = False  # leaves a process behind


def train(run: Run, spec: StepsSpec) -> dict[str, float]:
    held = bytearray(spec.allocate << 20) if spec.allocate else b""
    for index in range(0, len(held), 4096):
        held[index] = 1
    if spec.offspring and os.fork() == 0:
        time.sleep(600)
    start = run.resume_step
    for step in range(start + 1, spec.steps + 1):
        if run.should_stop and not spec.stubborn:
            save(run, step - 1)
            return {}
        for line in range(spec.lines):
            print(f"step {step} line {line}")
        run.metrics(step, {"train/loss": 1.0 / step})
        run.progress(step, spec.steps)
        if spec.every and step % spec.every == 0:
            save(run, step)
        time.sleep(spec.seconds)
    misbehave(spec.fail)
    (run.model_dir / "config.json").write_text(json.dumps({"steps": spec.steps, "resumed": start}))
    run.card("A toy.")
    return {"test/steps": float(spec.steps)}


def save(run: Run, step: int) -> None:
    folder = run.fresh_folder("checkpoint")
    (folder / "state.json").write_text(json.dumps({"step": step}))
    (folder / "model").mkdir()
    (folder / "model" / "config.json").write_text("{}")
    run.checkpoint(step, folder, {"eval/loss": 1.0 / step} if step else {}, best=False)


def misbehave(how: str) -> None:
    if how == "user":
        raise UserError("bad_label", "a label is unknown", "Add it.", {"row": 3})
    if how == "crash":
        raise RuntimeError("it broke")
    if how == "segv":
        os.kill(os.getpid(), 11)
    if how == "memory":
        bytearray(1 << 50)


class Predictor:
    """Answers with lengths; slow and failing on demand: `parameters: {seconds, fail}`."""

    def decode(self, body: bytes, content_type: str) -> tuple[list[Item], bool]:
        try:
            value = json.loads(body)
        except ValueError as error:
            raise UserError("bad_json", f"not JSON: {error}") from error
        inputs, options = value["inputs"], value.get("parameters") or {}
        rows = inputs if isinstance(inputs, list) else [inputs]
        return [Item(text, len(text), options) for text in rows], not isinstance(inputs, list)

    def predict(self, items: list[Item]) -> list[Any]:
        time.sleep(max(item.options.get("seconds", 0.0) for item in items))
        if any(item.options.get("fail") for item in items):
            raise RuntimeError("cannot")
        return [[{"label": "length", "score": float(len(item.value)), "rows": len(items)}] for item in items]

    def encode(self, results: list[Any], single: bool) -> Any:
        return results

    def stream(self, item: Item) -> Any:
        for index in range(int(item.options.get("pieces", 3))):
            time.sleep(item.options.get("seconds", 0.0))
            yield f"{index} "
        return {"finish_reason": "stop", "output_tokens": int(item.options.get("pieces", 3))}


def load(folder: Path, device: str, threads: int) -> Predictor:
    config = json.loads((folder / "config.json").read_text())
    if config.get("hangs"):
        time.sleep(600)
    if config.get("broken"):
        raise ValueError("weights are missing")
    return Predictor()


def install() -> None:
    """Stand in for `workers.recipes` in this process and all it forks."""
    index, folder, trainer, server = (ModuleType(f"workers.recipes{name}") for name in ("", ".toy", ".toy.train", ".toy.serve"))
    index.RECIPES, index.FOLDER_OF, index.__path__ = {"toy/steps": StepsSpec}, {"toy/steps": "toy"}, []  # type: ignore[attr-defined]
    folder.__path__ = []
    trainer.train, server.load = train, load  # type: ignore[attr-defined]
    for module in (index, folder, trainer, server):
        sys.modules[module.__name__] = module


def order_of(job: str, *, attempt: int = 1, dataset: dict[str, Any] | None = None, **params: Any) -> Order:
    """An order to train `toy/steps`; `resources`, `resume` and `network` may be among the params."""
    outer = {key: params.pop(key) for key in ("resources", "network") if key in params}
    inner = {key: params.pop(key) for key in ("resume", "fallback", "best") if key in params}
    empty = {"name": "d", "version": 1, "features": {}, "splits": {}, "rows": {}}
    work = {"kind": "train", "recipe": "toy/steps", "params": params, "columns": {}, "dataset": dataset or empty, **inner}
    return Order.model_validate({"workspace": "team", "job": job, "attempt": attempt, "work": work, **outer})


def main() -> None:
    import logging

    install()
    from workers import shepherd, zygote

    zygote.PRELOAD = ()
    shepherd.LOAD_SECONDS = 5.0
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    zygote.Zygote(os.environ.pop("SLIPWAY_JOIN_TOKEN")).run()


if __name__ == "__main__":
    main()
