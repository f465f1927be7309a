"""Optimising: a variant of a model version made and proved in one run. What stands in the run's model folder afterwards is the variant.

Both are asked about the same rows of one split, one row at a time and by turns, as an endpoint would be; then the recipe's own
`evaluate` measures both over the whole split. A generator continues the first half of each text by a bounded number of tokens.
"""

import time
from collections.abc import Callable
from itertools import cycle, islice
from pathlib import Path
from types import ModuleType
from typing import Any

from workers import checkpoints
from workers.contract.orders import OptimizeWork
from workers.contract.recipe import Predictor, UserError
from workers.lib import device, variants
from workers.lib.loop import Stopped
from workers.predicting import body
from workers.run import FolderRun

STAGES = 4  # made, asked, each evaluated
ROWS = 200  # asked of each, at most
SECONDS = 30.0  # for asking, at most
WARM_SECONDS = 5.0  # before that, unmeasured: the first call of each shape is slow
GENERATED = {"max_new_tokens": 32, "do_sample": False}

Part = Callable[[str], ModuleType]
Request = tuple[bytes, str]


def optimise(run: FolderRun, work: OptimizeWork, part: Part, source: Path) -> dict[str, Any]:
    """{metrics, report, reference, variant, rows, device, threads}; {} when asked to stop.

    part: `spec`, `model`, `serve` or `train` of the recipe · source: the folder of the reference.
    """
    check(run, work, part("spec").RECIPE.variants)
    device.prepare(run.device, run.threads)
    folders = {"reference": source, "variant": run.model_dir}
    try:
        make(run, work, part, source)
        found: dict[str, dict[str, Any]] = {name: {"size_bytes": checkpoints.size_of(folder)} for name, folder in folders.items()}
        for name, speed in ask_both(run, work, part, folders).items():
            found[name] |= speed
        for stage, (name, folder) in enumerate(folders.items(), 3):
            found[name]["metrics"] = evaluated(run, work, part, name, folder)
            stand_at(run, stage)
    except Stopped:
        return {}
    where = {"rows": run.splits[work.split], "device": run.device.partition(":")[0], "threads": run.threads}
    return {"metrics": found["variant"]["metrics"], "report": {}, **found, **where}


def check(run: FolderRun, work: OptimizeWork, offered: tuple[str, ...]) -> None:
    """Raises UserError `unknown_variant` or `empty_split`."""
    if work.variant not in offered:
        hint = f"Choose {' or '.join(offered)}." if offered else "Use the model as it is."
        raise UserError("unknown_variant", f"models of {work.recipe} have no variant {work.variant}", hint)
    if not run.splits.get(work.split):
        hint = f"Choose one of {', '.join(run.splits)}." if run.splits else "Choose another dataset."
        raise UserError("empty_split", f"the split {work.split} has no rows", hint, {"split": work.split})


def stand_at(run: FolderRun, stage: int) -> None:
    """One more stage is done. Raises Stopped."""
    run.progress(stage, STAGES)
    if run.should_stop:
        raise Stopped


def make(run: FolderRun, work: OptimizeWork, part: Part, source: Path) -> None:
    """Raises UserError of `variants.make`."""
    stand_at(run, 0)
    named = f"{work.model.name} v{work.model.version}" if work.model.version else work.model.name
    variants.make(part("model").opened(source), work.variant, source, run.model_dir, named)
    before, after = checkpoints.size_of(source), checkpoints.size_of(run.model_dir)
    run.log(f"{work.variant}: {after / 1e6:.1f} MB, the reference has {before / 1e6:.1f} MB")
    stand_at(run, 1)


def ask_both(run: FolderRun, work: OptimizeWork, part: Part, folders: dict[str, Path]) -> dict[str, dict[str, float]]:
    """{p50_ms, p95_ms, rows_per_second} of each."""
    predictors = {name: part("serve").load(folder, run.device, run.threads) for name, folder in folders.items()}
    requests = readable(requests_of(run, work, predictors["reference"]), predictors["reference"])
    warm_up(run, predictors, requests)
    seconds = by_turns(run, predictors, requests)
    found = {name: speed(values) for name, values in seconds.items()}
    for name, values in found.items():
        run.log(
            f"{name}: p50 {values['p50_ms']:.1f} ms, p95 {values['p95_ms']:.1f} ms, {values['rows_per_second']:.1f} rows/s"
            f" ({len(seconds[name])} rows one at a time, {run.threads} thread{'s' if run.threads > 1 else ''})"
        )
    stand_at(run, 2)
    return found


def requests_of(run: FolderRun, work: OptimizeWork, predictor: Predictor) -> list[Request]:
    """What a client would send about the first rows of the split."""
    generates = callable(getattr(predictor, "collect", None))
    found = []
    for batch in run.batches(work.split, ROWS):
        for at in range(len(next(iter(batch.values())))):
            row = {role: values[at] for role, values in batch.items()}
            if generates and isinstance(row.get("text"), str):
                row["text"] = row["text"][: len(row["text"]) // 2]
            found.append(body(row, GENERATED if generates else {}))
        if len(found) >= ROWS:
            break
    return found[:ROWS]


def readable(requests: list[Request], predictor: Predictor) -> list[Request]:
    """Those that the model can be asked. Raises UserError `no_rows`."""
    found, why = [], ""
    for request in requests:
        try:
            predictor.decode(*request)
            found.append(request)
        except UserError as problem:
            why = why or problem.message
    if not found:
        hint = "Check that the columns are those the model was trained on."
        raise UserError("no_rows", f"the model can read none of the first {len(requests)} rows: {why}", hint)
    return found


def warm_up(run: FolderRun, predictors: dict[str, Predictor], requests: list[Request]) -> None:
    end = time.monotonic() + WARM_SECONDS
    for request in requests:
        for predictor in predictors.values():
            ask(predictor, request)
        if run.should_stop or time.monotonic() > end:
            return


def by_turns(run: FolderRun, predictors: dict[str, Predictor], requests: list[Request]) -> dict[str, list[float]]:
    """Seconds of each answer. Who is asked first changes from row to row. Raises Stopped."""
    seconds: dict[str, list[float]] = {name: [] for name in predictors}
    order, end = list(predictors), time.monotonic() + SECONDS
    for request in islice(cycle(requests), ROWS):
        for name in order:
            seconds[name].append(ask(predictors[name], request))
        order.reverse()
        if run.should_stop:
            raise Stopped
        if time.monotonic() > end:
            break
    return seconds


def ask(predictor: Predictor, request: Request) -> float:
    """Seconds from a request's bytes to its answer."""
    started = time.perf_counter()
    items, single = predictor.decode(*request)
    predictor.encode(predictor.predict(items), single)
    return time.perf_counter() - started


def speed(seconds: list[float]) -> dict[str, float]:
    ordered, count = sorted(seconds), len(seconds)
    p50, p95 = (ordered[min(count - 1, count * share // 100)] * 1000 for share in (50, 95))
    return {"p50_ms": round(p50, 3), "p95_ms": round(p95, 3), "rows_per_second": round(count / sum(seconds), 3)}


def evaluated(run: FolderRun, work: OptimizeWork, part: Part, name: str, folder: Path) -> dict[str, float]:
    """The recipe's own metrics over the whole split. Raises Stopped."""
    metrics: dict[str, float] = part("train").evaluate(run, work.split, folder)["metrics"]
    run.log(f"{name}: " + " · ".join(f"{key.removeprefix('test/')} {value:.4f}" for key, value in metrics.items()))
    return metrics
