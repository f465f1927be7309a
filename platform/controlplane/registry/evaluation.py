"""Model versions measured on dataset versions."""

from typing import Any

from django.db import transaction

from controlplane import catalog
from controlplane.data import services as data
from controlplane.data.models import DatasetVersion
from controlplane.errors import Problem, nearest
from controlplane.jobs.models import Job
from controlplane.jobs.services import create_job
from controlplane.registry import files
from controlplane.registry.models import Evaluation, ModelVersion
from controlplane.registry.versions import finite, job_folder, last_error, ref, require_ready, wrong
from workers.contract.events import End
from workers.contract.orders import EvaluateWork
from workers.contract.states import VersionState

REPORT_FILE, ANSWERS_FILE = "evaluation.json", "answers.parquet"


@transaction.atomic
def evaluate(*, version: ModelVersion, user: Any, dataset: str, split: str, columns: dict[str, str] | None = None) -> Evaluation:
    """Start measuring a ready version on one split. columns: recipe role -> dataset column, None = as in training, then by name.

    Raises Problem 409, 422.
    """
    found = rows_for(version, dataset, split)
    evaluation = Evaluation.objects.create(version=version, dataset=str(found), split=split)
    evaluation.job = create_job(
        workspace=version.model.workspace,
        user=user,
        kind="evaluate",
        name=f"Evaluate {version} on {found}",
        work=EvaluateWork(
            recipe=version.recipe,
            columns=columns_of(version, found.features, columns or {}),
            dataset=data.ref(found),
            split=split,
            model=ref(version),
        ),
        request={"model": str(version), "dataset": str(found), "split": split},
        recipe=version.recipe,
        dataset=str(found),
    )
    evaluation.save(update_fields=["job"])
    return evaluation


def rows_for(version: ModelVersion, dataset: str, split: str) -> DatasetVersion:
    """The ready dataset version whose split a ready model version is to see. Raises Problem 409, 422."""
    require_ready(version)
    found = data.find_version(version.model.workspace, dataset)
    if found.state != VersionState.READY:
        raise Problem(409, "dataset_not_ready", f"The dataset {found} is {found.state}.", "Wait until it is ready.")
    if not found.splits.get(split):
        raise wrong("split", "empty_split", f"{found} has no rows in the split `{split}`.", nearest(split, list(found.splits)))
    return found


@transaction.atomic
def evaluation_ended(*, job: Job, end: End) -> None:
    """The evaluating job's last word."""
    evaluation = Evaluation.objects.select_for_update().filter(job=job, state="running").first()
    if evaluation is None:
        return
    result = end.result or {}
    if end.outcome == "succeeded":
        evaluation.metrics = {str(key)[:200]: finite(value) for key, value in (result.get("metrics") or {}).items()}
        evaluation.report, evaluation.state = result.get("report") or {}, "ready"
        evaluation.files = answers_of(job, result)
        evaluation.size_bytes = sum(file["size"] for file in evaluation.files)
    else:
        evaluation.error, evaluation.state = last_error(end, "evaluation"), "failed"
    evaluation.save()


def answers_of(job: Job, result: dict[str, Any]) -> list[dict[str, Any]]:
    """The stored file of a measuring job's answers to every row; none of a recipe that has no classes."""
    stored = files.checked(result["answers"], below=job_folder(job)) if result.get("answers") else []
    return [file for file in stored if file["name"] == ANSWERS_FILE]


def keep_own(version: ModelVersion, result: dict[str, Any]) -> None:
    """What training measured on its held-out split, as the version's first evaluation. A model without a report has none."""
    report = files.read_json(version.files, REPORT_FILE)
    if not report.get("split") or not version.lineage.get("dataset") or version.job is None:
        return
    stored = answers_of(version.job, result)
    measured = {key: value for key, value in version.metrics.items() if key.startswith("test/")}
    Evaluation.objects.create(
        version=version,
        dataset=version.lineage["dataset"],
        split=str(report["split"])[:63],
        job=version.job,
        state="ready",
        metrics=measured,
        report=report,
        files=stored,
        size_bytes=sum(file["size"] for file in stored),
    )


def columns_of(
    version: ModelVersion, features: dict[str, str], asked: dict[str, str], spare: frozenset[str] = frozenset()
) -> dict[str, str]:
    """Role -> column: as asked, else as in training, else the column that bears the role's name. Raises Problem 422.

    spare: roles that may be missing all the same.
    """
    spec = catalog.recipe(version.recipe)
    trained = version.lineage.get("columns") or {}
    used: dict[str, str] = {}
    errors: list[dict[str, Any]] = []
    for role, column in (spec.columns if spec else {}).items():
        name = next((each for each in (asked.get(role), trained.get(role), role) if each and each in features), None)
        if name is not None and features[name] in column.types:
            used[role] = name
        elif column.required and role not in spare:
            fitting = [each for each, kind in features.items() if kind in column.types]
            errors.append({"loc": ["body", "columns", role], "msg": f"Name a column for {column.title.en}.", "candidates": fitting})
    if errors:
        raise Problem(422, "columns", "These columns do not fit the recipe.", "Name them in `columns`.", errors)
    return used
