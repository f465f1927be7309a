"""What `train(run, spec)` is given: the `Run` of `workers/contract/recipe.py`, on files only. It has no network and no secret."""

import math
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from workers import checkpoints
from workers.contract.names import MiB
from workers.contract.orders import EvaluateWork, OptimizeWork, Order, PredictWork, TrainWork
from workers.contract.recipe import UserError
from workers.events import EventWriter
from workers.folder import RunFolder, read_json
from workers.storage import DiskFull, require_room

SAMPLE_MAX = 256 * 1024
PROGRESS_SECONDS = 0.1
DISK_WAIT_SECONDS = 3600.0


class FolderRun:
    """One run of a recipe in its run folder. Safe to use from several threads of the child."""

    def __init__(self, folder: RunFolder, order: Order) -> None:
        work = order.work
        if not isinstance(work, TrainWork | EvaluateWork | OptimizeWork | PredictWork):
            raise TypeError(f"an order of kind {work.kind} has no run")
        self._folder, self._work = folder, work
        self.folder, self.model_dir, self.evaluation_dir = folder.path, folder.model, folder.evaluation
        self.device, self.threads = order.device, order.threads
        self.columns = work.columns
        self.classes = work.dataset.classes.get(work.columns.get("label", ""), [])
        self.splits = {split: rows for split, rows in work.dataset.rows.items() if rows}
        self.base_model = self._input("base_model")
        self.resume = self._input("resume")
        self.resume_step = work.resume.step if isinstance(work, TrainWork) and work.resume and self.resume else 0
        self.last_metrics: dict[str, float] = {}
        self.card_text = ""
        self.stop_asked = threading.Event()
        self._events = EventWriter(folder.path)
        self._first: tuple[float, int] | None = None
        self._progress_due = 0.0

    def _input(self, name: str) -> Path | None:
        path = self._folder.inputs / name
        return path if path.is_dir() else None

    @property
    def should_stop(self) -> bool:
        """Set by SIGTERM here, or by the flag file, which processes forked from this one see too."""
        return self.stop_asked.is_set() or self._folder.stop.exists()

    def shards(self, split: str) -> list[Path]:
        refs = self._work.dataset.splits.get(split, [])
        return [Path(ref.path) for ref in refs if ref.path]

    def batches(self, split: str, size: int = 4096) -> Iterator[dict[str, list[Any]]]:
        import pyarrow.parquet as parquet

        roles = {role: column for role, column in self.columns.items() if column}
        names = sorted(set(roles.values()))
        for shard in self.shards(split):
            with parquet.ParquetFile(shard, memory_map=True) as file:
                for batch in file.iter_batches(batch_size=size, columns=names):
                    values = batch.to_pydict()
                    yield {role: values[column] for role, column in roles.items()}

    def log(self, text: str, level: str = "info") -> None:
        for line in text.splitlines() or [""]:
            self._events.emit("log", {"level": level, "text": line})

    def metrics(self, step: int, values: dict[str, float]) -> None:
        """Non-finite values travel as null."""
        finite = {key: float(value) for key, value in values.items() if math.isfinite(value)}
        self.last_metrics.update(finite)
        self._events.emit("metric", {"step": int(step), "values": {key: finite.get(key) for key in values}})

    def progress(self, step: int, total_steps: int | None, epoch: float | None = None) -> None:
        now = time.monotonic()
        if now < self._progress_due and step != total_steps:
            return
        self._progress_due = now + PROGRESS_SECONDS
        if self._first is None or step < self._first[1]:
            self._first = (now, step)
        done, left = step - self._first[1], (total_steps or step) - step
        eta = (now - self._first[0]) / done * left if done and total_steps else None
        self._events.emit("progress", {"step": int(step), "total_steps": total_steps, "epoch": epoch, "eta_seconds": eta})

    def sample(self, step: int, *, title: str, prompt: str, output: str, kind: str = "text") -> None:
        """An image is a data URI of at most 256 KiB; longer text is cut."""
        if len(output) > SAMPLE_MAX:
            if kind not in ("text", "table"):
                self.log(f"the sample “{title}” of step {step} is over 256 KiB and was left out", "warning")
                return
            output = output[:SAMPLE_MAX] + "…"
        self._events.emit("sample", {"step": int(step), "kind": kind, "title": title, "prompt": prompt[:SAMPLE_MAX], "output": output})

    def checkpoint(self, step: int, source: Path, metrics: dict[str, float], best: bool) -> None:
        """See the contract. A full disk is waited out, for as long as nobody asks to stop; then UserError `disk_full`."""
        clean = {key: float(value) for key, value in metrics.items() if math.isfinite(value)}
        self._wait_for_room(source)
        folder = checkpoints.take_over(source, self._folder.checkpoints, step, clean, best)
        data = {"step": int(step), "metrics": clean, "best": best, "folder": folder.relative_to(self.folder).as_posix()}
        self._events.emit("checkpoint", data)
        checkpoints.prune(self._folder.checkpoints)

    def _wait_for_room(self, source: Path) -> None:
        end = time.monotonic() + DISK_WAIT_SECONDS
        told = False
        while True:
            try:
                return require_room(self._folder.checkpoints, min(checkpoints.size_of(source), 64 * MiB))
            except DiskFull as full:
                if not told:
                    self.log(f"paused: disk full; {full.needed} bytes needed, {full.free} bytes free", "error")
                    told = True
                if self.should_stop or time.monotonic() > end:
                    hint = "Free space on the worker host, then resume the job."
                    raise UserError("disk_full", f"{full.needed} bytes needed, {full.free} bytes free", hint) from full
            time.sleep(2)

    def best_checkpoint(self) -> Path | None:
        """The best of this attempt; else the best of those before it; else the one it resumed from, if that was the best."""
        best = checkpoints.best_of(self._folder.checkpoints) or self._input("best")
        if best is None and self.resume and (read_json(self.resume / checkpoints.MANIFEST) or {}).get("best"):
            return self.resume
        return best

    def card(self, markdown: str) -> None:
        self.card_text = markdown

    def fresh_folder(self, name: str) -> Path:
        """An empty folder on the run's disk to build a checkpoint in."""
        path = self._folder.tmp / name
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)
        return path
