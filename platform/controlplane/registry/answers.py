"""The answer to each row an evaluation measured: one cell of its confusion matrix, page by page, with what stands in the rows."""

from dataclasses import dataclass
from typing import Any

from controlplane.data import preview
from controlplane.data.models import DatasetVersion
from controlplane.data.services import find_version
from controlplane.errors import Problem
from controlplane.registry.models import Evaluation

FEATURES = {"row": "integer", "actual": "text", "predicted": "text", "score": "number"}
TEXT_SHOWN = 1000  # characters


@dataclass(frozen=True)
class Cell:
    """Which rows: of this class, taken for that one; empty = of any."""

    actual: str = ""
    predicted: str = ""

    @property
    def filters(self) -> list[Any]:
        wanted = {"actual": self.actual, "predicted": self.predicted}
        return [[name, "eq", value] for name, value in wanted.items() if value]


def answers(evaluation: Evaluation, cell: Cell, *, offset: int, limit: int) -> dict[str, Any]:
    """{items: [{row, actual, predicted, score}], total, next_offset}, the surest first. Raises Problem 404 when they were not kept."""
    if not evaluation.files:
        detail = "The answer to each row of this evaluation was not kept."
        raise Problem(404, "not_found", detail, "Evaluate the version on this split once more.")
    found = preview.stored(evaluation.files[0]["uri"], FEATURES, offset=offset, limit=limit, filters=cell.filters)
    items = [item["values"] | {"score": round(item["values"]["score"], 6)} for item in found["items"]]
    return {**found, "items": items}


def dataset_of(evaluation: Evaluation) -> DatasetVersion | None:
    """The dataset version it measured on, if its split is still there."""
    try:
        found = find_version(evaluation.version.model.workspace, evaluation.dataset)
    except Problem:
        return None
    return found if evaluation.split in found.shards else None


def with_inputs(evaluation: Evaluation, dataset: DatasetVersion, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows with what the model was asked: `text`, or the `image` to show; as they are where there is neither."""
    columns = columns_asked(evaluation)
    text, image = (columns.get(role, "") for role in ("text", "image"))
    numbers = [row["row"] for row in rows]
    if dataset.features.get(image) == "image":
        return [{**row, "image": preview.cell_path(dataset, evaluation.split, row["row"], image)} for row in rows]
    if text in dataset.features and numbers:
        texts = preview.texts(dataset, split=evaluation.split, rows=numbers, column=text, length=TEXT_SHOWN)
        return [{**row, "text": found} for row, found in zip(rows, texts, strict=True)]
    return rows


def columns_asked(evaluation: Evaluation) -> dict[str, str]:
    """Recipe role -> dataset column, as the measuring job had it; as in training where that job is gone."""
    asked = evaluation.job.work.get("columns") if evaluation.job else None
    return asked or evaluation.version.lineage.get("columns") or {}
