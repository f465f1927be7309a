"""REST of what can be trained and of starting it: recipes, `POST …/jobs`, resume, clone, checkpoints made models."""

from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse
from ninja import Body, Router, Schema
from ninja.responses import Status
from pydantic import Field

from controlplane import catalog
from controlplane.errors import nearest, not_found
from controlplane.jobs.api import the_job
from controlplane.jobs.models import Job
from controlplane.jobs.schemas import job_json
from controlplane.registry import services as registry
from controlplane.registry.schemas import version_json
from controlplane.training import preflight, services
from controlplane.training.services import TrainRequest
from controlplane.workspaces.access import needs, public

recipes = Router(tags=["recipes"])
router = Router(tags=["jobs"])


class ResumeIn(Schema):
    model_config = {"extra": "forbid"}
    from_step: int | None = Field(None, ge=0, le=2**53)
    params: dict[str, Any] | None = None


@recipes.get("/recipes", summary="Every recipe", auth=None)
@public
def list_recipes(request: HttpRequest) -> Any:
    return {"items": [catalog.describe(spec) for spec in catalog.recipes().values()], "next": None}


@recipes.get("/recipes/{task}/{method}", summary="One recipe", auth=None)
@public
def get_recipe(request: HttpRequest, task: str, method: str) -> Any:
    spec = catalog.recipe(f"{task}/{method}")
    if spec is None:
        problem = not_found("recipe")
        problem.hint = nearest(f"{task}/{method}", list(catalog.recipes()))
        raise problem
    return catalog.describe(spec)


@router.post("/jobs", summary="Start a training job, or try it dry", response={201: Any, 200: Any})
@needs("editor", scope="write")
def start(request: HttpRequest, response: HttpResponse, ws: str, body: TrainRequest, dry_run: bool = False) -> Any:
    if dry_run:
        return Status(200, preflight.dry_run(workspace=request.workspace, request=body))  # type: ignore[attr-defined]
    job = services.start_job(workspace=request.workspace, user=request.user, request=body)  # type: ignore[attr-defined]
    response["Location"] = f"/api/v1/workspaces/{ws}/jobs/{job.number}"
    return Status(201, job_json(fresh(job)))


def fresh(job: Job) -> Job:
    found: Job = Job.objects.select_related("workspace", "created_by").get(pk=job.pk, workspace=job.workspace)
    return found


@router.post("/jobs/{id}/resume", summary="Go on from a checkpoint")
@needs("editor", scope="write")
def resume(request: HttpRequest, ws: str, id: str, body: ResumeIn | None = None) -> Any:
    body = body or ResumeIn(from_step=None, params=None)
    return job_json(services.resume_job(job=the_job(request, id), from_step=body.from_step, params=body.params))


@router.post("/jobs/{id}/clone", summary="A new job from an old one", response={201: Any})
@needs("editor", scope="write")
def clone(request: HttpRequest, response: HttpResponse, ws: str, id: str, body: Annotated[dict[str, Any] | None, Body()] = None) -> Any:
    job = services.clone_job(job=the_job(request, id), user=request.user, overrides=body or {})
    response["Location"] = f"/api/v1/workspaces/{ws}/jobs/{job.number}"
    return Status(201, job_json(fresh(job)))


@router.post("/jobs/{id}/checkpoints/{step}/register", summary="Make a checkpoint a model version", response={201: Any})
@needs("editor", scope="write")
def register(request: HttpRequest, ws: str, id: str, step: int) -> Any:
    return Status(201, version_json(registry.register_checkpoint(job=the_job(request, id), step=step, user=request.user)))
