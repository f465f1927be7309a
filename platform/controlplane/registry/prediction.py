"""Model versions asked about every row of a dataset version's split."""

from typing import Any

from django.db import transaction
from pydantic import ValidationError

from controlplane import catalog
from controlplane.audit.services import record
from controlplane.data import services as data
from controlplane.errors import Problem
from controlplane.jobs.models import Job
from controlplane.jobs.services import create_job
from controlplane.registry import files
from controlplane.registry.evaluation import columns_of, rows_for
from controlplane.registry.models import ModelVersion, Prediction
from controlplane.registry.versions import job_folder, last_error, ref
from workers.contract.events import End
from workers.contract.orders import PredictWork


@transaction.atomic
def predict(
    *,
    version: ModelVersion,
    user: Any,
    dataset: str,
    split: str,
    columns: dict[str, str] | None = None,
    parameters: dict[str, Any] | None = None,
) -> Prediction:
    """Start asking a ready version about one split. columns: recipe role -> dataset column, None = as in training, then by name ·
    parameters: of every request, as the endpoint takes them. Raises Problem 409, 422."""
    found = rows_for(version, dataset, split)
    check_parameters(version, parameters or {})
    job = create_job(
        workspace=version.model.workspace,
        user=user,
        kind="predict",
        name=f"Predict {found} with {version}",
        work=PredictWork(
            recipe=version.recipe,
            columns=columns_of(version, found.features, columns or {}, spare=frozenset({"label"})),
            dataset=data.ref(found),
            split=split,
            model=ref(version),
            parameters=parameters or {},
        ),
        request={"model": str(version), "dataset": str(found), "split": split, "parameters": parameters or {}},
        recipe=version.recipe,
        dataset=str(found),
    )
    record(action="model.predict", target=("model", str(version)), workspace=version.model.workspace, data={"dataset": str(found)})
    prediction: Prediction = Prediction.objects.create(version=version, model=str(version), dataset=str(found), split=split, job=job)
    return prediction


def check_parameters(version: ModelVersion, parameters: dict[str, Any]) -> None:
    """The recipe's request schema judges them before anything runs. Raises Problem 422."""
    spec = catalog.recipe(version.recipe)
    if spec is None or not parameters:
        return
    try:
        spec.request.model_validate({**spec.example, "parameters": parameters})
    except ValidationError as error:
        errors = [{"loc": ["body", *map(str, each["loc"])], "msg": each["msg"]} for each in error.errors()]
        raise Problem(422, "invalid", f"{'.'.join(errors[0]['loc'][1:])}: {errors[0]['msg']}.", errors=errors) from error


@transaction.atomic
def prediction_ended(*, job: Job, end: End) -> None:
    """The predicting job's last word."""
    prediction = Prediction.objects.select_for_update().filter(job=job, state="running").first()
    if prediction is None:
        return
    result = end.result or {}
    if end.outcome == "succeeded":
        prediction.files = files.checked(result.get("files") or [], below=job_folder(job))
        prediction.size_bytes = sum(file["size"] for file in prediction.files)
        prediction.rows, prediction.unreadable = int(result.get("rows") or 0), int(result.get("unreadable") or 0)
        prediction.features = {str(name): str(kind) for name, kind in (result.get("features") or {}).items()}
        prediction.state = "ready"
    else:
        prediction.error, prediction.state = last_error(end, "prediction"), "failed"
    prediction.save()
