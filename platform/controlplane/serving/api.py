"""REST of endpoints: deploy, list, read, change, delete, usage. Calling them is the gateway's."""

from datetime import datetime
from typing import Annotated, Any, Literal

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from ninja import Query, Router, Schema
from ninja.responses import Status
from pydantic import Field

from controlplane.errors import Problem, not_found
from controlplane.paging import ListQuery, listing
from controlplane.registry import services as registry
from controlplane.serving import presets, services
from controlplane.serving.models import Endpoint
from controlplane.serving.schemas import endpoint_json, whole
from controlplane.serving.usage import usage
from controlplane.workspaces.access import needs, person
from controlplane.workspaces.tokens import playground_token
from workers.contract.states import EndpointState

router = Router(tags=["endpoints"])


class ReplicasIn(Schema):
    """How many replicas each revision has."""

    model_config = {"extra": "forbid"}
    min: int | None = Field(None, ge=1, le=services.REPLICAS_MAX)
    max: int | None = Field(None, ge=1, le=services.REPLICAS_MAX)


class LimitsIn(Schema):
    """Limits of calling it. requests_per_minute: for each token · deadline_seconds: for one answer. null = the default."""

    model_config = {"extra": "forbid"}
    requests_per_minute: int | None = Field(None, ge=1, le=10_000_000)
    deadline_seconds: float | None = Field(None, ge=0.5, le=600, allow_inf_nan=False)


class DeployIn(Schema):
    """A new endpoint. model: `name@3`, or `name` for its newest ready version."""

    model_config = {"extra": "forbid"}
    name: str = Field(max_length=1000)
    model: str = Field(max_length=100)
    variant: str | None = Field(None, max_length=63)
    title: str = Field("", max_length=1000)
    replicas: ReplicasIn | None = None
    limits: LimitsIn | None = None


class ChangeIn(Schema):
    """What is to change. traffic: {revision number: percent}, 100 in all."""

    model_config = {"extra": "forbid"}
    model: str | None = Field(None, max_length=100)
    variant: str | None = Field(None, max_length=63)
    traffic: dict[str, Annotated[int, Field(ge=0, le=100)]] | None = Field(None, max_length=50)
    replicas: ReplicasIn | None = None
    state: Literal["stopped", "ready"] | None = None
    title: str | None = Field(None, max_length=1000)
    limits: LimitsIn | None = None


class RollBackIn(Schema):
    """revision: where to; null = the one before the newest that gets traffic."""

    model_config = {"extra": "forbid"}
    revision: int | None = Field(None, ge=1, lt=2**31)


class PresetIn(Schema):
    """values: what is set, by the names of the playground's fields."""

    model_config = {"extra": "forbid"}
    task: str = Field(min_length=1, max_length=100)
    name: str = Field(min_length=1, max_length=100)
    values: dict[str, Annotated[float, Field(ge=-1e19, le=1e19)] | Annotated[str, Field(max_length=20_000)]] = Field(max_length=30)


class PresetQuery(Schema):
    task: str = Field("", max_length=100)


class UsageQuery(Schema):
    start: datetime | None = Field(None, alias="from")
    end: datetime | None = Field(None, alias="to")
    step: int = Field(60, ge=60, le=86400, multiple_of=60)


def visible(request: HttpRequest) -> "QuerySet[Endpoint]":
    rows: QuerySet[Endpoint] = Endpoint.objects.visible_to(request.user).filter(workspace=request.workspace)  # type: ignore[attr-defined]
    return rows.select_related("workspace", "created_by")


def the_endpoint(request: HttpRequest, name: str) -> Endpoint:
    endpoint = visible(request).filter(name=name).first()
    if endpoint is None:
        raise not_found("endpoint")
    return endpoint


@router.post("/endpoints", summary="Deploy a model", response={201: Any})
@needs("editor", scope="write")
def deploy(request: HttpRequest, response: HttpResponse, ws: str, body: DeployIn) -> Any:
    endpoint = services.deploy(
        workspace=request.workspace,  # type: ignore[attr-defined]
        user=request.user,
        name=body.name,
        model_version=registry.find_version(request.workspace, body.model),  # type: ignore[attr-defined]
        variant=body.variant,
        replicas=body.replicas.dict(exclude_none=True) if body.replicas else None,
        title=body.title,
        limits=body.limits.dict(exclude_none=True) if body.limits else None,
    )
    response["Location"] = f"/api/v1/workspaces/{ws}/endpoints/{endpoint.name}"
    return Status(201, endpoint_json(endpoint))


@router.get("/endpoints", summary="List endpoints")
@needs("viewer", scope="read")
def list_endpoints(request: HttpRequest, ws: str, query: Query[ListQuery]) -> Any:
    sorts = {"created_at": "created_at", "name": "name", "state": "state"}
    states = [state.value for state in EndpointState]
    return listing(
        visible(request).prefetch_related(whole()), query, show=endpoint_json, sorts=sorts, search=["name", "title", "task"], states=states
    )


@router.get("/endpoints/{name}", summary="One endpoint")
@needs("viewer", scope="read")
def get_endpoint(request: HttpRequest, ws: str, name: str) -> Any:
    return endpoint_json(the_endpoint(request, name))


@router.patch("/endpoints/{name}", summary="Change an endpoint")
@needs("editor", scope="write")
def change(request: HttpRequest, ws: str, name: str, body: ChangeIn) -> Any:
    endpoint = services.update(
        endpoint=the_endpoint(request, name),
        user=request.user,
        model_version=registry.find_version(request.workspace, body.model) if body.model else None,  # type: ignore[attr-defined]
        variant=body.variant,
        traffic=body.traffic,
        replicas=body.replicas.dict(exclude_none=True) if body.replicas else None,
        state=body.state,
        limits=body.limits.dict(exclude_unset=True) if body.limits else None,
        title=body.title,
    )
    return endpoint_json(endpoint)


@router.post("/endpoints/{name}/rollback", summary="Send all traffic to an earlier revision")
@needs("editor", scope="write")
def roll_back(request: HttpRequest, ws: str, name: str, body: RollBackIn) -> Any:
    return endpoint_json(services.roll_back(endpoint=the_endpoint(request, name), to=body.revision))


@router.post("/endpoints/{name}/resume", summary="Take back a roll-back")
@needs("editor", scope="write")
def resume(request: HttpRequest, ws: str, name: str) -> Any:
    return endpoint_json(services.resume(endpoint=the_endpoint(request, name)))


@router.delete("/endpoints/{name}", summary="Delete an endpoint", response={204: None})
@needs("editor", scope="write")
def delete(request: HttpRequest, ws: str, name: str) -> Any:
    services.delete(endpoint=the_endpoint(request, name))
    return Status(204, None)


@router.get("/endpoints/{name}/usage", summary="What it was used for")
@needs("viewer", scope="read")
def get_usage(request: HttpRequest, ws: str, name: str, query: Query[UsageQuery]) -> Any:
    """Totals, by revision and over time; percentiles are right to 5 %.

    `resources`: what one replica used on average, as its host measured it each minute: `cpu_percent` (100 = one processor),
    `memory_bytes` of `memory_limit_bytes`, and where replicas run on GPUs `gpu_percent`, `gpu_memory_bytes` of
    `gpu_memory_total_bytes`. Steps of whole hours are read fastest; measurements are kept for 31 days. Usage is known minute by minute
    for `usage_minute_seconds` (see `GET /limits`); what is older counts into the step its hour begins in.
    """
    return usage(endpoint=the_endpoint(request, name), start=query.start, end=query.end, step=query.step)


@router.get("/presets", summary="Your presets of the playground")
@needs("viewer", scope="read")
def list_presets(request: HttpRequest, ws: str, query: Query[PresetQuery]) -> Any:
    rows = presets.presets_of(workspace=request.workspace, user=request.user, task=query.task)  # type: ignore[attr-defined]
    return {"items": [presets.preset_json(row) for row in rows], "next": None}


@router.post("/presets", summary="Keep settings of the playground under a name", response={201: Any})
@needs("viewer", scope="write")
def save_preset(request: HttpRequest, ws: str, body: PresetIn) -> Any:
    preset = presets.save_preset(workspace=request.workspace, user=request.user, **body.dict())  # type: ignore[attr-defined]
    return Status(201, presets.preset_json(preset))


@router.delete("/presets/{preset}", summary="Delete a preset", response={204: None})
@needs("viewer", scope="write")
def delete_preset(request: HttpRequest, ws: str, preset: int) -> Any:
    presets.delete_preset(workspace=request.workspace, user=request.user, preset=preset)  # type: ignore[attr-defined]
    return Status(204, None)


@router.post("/playground", summary="A key of ten minutes for the playground of a signed-in person", response={201: Any})
@needs("viewer", scope="write")
def playground_key(request: HttpRequest, ws: str) -> Any:
    """Only from a session: a key could else be renewed for ever by whoever holds one."""
    if request.token is not None:  # type: ignore[attr-defined]
        raise Problem(403, "session_only", "This key is for the playground of a signed-in person.", "Create an API token instead.")
    return Status(201, {"token": playground_token(user=person(request), workspace=request.workspace)})  # type: ignore[attr-defined]
