"""tus 1.0 at `/api/v1/workspaces/{ws}/uploads[/{id}]`: creation, creation-with-upload, checksum, expiration, termination.

A raw ASGI app: a part goes from the socket to the disk without being held, and is acknowledged once it is synced.
GET on the collection lists uploads as JSON, so that another browser can go on with an unfinished one.
"""

import base64
import logging
import re
from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from pydantic import ValidationError

from controlplane.data import intake, spool
from controlplane.data.models import Upload
from controlplane.errors import Problem, nearest, not_found, standard
from controlplane.limits import limit
from controlplane.paging import ListQuery, listing
from controlplane.uploads.append import ALGORITHMS, append, parse_checksum
from controlplane.uploads.door import Access, enter
from controlplane.uploads.shapes import (
    PART_TYPE,
    VERSION,
    describe,
    progress,
    read_metadata,
    read_size,
    too_many,
    upload_lost,
    wrong_offset,
    wrong_type,
)
from controlplane.uploads.wire import Answer, Gone, Receive, Request, Scope, Send, in_database
from controlplane.workspaces.idempotency import once

logger = logging.getLogger(__name__)

EXTENSIONS = "creation,creation-with-upload,expiration,termination,checksum"
STATES = ("uploading", "finished")
ROUTE = re.compile(r"^/api/v1/workspaces/(?P<ws>[^/]+)/uploads(?:/(?P<id>[^/]+))?$")
ALLOWED = {False: "GET, POST, OPTIONS", True: "HEAD, PATCH, DELETE, GET, OPTIONS"}
READING = {"GET", "HEAD", "OPTIONS"}


def matches(path: str) -> bool:
    """Whether this app answers at `path`."""
    return ROUTE.match(path) is not None


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """The ASGI entry."""
    request = Request(scope, receive)
    answer = Answer(send, request)
    tus = {"Tus-Resumable": VERSION}
    try:
        await _route(request, answer)
    except Gone:
        return
    except Problem as problem:
        if not answer.started:
            await answer.problem(problem, {**tus, "Tus-Version": VERSION} if problem.status == 412 else tus)
    except TimeoutError:
        return
    except Exception:
        logger.exception("upload request %s failed", request.id)
        if not answer.started:
            await answer.problem(standard(500), tus)


async def _route(request: Request, answer: Answer) -> None:
    match = ROUTE.match(request.scope["path"])
    if match is None:
        raise not_found("address")
    one = match["id"] is not None
    if request.method not in ALLOWED[one].split(", "):
        await enter(request, match["ws"], reading=False)
        raise Problem(405, "method_not_allowed", "This address does not take this method.", headers={"Allow": ALLOWED[one]})
    access = await enter(request, match["ws"], reading=request.method in READING)
    if request.method == "OPTIONS":
        return await answer.whole(204, _abilities())
    _check_version(request)
    if not one:
        return await (_list if request.method == "GET" else _create)(request, answer, access)
    upload = await in_database(_find, access, match["id"])
    await {"HEAD": _head, "GET": _get, "PATCH": _patch, "DELETE": _delete}[request.method](request, answer, upload)


def _abilities() -> dict[str, str]:
    return {
        "Tus-Resumable": VERSION,
        "Tus-Version": VERSION,
        "Tus-Max-Size": str(limit("upload_file")),
        "Tus-Extension": EXTENSIONS,
        "Tus-Checksum-Algorithm": ",".join(ALGORITHMS),
    }


def _check_version(request: Request) -> None:
    """tus clients always name their version; plain reads and deletes by other clients need not."""
    given = request.headers.get("tus-resumable")
    if given != VERSION and (given is not None or request.method in ("POST", "PATCH")):
        said = f"speaks tus {given}" if given else "names no tus version"
        raise Problem(412, "tus_version", f"This request {said}.", hint=f"Send the header `Tus-Resumable: {VERSION}`.")


def _find(access: Access, upload_id: str) -> Upload:
    upload: Upload | None = Upload.objects.filter(workspace=access.workspace, pk=upload_id).first()
    if upload is None:
        raise not_found("upload")
    if upload.expires_at <= timezone.now():
        detail = f"The upload of {upload.filename} has expired."
        raise Problem(410, "upload_expired", detail, hint="Begin a new upload; unfinished ones live 24 hours.")
    return upload


# Verbs -------------------------------------------------------------------------------------------------------------------


async def _create(request: Request, answer: Answer, access: Access) -> None:
    size = read_size(request)
    metadata = read_metadata(request.headers.get("upload-metadata", ""))
    if request.has_body and request.headers.get("content-type") != PART_TYPE:
        raise wrong_type(request)
    if (request.length or 0) > size:
        raise too_many(size)
    checksum = parse_checksum(request.headers.get("upload-checksum"))
    upload = await in_database(_begin, access, size, metadata)
    if request.has_body or size == 0:
        await append(request, upload, checksum)
    await answer.json(201, describe(upload), {**progress(upload), "Location": f"{request.scope['path'].rstrip('/')}/{upload.pk}"})


def _begin(access: Access, size: int, metadata: dict[str, str]) -> Upload:
    """The upload's row; for an Idempotency-Key seen before, the one it made then."""

    def make() -> HttpResponse:
        upload = intake.create_upload(
            workspace=access.workspace,
            user=access.user,
            filename=metadata.get("filename") or metadata.get("name") or "file",
            content_type=metadata.get("filetype") or metadata.get("type") or "",
            size=size,
            metadata=metadata,
        )
        return HttpResponse(upload.pk, status=201)

    return _find(access, once(access.http, make).content.decode())  # type: ignore[attr-defined]


async def _patch(request: Request, answer: Answer, upload: Upload) -> None:
    if request.headers.get("content-type") != PART_TYPE:
        raise wrong_type(request)
    text = request.headers.get("upload-offset", "")
    if not re.fullmatch(r"\d{1,18}", text):
        raise Problem(400, "bad_offset", "The header `Upload-Offset` must be a whole number.")
    offset = int(text)
    if offset != upload.offset:
        raise wrong_offset(offset, upload.offset)
    if offset + (request.length or 0) > upload.size:
        raise too_many(upload.size)
    await append(request, upload, parse_checksum(request.headers.get("upload-checksum")))
    await answer.whole(204, progress(upload))


async def _head(request: Request, answer: Answer, upload: Upload) -> None:
    await _settle(upload)
    extra = {"Upload-Length": str(upload.size), "Cache-Control": "no-store"}
    if upload.metadata:
        extra["Upload-Metadata"] = ",".join(f"{k} {base64.b64encode(v.encode()).decode()}" for k, v in upload.metadata.items())
    await answer.start(200, {**progress(upload), **extra})
    await answer.body(b"")


async def _get(request: Request, answer: Answer, upload: Upload) -> None:
    await _settle(upload)
    await answer.json(200, describe(upload), progress(upload))


async def _delete(request: Request, answer: Answer, upload: Upload) -> None:
    await in_database(intake.delete_upload, upload=upload)
    await answer.whole(204, {"Tus-Resumable": VERSION})


async def _settle(upload: Upload) -> None:
    """Finish what a killed process left complete but unfinished."""
    if upload.offset == upload.size and not upload.finished_at:
        try:
            await in_database(intake.finish_upload, upload=upload)
        except spool.Busy:
            return
        except spool.Lost:
            raise upload_lost() from None


async def _list(request: Request, answer: Answer, access: Access) -> None:
    known = sorted(ListQuery.model_fields)
    if unknown := sorted(set(request.query) - set(known)):
        raise Problem(400, "unknown_parameter", f"There is no query parameter `{unknown[0]}` here.", nearest(unknown[0], known))
    try:
        query = ListQuery.model_validate(request.query)
    except ValidationError as error:
        wrong = [{"loc": ["query", *e["loc"]], "msg": e["msg"]} for e in error.errors()]
        raise Problem(422, "validation_failed", "A query parameter is out of its range.", errors=wrong) from None
    await answer.json(200, await in_database(_page, access, query))


def _page(access: Access, query: ListQuery) -> dict[str, Any]:
    rows = Upload.objects.visible_to(access.user).filter(workspace=access.workspace, expires_at__gt=timezone.now())
    if query.state:
        if query.state not in STATES:
            raise Problem(400, "unknown_state", f"`{query.state}` is no state of these.", nearest(query.state, STATES))
        rows = rows.filter(finished_at__isnull=query.state == "uploading")
    plain = query.model_copy(update={"state": None})
    sorts = {"created_at": "created_at", "filename": "filename", "size": "size"}
    return listing(rows, plain, show=describe, sorts=sorts, search=["filename"])
