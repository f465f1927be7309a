"""REST of the variants of a model version: make, list, read, download, delete."""

from typing import Any

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from ninja import Router, Schema
from ninja.responses import Status
from pydantic import Field

from controlplane.errors import not_found
from controlplane.jobs.schemas import job_json
from controlplane.registry import download, services
from controlplane.registry.api import the_version
from controlplane.registry.models import Variant
from controlplane.registry.schemas import files_json, variant_json, version_json
from controlplane.workspaces.access import needs

router = Router(tags=["models"])


class OptimizeIn(Schema):
    """variant: one of those the recipe offers · dataset: what both are measured on, null = what the version learnt from ·
    columns: recipe role -> dataset column, null = as in training, then by name."""

    model_config = {"extra": "forbid"}
    variant: str = Field(max_length=63)
    dataset: str | None = Field(None, max_length=100)
    split: str = Field("test", max_length=63)
    columns: dict[str, str] | None = Field(None, max_length=100)


def the_variant(request: HttpRequest, name: str, number: int, variant: str) -> Variant:
    rows = the_version(request, name, number).variants.select_related("version__model__workspace", "job", "created_by")
    found = rows.filter(variant=variant).first()
    if found is None:
        raise not_found("variant")
    return found


@router.post("/models/{name}/versions/{n}/variants", summary="Make a variant of a version and measure both", response={202: Any})
@needs("editor", scope="write")
def optimize(request: HttpRequest, response: HttpResponse, ws: str, name: str, n: int, body: OptimizeIn) -> Any:
    """`int8` keeps the weights of large layers in 8 bits, for CPUs; `bf16` keeps all weights in half the bytes. The recipe says
    which of them its models can have. Problem 409 `variant_exists` while there is one that did not fail."""
    made = services.optimize(version=the_version(request, name, n), user=request.user, **body.dict())
    job = made.job
    response["Location"] = f"/api/v1/workspaces/{ws}/jobs/{job.number}" if job else ""
    return Status(202, job_json(job) if job else None)


@router.get("/models/{name}/versions/{n}/variants", summary="The variants of a version, with what was measured")
@needs("viewer", scope="read")
def list_variants(request: HttpRequest, ws: str, name: str, n: int) -> Any:
    """`reference`: the version itself, measured by the same job · `verdict`: `within_limit` or `below_limit`, see `limit`."""
    return {"items": version_json(the_version(request, name, n))["variants"], "next": None}


@router.get("/models/{name}/versions/{n}/variants/{variant}", summary="One variant")
@needs("viewer", scope="read")
def get_variant(request: HttpRequest, ws: str, name: str, n: int, variant: str) -> Any:
    return variant_json(the_variant(request, name, n, variant))


@router.delete("/models/{name}/versions/{n}/variants/{variant}", summary="Delete a variant nothing serves", response={204: None})
@needs("editor", scope="write")
def delete_variant(request: HttpRequest, ws: str, name: str, n: int, variant: str) -> Any:
    services.delete_variant(variant=the_variant(request, name, n, variant))
    return Status(204, None)


@router.get("/models/{name}/versions/{n}/variants/{variant}/files", summary="The files of a variant")
@needs("viewer", scope="read")
def list_variant_files(request: HttpRequest, ws: str, name: str, n: int, variant: str) -> Any:
    found = the_variant(request, name, n, variant)
    return files_json(found.files, f"/api/v1/workspaces/{ws}/models/{name}/versions/{n}/variants/{found.variant}/files")


@router.get("/models/{name}/versions/{n}/variants/{variant}/files/{path:file}", summary="Download one file of a variant by its exact name")
@needs("viewer", scope="read")
def get_variant_file(request: HttpRequest, ws: str, name: str, n: int, variant: str, file: str) -> StreamingHttpResponse:
    found = next((each for each in the_variant(request, name, n, variant).files if each["name"] == file), None)
    if found is None:
        raise not_found("file")
    return download.answer(request, found)
