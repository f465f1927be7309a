"""The body of `POST …/versions`: JSON that names uploads, or a form with one small file. Both end as uploads and options."""

from typing import Any

import orjson
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest
from django.http.multipartparser import MultiPartParserError
from ninja import Schema
from pydantic import Field, ValidationError

from controlplane.complaints import from_pydantic, problem
from controlplane.data.intake import take_file
from controlplane.data.models import Upload
from controlplane.data.services import find_uploads, read_options
from controlplane.errors import Problem, nearest
from controlplane.limits import limit
from workers.contract.options import PrepareOptions

UPLOADS_MAX = 10_000
MULTIPART = "multipart/form-data"


class VersionIn(Schema):
    """Ids of finished uploads, and what the platform should not guess."""

    model_config = {"extra": "forbid"}
    uploads: list[str] = Field(min_length=1, max_length=UPLOADS_MAX)
    options: PrepareOptions = Field(default_factory=PrepareOptions)  # type: ignore[arg-type]


def body_schema() -> dict[str, Any]:
    """JSON Schema of the JSON body, for the OpenAPI document: complete in itself."""
    schema = VersionIn.model_json_schema()
    parts = schema.pop("$defs", {})

    def whole(value: Any) -> Any:
        if isinstance(value, dict):
            name = str(value.get("$ref", "")).removeprefix("#/$defs/")
            return whole(parts[name]) if name in parts else {key: whole(item) for key, item in value.items()}
        return [whole(item) for item in value] if isinstance(value, list) else value

    found: dict[str, Any] = whole(schema)
    return found


def read_version(request: HttpRequest, workspace: Any) -> tuple[list[Upload], PrepareOptions]:
    """The uploads and options a request asks for. Raises 400, 413, 415, 422."""
    kind = (request.content_type or "").lower()
    if kind == MULTIPART:
        return _from_form(request, workspace)
    if kind == "application/json" or kind.endswith("+json"):
        return _from_json(request, workspace)
    detail = f"This address takes application/json or {MULTIPART}, not {kind or 'nothing'}."
    raise Problem(415, "unsupported_media_type", detail)


def _from_json(request: HttpRequest, workspace: Any) -> tuple[list[Upload], PrepareOptions]:
    try:
        asked = VersionIn.model_validate(_loads(request.body))
    except ValidationError as error:
        raise problem(from_pydantic(VersionIn, error.errors(include_url=False, include_input=False))) from None
    return find_uploads(workspace, asked.uploads), asked.options


def _loads(text: bytes | str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise Problem(400, "bad_json", "The body is not JSON.", "Check it with a JSON validator; NaN is not JSON.") from None


def _from_form(request: HttpRequest, workspace: Any) -> tuple[list[Upload], PrepareOptions]:
    try:
        fields, files = request.POST, request.FILES
    except MultiPartParserError:
        raise Problem(400, "bad_form", "The form could not be read.", "Send multipart/form-data with one `file`.") from None
    known = ["file", "options"]
    for name in [*fields, *files]:
        if name not in known and name != "csrfmiddlewaretoken":
            wrong = {"loc": ["form", name], "msg": f"unknown field `{name[:60]}`"}
            raise Problem(422, "unknown_field", wrong["msg"], nearest(name, known), [wrong])  # type: ignore[arg-type]
    given = files.getlist("file")
    if len(given) != 1 or not isinstance(given[0], UploadedFile):
        detail = "The form needs one `file`." if not given else f"The form has {len(given)} files; one is taken."
        hint = "Send several files as resumable uploads and name their ids as JSON."
        raise Problem(422, "one_file", detail, hint, [{"loc": ["form", "file"], "msg": detail}])
    file, most = given[0], limit("form_file")
    if (file.size or 0) > most:
        raise Problem(413, "too_large", f"A file sent with a form may have {most} bytes; this has {file.size}.", "Use a resumable upload.")
    options = read_options(_options(fields.get("options", "")))
    upload = take_file(
        workspace=workspace,
        user=request.user,
        filename=file.name or "file",
        content_type=file.content_type or "",
        file=file,
        size=file.size or 0,
    )
    return [upload], options


def _options(text: str) -> dict[str, Any]:
    if not text.strip():
        return {}
    value = _loads(text)
    if not isinstance(value, dict):
        raise Problem(
            422, "invalid_options", "`options` must be a JSON object.", errors=[{"loc": ["form", "options"], "msg": "not an object"}]
        )
    return value
