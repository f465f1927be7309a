"""REST of models: bring, list, read, download, measure, delete; their variants are in variants_api.py."""

from typing import Any, Literal

from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils.http import content_disposition_header
from ninja import Query, Router, Schema
from ninja.responses import Status
from pydantic import Field

from controlplane.data import exports
from controlplane.data.preview import on_disk
from controlplane.errors import Problem, not_found
from controlplane.jobs.models import Job
from controlplane.jobs.schemas import job_json
from controlplane.limits import limit
from controlplane.paging import ListQuery, listing
from controlplane.registry import cards, download, services
from controlplane.registry.answers import Cell
from controlplane.registry.cards import CARD_MAX
from controlplane.registry.models import Model, ModelVersion, Prediction
from controlplane.registry.quality import MOST
from controlplane.registry.schemas import evaluation_json, files_json, model_json, prediction_json, version_json, with_variants
from controlplane.workspaces.access import needs
from workers.contract.orders import Hub

router = Router(tags=["models"])


class ModelList(ListQuery):
    task: str | None = Field(None, max_length=100)


class BringIn(Schema):
    """A model somebody brings: one uploaded archive, or a hub id and where it is fetched from."""

    model_config = {"extra": "forbid"}
    name: str = Field(max_length=1000)
    task: str = Field(max_length=100)
    title: str = Field("", max_length=1000)
    uploads: list[str] | None = Field(None, max_length=10)
    hub_id: str | None = Field(None, max_length=200)
    hub: Hub = "huggingface"


class EvaluateIn(Schema):
    """What to measure on. columns: recipe role -> dataset column, null = as in training, then by name."""

    model_config = {"extra": "forbid"}
    dataset: str = Field(max_length=100)
    split: str = Field("test", max_length=63)
    columns: dict[str, str] | None = Field(None, max_length=100)


class PredictIn(Schema):
    """What to ask about. columns: recipe role -> dataset column, null = as in training, then by name · parameters: of every request."""

    model_config = {"extra": "forbid"}
    dataset: str = Field(max_length=100)
    split: str = Field("test", max_length=63)
    columns: dict[str, str] | None = Field(None, max_length=100)
    parameters: dict[str, Any] | None = Field(None, max_length=50)


class ModelChange(Schema):
    """quality_limit: what the recipe's main metric of a variant has to reach on the held-out split, null = 99 % of what its version
    reaches (101 % of a metric that is better the smaller it is)."""

    model_config = {"extra": "forbid"}
    quality_limit: float | None = Field(ge=0, le=MOST, allow_inf_nan=False)


class CardIn(Schema):
    """card: Markdown that is shown and downloaded in place of the generated card; null = the generated one again."""

    model_config = {"extra": "forbid"}
    card: str | None = Field(max_length=CARD_MAX)


class AnswerQuery(Schema):
    """Which rows: of the class `actual`, taken for `predicted`; left out = of any."""

    actual: str = Field("", max_length=1000)
    predicted: str = Field("", max_length=1000)
    offset: int = Field(0, ge=0, le=2**53)
    limit: int = Field(limit("page_default"), ge=1, le=limit("page"))


class ResultQuery(Schema):
    format: Literal["parquet", "csv", "jsonl"] = "parquet"


def visible(request: HttpRequest) -> "QuerySet[Model]":
    rows: QuerySet[Model] = Model.objects.visible_to(request.user).filter(workspace=request.workspace)  # type: ignore[attr-defined]
    return rows.select_related("created_by")


def with_versions(rows: "QuerySet[Model]") -> "QuerySet[Model]":
    versions = ModelVersion.objects.select_related("model", "job", "created_by").prefetch_related(with_variants()).order_by("-version")
    return rows.prefetch_related(Prefetch("versions", versions, to_attr="newest_first"))


def the_model(request: HttpRequest, name: str) -> Model:
    model = with_versions(visible(request)).filter(name=name).first()
    if model is None:
        raise not_found("model")
    return model


def the_version(request: HttpRequest, name: str, number: int) -> ModelVersion:
    rows = ModelVersion.objects.filter(model__in=Model.objects.visible_to(request.user).filter(workspace=request.workspace, name=name))  # type: ignore[attr-defined]
    version = rows.filter(version=number).select_related("model__workspace", "job", "created_by").first() if number < 2**31 else None
    if version is None:
        raise not_found("model version")
    return version


def show(model: Model) -> dict[str, Any]:
    return model_json(model, model.newest_first)  # type: ignore[attr-defined]


@router.post("/models", summary="Import a model", response={202: Any})
@needs("editor", scope="write")
def bring(request: HttpRequest, response: HttpResponse, ws: str, body: BringIn) -> Any:
    version = services.bring_model(workspace=request.workspace, user=request.user, **body.dict())  # type: ignore[attr-defined]
    response["Location"] = f"/api/v1/workspaces/{ws}/models/{version.model.name}/versions/{version.version}"
    return Status(202, version_json(version))


@router.get("/models", summary="List models")
@needs("viewer", scope="read")
def list_models(request: HttpRequest, ws: str, query: Query[ModelList]) -> Any:
    rows = with_versions(visible(request))
    if query.task:
        rows = rows.filter(task=query.task)
    if query.state:
        rows = rows.filter(versions__state=query.state).distinct()
        query.state = None
    sorts = {"created_at": "created_at", "name": "name", "task": "task"}
    return listing(rows, query, show=show, sorts=sorts, search=["name", "title", "task"])


@router.get("/models/{name}", summary="One model with its versions")
@needs("viewer", scope="read")
def get_model(request: HttpRequest, ws: str, name: str) -> Any:
    return show(the_model(request, name))


@router.patch("/models/{name}", summary="Set how good the variants of a model have to be")
@needs("editor", scope="write")
def change_model(request: HttpRequest, ws: str, name: str, body: ModelChange) -> Any:
    services.set_quality_limit(model=the_model(request, name), limit=body.quality_limit)
    return show(the_model(request, name))


@router.delete("/models/{name}", summary="Delete a model with all its versions", response={204: None})
@needs("editor", scope="write")
def delete_model(request: HttpRequest, ws: str, name: str) -> Any:
    services.delete_model(model=the_model(request, name))
    return Status(204, None)


@router.get("/models/{name}/versions", summary="The versions of a model, newest first")
@needs("viewer", scope="read")
def list_versions(request: HttpRequest, ws: str, name: str, query: Query[ListQuery]) -> Any:
    rows = ModelVersion.objects.filter(model=the_model(request, name)).select_related("model", "job", "created_by")
    rows = rows.prefetch_related(with_variants())
    sorts = {"created_at": "created_at", "version": "version"}
    states: tuple[Literal["importing", "ready", "failed"], ...] = ("importing", "ready", "failed")
    return listing(rows, query, show=version_json, sorts=sorts, default="-version", states=states)


@router.get("/models/{name}/versions/{n}", summary="One version")
@needs("viewer", scope="read")
def get_version(request: HttpRequest, ws: str, name: str, n: int) -> Any:
    return version_json(the_version(request, name, n))


@router.patch("/models/{name}/versions/{n}", summary="Edit the card of a version")
@needs("editor", scope="write")
def edit_version(request: HttpRequest, ws: str, name: str, n: int, body: CardIn) -> Any:
    """Nothing else of a version can change. `files/README.md` is the card as it is shown."""
    return version_json(services.edit_card(version=the_version(request, name, n), user=request.user, card=body.card))


@router.delete("/models/{name}/versions/{n}", summary="Delete a version nothing uses", response={204: None})
@needs("editor", scope="write")
def delete_version(request: HttpRequest, ws: str, name: str, n: int) -> Any:
    services.delete_version(version=the_version(request, name, n))
    return Status(204, None)


@router.get("/models/{name}/versions/{n}/files", summary="The files of a version")
@needs("viewer", scope="read")
def list_files(request: HttpRequest, ws: str, name: str, n: int) -> Any:
    version = the_version(request, name, n)
    base = f"/api/v1/workspaces/{ws}/models/{name}/versions/{n}/files"
    return files_json(cards.listed(version), base)


@router.get("/models/{name}/versions/{n}/files/{path:file}", summary="Download one file by its exact name")
@needs("viewer", scope="read")
def get_file(request: HttpRequest, ws: str, name: str, n: int, file: str) -> StreamingHttpResponse:
    version = the_version(request, name, n)
    found = next((each for each in cards.listed(version) if each["name"] == file), None)
    if found is None:
        raise not_found("file")
    return download.answer(request, found, version.shown_card.encode() if file == cards.README else None)


@router.post("/models/{name}/versions/{n}/evaluations", summary="Measure a version on a dataset", response={202: Any})
@needs("editor", scope="write")
def evaluate(request: HttpRequest, response: HttpResponse, ws: str, name: str, n: int, body: EvaluateIn) -> Any:
    evaluation = services.evaluate(version=the_version(request, name, n), user=request.user, **body.dict())
    job = evaluation.job
    response["Location"] = f"/api/v1/workspaces/{ws}/jobs/{job.number}" if job else ""
    return Status(202, job_json(job) if job else None)


@router.get("/models/{name}/versions/{n}/evaluations", summary="What was measured")
@needs("viewer", scope="read")
def list_evaluations(request: HttpRequest, ws: str, name: str, n: int) -> Any:
    rows = the_version(request, name, n).evaluations.select_related("job", "version__model__workspace").order_by("-created_at", "-pk")[:200]
    return {"items": [evaluation_json(row) for row in rows], "next": None}


@router.get("/models/{name}/versions/{n}/evaluations/{id}/answers", summary="The answer to each row that was measured")
@needs("viewer", scope="read")
def list_answers(request: HttpRequest, ws: str, name: str, n: int, id: str, query: Query[AnswerQuery]) -> Any:
    """The rows of one cell of the confusion matrix, of one class, or all; the surest first. `row` is the place in the split."""
    rows = the_version(request, name, n).evaluations
    found = rows.filter(pk=int(id)).first() if id.isdecimal() and len(id) < 19 else None
    if found is None:
        raise not_found("evaluation")
    return services.answers(found, Cell(query.actual, query.predicted), offset=query.offset, limit=query.limit)


@router.post("/models/{name}/versions/{n}/predictions", summary="Ask a version about every row of a dataset", response={202: Any})
@needs("editor", scope="write")
def predict(request: HttpRequest, response: HttpResponse, ws: str, name: str, n: int, body: PredictIn) -> Any:
    prediction = services.predict(version=the_version(request, name, n), user=request.user, **body.dict())
    response["Location"] = f"/api/v1/workspaces/{ws}/jobs/{prediction.job.number}"
    return Status(202, job_json(prediction.job))


@router.get("/models/{name}/versions/{n}/predictions", summary="What it was asked about")
@needs("viewer", scope="read")
def list_predictions(request: HttpRequest, ws: str, name: str, n: int) -> Any:
    rows = the_version(request, name, n).predictions.select_related("job__workspace").order_by("-created_at", "-pk")[:200]
    return {"items": [prediction_json(row) for row in rows], "next": None}


@router.get("/jobs/{number}/predictions", summary="What a predicting job answered, as one file")
@needs("viewer", scope="read")
def get_predictions(request: HttpRequest, ws: str, number: str, query: Query[ResultQuery]) -> StreamingHttpResponse:
    """Parquet as it was written; CSV and JSON lines are made on the way. Problem 404 for another job, 409 before it has ended well."""
    rows = Prediction.objects.filter(job__in=Job.objects.visible_to(request.user).filter(workspace=request.workspace))  # type: ignore[attr-defined]
    found = rows.filter(job__number=int(number)).first() if number.isdecimal() and len(number) < 10 else None
    if found is None:
        raise not_found("prediction")
    if found.state != "ready":
        raise Problem(409, "not_ready", f"The prediction is {found.state}.", "Wait until its job has succeeded.")
    name = f"{found.model.replace('@', '-v')}-{found.dataset.replace('@', '-v')}-{found.split}.{query.format}"
    file = {**found.files[0], "name": name}
    if query.format == "parquet":
        return download.answer(request, file)
    shards = [{"path": str(on_disk(file["uri"])), "split": found.split}]
    answer = StreamingHttpResponse(exports.stream(shards, found.features, query.format), content_type=exports.TYPES[query.format])
    answer["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
    answer["X-Content-Type-Options"] = "nosniff"
    return answer
