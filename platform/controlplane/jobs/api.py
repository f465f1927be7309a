"""REST of jobs and workers: what `api.md` gives under `…/jobs/{id}` and the hosts. Starting a job is the training room's."""

from typing import Annotated, Any, Literal

from django.db import transaction
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from ninja import Query, Router, Schema
from ninja.responses import Status
from pydantic import Field

from controlplane.errors import Problem, not_found
from controlplane.jobs import forecast, logs, metrics, scheduler, services
from controlplane.jobs import queue as changes
from controlplane.jobs import workers as hosts
from controlplane.jobs.models import Attempt, Job, Worker
from controlplane.jobs.schemas import job_json, when, worker_json
from controlplane.jobs.store import rfc3339
from controlplane.paging import ListQuery, listing
from controlplane.workspaces.access import needs, operators_only, owners_only
from workers.contract.states import JobState

router = Router(tags=["jobs"])
KINDS = ("prepare", "import", "train", "evaluate", "optimize", "predict", "serve")


class JobList(ListQuery):
    kind: Literal["prepare", "import", "train", "evaluate", "optimize", "predict", "serve"] | None = None
    recipe: str | None = Field(None, max_length=100)
    dataset: str | None = Field(None, max_length=100)


class CancelIn(Schema):
    model_config = {"extra": "forbid"}
    keep: bool = True


class WorkerChange(Schema):
    model_config = {"extra": "forbid"}
    draining: bool


class JobChange(Schema):
    """priority, move: an owner's · move: past the next job of the same priority in this workspace · device: to start on another kind."""

    model_config = {"extra": "forbid"}
    priority: int | None = Field(None, ge=-10, le=10)
    move: Literal["up", "down"] | None = None
    device: Literal["cpu", "cuda"] | None = None


class LogQuery(Schema):
    after: int = Field(0, ge=0, le=2**53)
    limit: int = Field(50, ge=1, le=5000)
    tail: int | None = Field(None, ge=1, le=5000)
    line: int | None = Field(None, ge=1, le=2**53)
    q: str = Field("", max_length=200)
    level: Literal["", "debug", "info", "warning", "error"] = ""
    follow: Literal[0, 1] = 0


class MetricQuery(Schema):
    keys: str = Field("", max_length=4000, description="Metric names by comma; empty = all")
    max_points: int = Field(1000, ge=2, le=20000)
    low: float | None = Field(None, alias="from", ge=-(2**53), le=2**53)
    high: float | None = Field(None, alias="to", ge=-(2**53), le=2**53)
    x: Literal["step", "time"] = "step"


def visible(request: HttpRequest) -> "QuerySet[Job]":
    rows: QuerySet[Job] = Job.objects.visible_to(request.user).filter(workspace=request.workspace)  # type: ignore[attr-defined]
    return rows.select_related("workspace", "created_by")


def the_job(request: HttpRequest, number: str) -> Job:
    job = visible(request).filter(number=int(number)).first() if number.isdecimal() and len(number) < 10 else None
    if job is None:
        raise not_found("job")
    return job


def the_worker(request: HttpRequest, name: str) -> Worker:
    """For operators of the installation: a host serves every workspace."""
    operators_only(request)
    worker = Worker.objects.filter(name=name).first()
    if worker is None:
        raise not_found("worker")
    return worker


@router.get("/jobs", summary="List jobs")
@needs("viewer", scope="read")
def list_jobs(request: HttpRequest, ws: str, query: Query[JobList]) -> Any:
    rows = visible(request).prefetch_related(Prefetch("attempts", Attempt.objects.only("job_id", "number")))
    rows = rows.filter(kind=query.kind) if query.kind else rows.exclude(kind="serve")
    if query.recipe:
        rows = rows.filter(recipe=query.recipe)
    if query.dataset:
        rows = rows.filter(dataset=query.dataset)
    sorts = {"created_at": "created_at", "created": "created_at", "id": "number", "name": "name", "state": "state"}
    states = [s.value for s in JobState]
    return listing(rows, query, show=job_json, sorts=sorts, default="-id", search=["name", "recipe", "dataset"], states=states)


@router.get("/jobs/{id}", summary="One job")
@needs("viewer", scope="read")
def get_job(request: HttpRequest, ws: str, id: str) -> Any:
    return job_json(the_job(request, id))


@router.delete("/jobs/{id}", summary="Delete an ended job", response={204: None})
@needs("editor", scope="write")
def delete_job(request: HttpRequest, ws: str, id: str) -> Any:
    services.delete_job(job=the_job(request, id))
    return Status(204, None)


@router.post("/jobs/{id}/cancel", summary="Stop a job")
@needs("editor", scope="write")
def cancel(request: HttpRequest, ws: str, id: str, body: CancelIn | None = None) -> Any:
    return job_json(services.cancel_job(job=the_job(request, id), keep=body.keep if body else True))


@router.patch("/jobs/{id}", summary="Change what a queued job asks for, or its place")
@needs("editor", scope="write")
def patch_job(request: HttpRequest, ws: str, id: str, body: JobChange) -> Any:
    """Priority and place are changed by owners, with the scope `admin`. 409 `job_started` once it does not wait any more."""
    job = the_job(request, id)
    if body.priority is not None or body.move is not None:
        owners_only(request)
    with transaction.atomic():
        if body.priority is not None:
            changes.set_priority(job=job, priority=body.priority)
        if body.device is not None:
            changes.set_device(job=job, device=body.device)
        if body.move is not None:
            changes.move(job=job, to=body.move)
    job.refresh_from_db()
    return job_json(job)


@router.get("/jobs/{id}/queue", summary="Place in the queue")
@needs("viewer", scope="read")
def queue(request: HttpRequest, ws: str, id: str) -> Any:
    return scheduler.position(the_job(request, id))


@router.get("/jobs/{id}/logs", summary="Read the log")
@needs("viewer", scope="read")
def get_logs(request: HttpRequest, ws: str, id: str, query: Query[LogQuery]) -> Any:
    job = the_job(request, id)
    if query.follow:
        return StreamingHttpResponse(logs.follow(job.pk, query.after), content_type="text/plain; charset=utf-8")
    if "text/plain" in request.headers.get("Accept", ""):
        answer = StreamingHttpResponse(logs.text(job, after=query.after), content_type="text/plain; charset=utf-8")
        answer["Content-Disposition"] = f'attachment; filename="job-{job.number}.log"'
        return answer
    page = logs.page(job, after=query.after, limit=query.limit, tail=query.tail, line=query.line, q=query.q, level=query.level)
    return page | ({"matches": logs.count(job, query.q, query.level)} if (query.q or query.level) and not query.after else {})


@router.get("/jobs/{id}/metrics", summary="Read curves")
@needs("viewer", scope="read")
def get_metrics(request: HttpRequest, ws: str, id: str, query: Query[MetricQuery]) -> Any:
    job = the_job(request, id)
    keys = [k for k in query.keys.split(",") if k] or sorted(job.metrics)
    if unknown := [k for k in keys if k not in job.metrics]:
        raise Problem(
            400, "unknown_metric", f"This job has no metric `{unknown[0]}`.", hint=f"Known: {', '.join(sorted(job.metrics)[:50])}."
        )
    out = {}
    for key in keys:
        points = metrics.read(job.pk, key, query.max_points, query.low, query.high)
        values = [metrics_value(v) for v in points.values]
        out[key] = {"steps": [int(s) for s in points.steps], "values": values, "times": [rfc3339(t) for t in points.times]}
    return out


def metrics_value(value: float) -> float | None:
    return value if value == value and abs(value) != float("inf") else None


@router.get("/jobs/{id}/samples", summary="What the model made on the way")
@needs("viewer", scope="read")
def samples(request: HttpRequest, ws: str, id: str, step: Annotated[int | None, Query(ge=0, le=2**53)] = None) -> Any:
    rows = the_job(request, id).samples.order_by("step", "pk")
    if step is not None:
        rows = rows.filter(step=step)
    return {"items": [{"id": str(s.pk), "step": s.step, "created_at": when(s.created_at), **s.data} for s in rows[:1000]], "next": None}


@router.get("/jobs/{id}/checkpoints", summary="Stored checkpoints")
@needs("viewer", scope="read")
def checkpoints(request: HttpRequest, ws: str, id: str) -> Any:
    rows = the_job(request, id).checkpoints.order_by("-step")
    items = [
        {
            "step": c.step,
            "attempt": c.attempt,
            "metrics": c.metrics,
            "best": c.best,
            "size_bytes": c.size_bytes,
            "created_at": when(c.created_at),
            "registrable": any(f["name"].startswith("model/") for f in c.files),
        }
        for c in rows
    ]
    return {"items": items, "next": None}


@router.get("/workers", summary="Worker hosts")
@needs("viewer", scope="read")
def workers(request: HttpRequest, ws: str) -> Any:
    return {"items": [worker_json(w) for w in Worker.objects.order_by("name")], "next": None}


@router.patch("/workers/{name}", summary="Drain a worker host, or use it again")
@needs("viewer", scope="admin")
def patch_worker(request: HttpRequest, ws: str, name: str, body: WorkerChange) -> Any:
    """For operators of the installation: a host serves every workspace."""
    worker = the_worker(request, name)
    hosts.set_draining(worker=worker, draining=body.draining)
    worker.refresh_from_db()
    return worker_json(worker)


@router.delete("/workers/{name}", summary="Forget a worker host that is gone", response={204: None})
@needs("viewer", scope="admin")
def delete_worker(request: HttpRequest, ws: str, name: str) -> Any:
    """For operators: the host, its load and which jobs ran there. 409 while it is online or something is placed on it."""
    worker = the_worker(request, name)
    hosts.remove(worker=worker)
    return Status(204, None)


@router.get("/queue", summary="What waits, in order")
@needs("viewer", scope="read")
def queued(request: HttpRequest, ws: str) -> Any:
    """The whole queue; of jobs in other workspaces only that they are there."""
    line = scheduler.queue()
    items, begins = [], forecast.starts(line)
    for place, job in enumerate(line, 1):
        mine = job.workspace_id == request.workspace.pk  # type: ignore[attr-defined]
        items.append(
            {
                "position": place,
                "priority": job.priority,
                "reason": job.reason,
                "starts_at": when(begins[job.pk].at),
                "job": job_json(job) if mine else None,
            }
        )
    return {"items": items, "next": None}
