"""What does not stop a job but misleads it or its reader: columns that hold no text, equal texts with other labels, test rows in training,
too few steps."""

import logging
from math import ceil
from typing import Any

from controlplane.data import preview
from controlplane.data.models import DatasetVersion
from controlplane.errors import Problem
from workers.contract.recipe import Spec

logger = logging.getLogger(__name__)

TEXTS = ("text", "category")
NEARLY = 0.95  # of the rows
ROWS = 20  # fewer say nothing about a column
STEPS = 100  # of the optimiser; below it a model has hardly begun to learn
EPOCHS = 50  # the most that are offered

Doubt = dict[str, Any]  # code, message, fix (in words), places


def of_data(version: DatasetVersion, columns: dict[str, str]) -> list[Doubt]:
    """Of the columns that were chosen; what preparing found over all columns stands in where these cannot be looked through."""
    inputs = [name for role, name in columns.items() if role != "label" and version.features.get(name) in TEXTS]
    whole = len(inputs) == len(columns) - ("label" in columns)
    found = looked(version, inputs, columns.get("label")) if inputs and whole else {}
    health = version.statistics.get("health") or {}
    out: list[Doubt] = []
    if (rows := found.get("rows", 0)) >= ROWS and min(found["distinct"], found["codes"]) >= NEARLY * rows:
        role = next(role for role, name in columns.items() if name == inputs[0])
        message = f"Column {inputs[0]!r} holds a code of its own in every row, no text."
        place = {"loc": ["body", "columns", role], "role": role, "column": inputs[0]}
        out.append({"code": "like_id", "message": message, "fix": "Choose the column that holds the text.", "places": [place]})
    if conflicts := found.get("conflicts", 0 if found else health.get("conflicts") or 0):
        message = f"{conflicts} inputs carry two labels."
        out.append({"code": "conflicts", "message": message, "fix": "The model learns both.", "places": [{"rows": conflicts}]})
    if leaked := max(found.get("leaked", 0), health.get("leakage") or 0):
        hint = "Scores on test would look better than they are."
        out.append({"code": "leakage", "message": f"{leaked} rows are also in test.", "fix": hint, "places": [{"rows": leaked}]})
    return out


def looked(version: DatasetVersion, inputs: list[str], label: str | None) -> dict[str, int]:
    """What the columns are like together; nothing while they cannot be read, for a form is not kept waiting by a doubt."""
    try:
        return preview.pairs(version, inputs, label)
    except Problem as problem:
        logger.warning("columns of %s were not looked through: %s", version, problem.detail)
        return {}


def of_steps(version: DatasetVersion, spec: type[Spec], params: dict[str, Any]) -> list[Doubt]:
    """Too few steps on few rows. Only where a row is an example: texts that are packed into blocks say nothing by their rows."""
    if "label" not in spec.columns or not params.get("epochs") or not params.get("batch_size") or not version.splits.get("train"):
        return []
    each = ceil(version.splits["train"] / (params["batch_size"] * (params.get("gradient_accumulation_steps") or 1)))
    total = each * params["epochs"]
    most = params.get("max_steps") or 0
    if total >= STEPS or 0 < most <= total:
        return []
    place = {"loc": ["body", "params", "epochs"], "steps": total, "epochs": max(params["epochs"], min(EPOCHS, ceil(STEPS / each)))}
    return [{"code": "few_steps", "message": f"Only {total} steps of training.", "fix": "Train for more epochs.", "places": [place]}]
