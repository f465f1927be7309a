"""Which measurement of a version a page shows, and which one of the version before it is set against."""

from typing import Any

from django.http import Http404

from controlplane.registry import files
from controlplane.registry.evaluation import REPORT_FILE
from controlplane.registry.models import Evaluation, ModelVersion
from workers.contract.states import VersionState

SHOWN = 20


def ended_well(version: ModelVersion) -> list[Evaluation]:
    """What was measured, the newest first, without the reports."""
    rows = version.evaluations.filter(state="ready").select_related("job", "version__model__workspace")
    return list(rows.defer("report", "version__card", "version__edited_card").order_by("-created_at", "-pk")[:200])


def is_own(evaluation: Evaluation) -> bool:
    """Whether the job that trained the version measured it."""
    return evaluation.pk is None or (evaluation.job_id is not None and evaluation.job_id == evaluation.version.job_id)


def chosen(version: ModelVersion, asked: str = "") -> Evaluation | None:
    """The evaluation with this id; else the training's own; else the newest with a confusion matrix. Raises Http404 for an unknown id."""
    rows = ended_well(version)
    if asked:
        found = next((row for row in rows if str(row.pk) == asked), None)
        if found is None:
            raise Http404
        return found
    own = next(filter(is_own, rows), None) or _of_its_files(version)
    return own or next((row for row in rows if "confusion_matrix" in row.report), None)


def _of_its_files(version: ModelVersion) -> Evaluation | None:
    """The report a version brought along: made before reports were kept as evaluations, or by another installation."""
    report = files.read_json(version.files, REPORT_FILE) if any(file["name"] == REPORT_FILE for file in version.files) else {}
    dataset, split = str(version.lineage.get("dataset") or ""), str(report.get("split") or "")
    return Evaluation(version=version, dataset=dataset, split=split, state="ready", report=report) if report else None


def metrics_of(version: ModelVersion, evaluation: Evaluation | None) -> dict[str, Any]:
    """The figures to show: those of the evaluation, and of a training everything it measured."""
    found: dict[str, Any] = version.metrics if evaluation is None or is_own(evaluation) else evaluation.metrics
    return found


def version_before(version: ModelVersion) -> ModelVersion | None:
    rows = version.model.versions.filter(version__lt=version.version, state=VersionState.READY).select_related("model__workspace", "job")
    return rows.order_by("-version").first()


def before(evaluation: Evaluation | None, previous: ModelVersion | None) -> Evaluation | None:
    """What the version before is compared by: the same rows, or training's own measurement beside training's own."""
    if evaluation is None or previous is None:
        return None
    place = (evaluation.dataset, evaluation.split)
    same = next((row for row in ended_well(previous) if (row.dataset, row.split) == place), None)
    return same or (chosen(previous) if is_own(evaluation) else None)
