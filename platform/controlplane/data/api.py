"""REST of datasets, versions and rows, as `api.md` gives them under `…/datasets`. Uploads are the tus app's."""

from typing import Any, Literal

from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from ninja import Query, Router, Schema
from ninja.responses import Status
from pydantic import Field

from controlplane import artifacts
from controlplane.data import exports, fixes, preview, schemas, services
from controlplane.data.filters import read_filters
from controlplane.data.fixes import Finding
from controlplane.data.forms import MULTIPART, body_schema, read_version
from controlplane.data.models import Dataset, DatasetVersion
from controlplane.errors import Problem, not_found
from controlplane.limits import limit
from controlplane.paging import ListQuery, listing
from controlplane.workspaces.access import needs
from workers.contract.options import FIXES, Fix
from workers.contract.states import VersionState

router = Router(tags=["datasets"])
STATES = (VersionState.PREPARING, VersionState.READY, VersionState.FAILED)
FORM = {
    "type": "object",
    "required": ["file"],
    "properties": {"file": {"type": "string", "format": "binary"}, "options": {"type": "string", "description": "The options as JSON"}},
}
BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": body_schema()}, MULTIPART: {"schema": FORM}}}}


class DatasetIn(Schema):
    model_config = {"extra": "forbid"}
    name: str = Field(max_length=100_000)
    title: str = Field("", max_length=100_000)


class RowQuery(Schema):
    split: str | None = Field(None, max_length=200, description="One split; absent = all, in order")
    offset: int = Field(0, ge=0, le=2**53)
    q: str = Field("", max_length=limit("query_length"), description="Search in the text columns")
    limit: int = Field(limit("page_default"), ge=1, le=limit("page"))
    filter: list[str] = Field([], description="column:op:value; op is eq, ne, lt, gt, contains or null; repeated = and")
    finding: Finding | None = Field(None, description="Only the rows preparing named for this finding, at most 100 of each")


class FixQuery(Schema):
    fix: list[Fix] = Field([], max_length=len(FIXES), description="The fixes to be looked at; none = all that have something to do")


class FixesIn(Schema):
    model_config = {"extra": "forbid"}
    fixes: list[Fix] = Field(min_length=1, max_length=len(FIXES), description="Added to those the version has already")


class ExportQuery(Schema):
    format: Literal["csv", "jsonl", "parquet"] = "csv"
    split: str | None = Field(None, max_length=200)


def datasets(request: HttpRequest) -> "QuerySet[Dataset]":
    rows: QuerySet[Dataset] = Dataset.objects.visible_to(request.user).filter(workspace=request.workspace)  # type: ignore[attr-defined]
    return rows


def the_dataset(request: HttpRequest, name: str) -> Dataset:
    dataset = datasets(request).select_related("workspace", "created_by").filter(name=name).first()
    if dataset is None:
        raise not_found("dataset")
    return dataset


def the_version(request: HttpRequest, name: str, n: int) -> DatasetVersion:
    rows = DatasetVersion.objects.select_related("dataset", "dataset__workspace", "job", "created_by")
    version = rows.filter(dataset=the_dataset(request, name), version=n).first() if 0 < n < 2**31 else None
    if version is None:
        raise not_found("version")
    return version


def ready(version: DatasetVersion) -> DatasetVersion:
    """The version if its rows can be read; 409 otherwise."""
    if version.state != VersionState.READY:
        hint = "Wait until it is ready." if version.state == VersionState.PREPARING else "Its `error` says why."
        raise Problem(409, "not_ready", f"{version} is {version.state}.", hint)
    return version


def show(dataset: Dataset, *, listed: bool) -> dict[str, Any]:
    rows = dataset.versions.defer(*schemas.HEAVY).select_related("job", "created_by").order_by("-version")
    versions = list(dataset.versions.all()) if listed else list(rows)
    for version in versions:
        version.dataset = dataset
    return schemas.dataset_json(dataset, versions, listed=listed)


@router.post("/datasets", summary="Make a dataset", response={201: Any})
@needs("editor", scope="write")
def create_dataset(request: HttpRequest, ws: str, body: DatasetIn, response: HttpResponse) -> Any:
    dataset = services.create_dataset(workspace=request.workspace, user=request.user, name=body.name, title=body.title)  # type: ignore[attr-defined]
    response["Location"] = f"{request.path}/{dataset.name}"
    return Status(201, show(dataset, listed=False))


@router.get("/datasets", summary="List datasets")
@needs("viewer", scope="read")
def list_datasets(request: HttpRequest, ws: str, query: Query[ListQuery]) -> Any:
    newest = DatasetVersion.objects.defer(*schemas.HEAVY).select_related("job", "created_by").order_by("-version")
    rows = datasets(request).select_related("created_by").prefetch_related(Prefetch("versions", queryset=newest))
    sorts = {"created_at": "created_at", "name": "name", "title": "title"}
    return listing(rows, query, show=lambda row: show(row, listed=True), sorts=sorts, search=["name", "title"])


@router.get("/datasets/{name}", summary="One dataset with its versions")
@needs("viewer", scope="read")
def get_dataset(request: HttpRequest, ws: str, name: str) -> Any:
    return show(the_dataset(request, name), listed=False)


@router.delete("/datasets/{name}", summary="Delete a dataset that nothing uses", response={204: None})
@needs("editor", scope="write")
def delete_dataset(request: HttpRequest, ws: str, name: str) -> Any:
    services.delete_dataset(dataset=the_dataset(request, name))
    return Status(204, None)


@router.post("/datasets/{name}/versions", summary="Add a version", response={200: Any, 202: Any}, openapi_extra=BODY)
@needs("editor", scope="write")
def add_version(request: HttpRequest, ws: str, name: str, response: HttpResponse) -> Any:
    dataset = the_dataset(request, name)
    uploads, options = read_version(request, dataset.workspace)
    version = services.add_version(dataset=dataset, user=request.user, uploads=uploads, options=options)
    response["Location"] = f"{request.path}/{version.version}"
    return Status(202 if version.fresh else 200, schemas.version_json(version))


@router.get("/datasets/{name}/versions", summary="List versions")
@needs("viewer", scope="read")
def list_versions(request: HttpRequest, ws: str, name: str, query: Query[ListQuery]) -> Any:
    rows = the_dataset(request, name).versions.defer(*schemas.HEAVY).select_related("dataset", "job", "created_by")
    sorts = {"created_at": "created_at", "version": "version", "size_bytes": "size_bytes"}
    states = [state.value for state in STATES]
    return listing(rows, query, show=schemas.version_line, sorts=sorts, default="-version", states=states)


@router.get("/datasets/{name}/versions/{n}", summary="One version")
@needs("viewer", scope="read")
def get_version(request: HttpRequest, ws: str, name: str, n: int) -> Any:
    return schemas.version_json(the_version(request, name, n))


@router.get("/datasets/{name}/versions/{n}/rows", summary="Rows, filtered and searched")
@needs("viewer", scope="read")
def get_rows(request: HttpRequest, ws: str, name: str, n: int, query: Query[RowQuery]) -> Any:
    version = ready(the_version(request, name, n))
    exports.check_split(version, query.split)
    filters = read_filters(query.filter, version.features)
    only = fixes.rows_with(version, query.finding) if query.finding else None
    found = preview.page(version, split=query.split, offset=query.offset, limit=query.limit, filters=filters, q=query.q, only=only)
    for item in found["items"]:
        _link_media(request, version, item)
    return found


def _link_media(request: HttpRequest, version: DatasetVersion, item: dict[str, Any]) -> None:
    """Put a signed address where an image or a sound is."""
    for column, kind in version.features.items():
        if kind in ("image", "audio") and item["values"].get(column):
            token = artifacts.token({"c": [version.pk, item["split"], item["row"], column]}, steady=True)
            item["values"][column] = request.build_absolute_uri(f"/files/{token}")


@router.get("/datasets/{name}/versions/{n}/fixes", summary="What fixing the findings of a version would change")
@needs("viewer", scope="read")
def preview_fixes(request: HttpRequest, ws: str, name: str, n: int, query: Query[FixQuery]) -> Any:
    """`items`: of each fix how many rows it changes, with the first of them before and after; `rows_after`: what all of them leave."""
    version = ready(the_version(request, name, n))
    offered = [offer for offer in fixes.offers(version) if not query.fix or offer.fix in query.fix]
    found = fixes.outcome(version, [offer.fix for offer in offered])
    items = [{"fix": offer.fix, "rows": offer.rows, "examples": fixes.examples(version, offer.fix)} for offer in offered]
    return {"rows": found.rows, "rows_after": found.after, "rows_masked": found.masked, "exact": found.exact, "items": items}


@router.post("/datasets/{name}/versions/{n}/fixes", summary="Make a version with findings fixed", response={200: Any, 202: Any})
@needs("editor", scope="write")
def fix_version(request: HttpRequest, ws: str, name: str, n: int, body: FixesIn, response: HttpResponse) -> Any:
    """A new version of the same uploaded bytes, prepared with these `options.fixes`; this one stays as it is. 200 where it exists."""
    version = services.fix_version(version=the_version(request, name, n), user=request.user, fixes=body.fixes)
    response["Location"] = f"{request.path.rsplit('/', 2)[0]}/{version.version}"
    return Status(202 if version.fresh else 200, schemas.version_json(version))


@router.get("/datasets/{name}/versions/{n}/files", summary="The version's Parquet files with signed addresses")
@needs("viewer", scope="read")
def get_files(request: HttpRequest, ws: str, name: str, n: int) -> Any:
    version = ready(the_version(request, name, n))
    items = []
    for split in preview.splits_of(version):
        for ref in version.shards[split]:
            url = request.build_absolute_uri(artifacts.file_path(ref["uri"], filename=ref["name"].rsplit("/", 1)[-1]))
            items.append({"name": ref["name"], "split": split, "size": ref["size"], "sha256": ref["sha256"], "url": url})
    return {"items": items, "next": None}


@router.get("/datasets/{name}/versions/{n}/download", summary="All rows as a file", response={302: None})
@needs("viewer", scope="read")
def download(request: HttpRequest, ws: str, name: str, n: int, query: Query[ExportQuery]) -> Any:
    version = ready(the_version(request, name, n))
    return HttpResponseRedirect(exports.export_path(version, query.format, query.split))
