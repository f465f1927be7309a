"""Small real stand-ins: a `Run` on a local folder, so that a recipe can be tried without control plane, worker or network."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as parquet

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Checkpoint:
    step: int
    folder: Path
    metrics: dict[str, float]
    best: bool


class FakeRun:
    """Implements `workers.contract.recipe.Run` on `folder`; what the recipe says is kept in lists.

    rows: split -> rows with the dataset's column names · stop_after: asks to stop once this step was reported.
    """

    def __init__(
        self,
        folder: Path,
        rows: dict[str, Rows],
        columns: dict[str, str],
        *,
        classes: list[str] | None = None,
        base_model: Path | None = None,
        resume: Checkpoint | None = None,
        stop_after: int | None = None,
        threads: int = 1,
        device: str = "cpu",
        quiet: bool = True,
    ) -> None:
        self.folder, self.columns, self.classes = folder, columns, classes or []
        self.device, self.threads, self.quiet = device, threads, quiet
        self.splits = {split: len(found) for split, found in rows.items() if found}
        self.base_model = base_model
        self.resume, self.resume_step = (resume.folder, resume.step) if resume else (None, 0)
        self.model_dir, self.evaluation_dir = folder / "model", folder / "evaluation"
        self.model_dir.mkdir(parents=True)
        self.evaluation_dir.mkdir()
        self.stop_after, self.step = stop_after, 0
        self.logs: list[str] = []
        self.points: list[tuple[int, dict[str, float]]] = []
        self.samples: list[dict[str, Any]] = []
        self.checkpoints: list[Checkpoint] = []
        self.card_text = ""
        for split, found in rows.items():
            parquet.write_table(pa.Table.from_pylist(found), folder / f"{split}.parquet")

    @property
    def should_stop(self) -> bool:
        return self.stop_after is not None and self.step >= self.stop_after

    def shards(self, split: str) -> list[Path]:
        return [self.folder / f"{split}.parquet"] if split in self.splits else []

    def batches(self, split: str, size: int = 4096) -> Iterator[dict[str, list[Any]]]:
        for shard in self.shards(split):
            for batch in parquet.ParquetFile(shard).iter_batches(batch_size=size):
                values = batch.to_pydict()
                yield {role: values[column] for role, column in self.columns.items()}

    def log(self, text: str, level: str = "info") -> None:
        self.logs.append(text)
        if not self.quiet:
            print(text, flush=True)

    def metrics(self, step: int, values: dict[str, float]) -> None:
        self.points.append((step, values))

    def progress(self, step: int, total_steps: int | None, epoch: float | None = None) -> None:
        self.step = step

    def sample(self, step: int, *, title: str, prompt: str, output: str, kind: str = "text") -> None:
        self.samples.append({"step": step, "title": title, "prompt": prompt, "output": output, "kind": kind})

    def checkpoint(self, step: int, source: Path, metrics: dict[str, float], best: bool) -> None:
        target = self.folder / "checkpoints" / f"{step:08d}"
        target.parent.mkdir(exist_ok=True)
        shutil.rmtree(target, ignore_errors=True)
        source.rename(target)
        self.checkpoints.append(Checkpoint(step, target, metrics, best))

    def fresh_folder(self, name: str) -> Path:
        path = self.folder / "tmp" / name
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)
        return path

    def best_checkpoint(self) -> Path | None:
        return next((found.folder for found in reversed(self.checkpoints) if found.best), None)

    def card(self, markdown: str) -> None:
        self.card_text = markdown

    def series(self, key: str) -> dict[int, float]:
        """step -> value of one metric."""
        return {step: values[key] for step, values in self.points if key in values}
