"""The management API: mounts each room's router under `/api/v1` and gives every error its one shape."""

import logging
from collections.abc import Sequence
from typing import Any

import orjson
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db.utils import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI, Router
from ninja.errors import HttpError, ValidationError, ValidationErrorContext
from ninja.operation import PathView
from ninja.parser import Parser
from ninja.renderers import BaseRenderer

from controlplane import complaints, openapi
from controlplane.data import api as data
from controlplane.errors import CONTENT_TYPE, Problem, standard
from controlplane.jobs import api as jobs
from controlplane.notifications import api as notifications
from controlplane.reference import Reference
from controlplane.registry import api as registry
from controlplane.registry import variants_api as variants
from controlplane.serving import api as serving
from controlplane.training import api as training
from controlplane.workspaces import api as workspaces
from controlplane.workspaces import api_keys
from controlplane.workspaces.access import public

log = logging.getLogger(__name__)


class StrictParser(Parser):
    """JSON as the standard has it: no NaN, no half characters, no bottomless nesting."""

    def parse_body(self, request: HttpRequest) -> Any:
        return orjson.loads(request.body)


class Renderer(BaseRenderer):
    """Times as RFC 3339 UTC with Z; what is not finite becomes null."""

    media_type = "application/json"

    def render(self, request: HttpRequest, data: Any, *, response_status: int) -> bytes:
        return orjson.dumps(data, default=str, option=orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS)


class Api(NinjaAPI):
    def validation_error_from_error_contexts(self, error_contexts: list[ValidationErrorContext[Any]]) -> ValidationError:
        return ValidationError([error for context in error_contexts for error in complaints.explain(context)])

    def get_openapi_schema(self, **kwargs: Any) -> Any:
        return openapi.complete(self, super().get_openapi_schema(**kwargs))


api = Api(
    title="Slipway",
    version="1",
    description="Data → Train → Models → Endpoints. Errors are RFC 9457 problem documents; lists are `{items, next}`. "
    "The [user guide](/guide) says how it is used.",
    docs=Reference(),
    docs_decorator=public,
    parser=StrictParser(),
    renderer=Renderer(),
    urls_namespace="api",
)


def merged(routers: Sequence[Router]) -> Router:
    """One router of many, so that two rooms may answer different methods of the same address."""
    whole = Router()
    for router in routers:
        for path, view in router.path_operations.items():
            target = whole.path_operations.setdefault(path, PathView())
            target.is_async = target.is_async or view.is_async
            for operation in view.operations:
                operation.tags = operation.tags or router.tags
                target.operations.append(operation)
    return whole


api.add_router("", merged([workspaces.root, api_keys.root, notifications.root, training.recipes]))
api.add_router(
    "/workspaces/{ws}",
    merged(
        [workspaces.router, api_keys.router, data.router, training.router, jobs.router, registry.router, variants.router, serving.router]
    ),
)


def answer(request: HttpRequest, problem: Problem) -> HttpResponse:
    """A problem as problem+json."""
    body = problem.as_bytes(getattr(request, "request_id", ""))
    return HttpResponse(body, status=problem.status, content_type=CONTENT_TYPE, headers=problem.headers)


@api.exception_handler(Problem)
def _problem(request: HttpRequest, error: Problem) -> HttpResponse:
    return answer(request, error)


@api.exception_handler(ValidationError)
def _invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    return answer(request, complaints.problem(error.errors))


@api.exception_handler(HttpError)
def _http(request: HttpRequest, error: HttpError) -> HttpResponse:
    if error.status_code == 400:
        return answer(request, Problem(400, "bad_json", "The body is not JSON.", "Check it with a JSON validator; NaN is not JSON."))
    return answer(request, standard(error.status_code))


@api.exception_handler(Http404)
def _missing(request: HttpRequest, error: Http404) -> HttpResponse:
    return answer(request, standard(404))


@api.exception_handler(PermissionDenied)
def _denied(request: HttpRequest, error: PermissionDenied) -> HttpResponse:
    return answer(request, standard(403))


@api.exception_handler(RequestDataTooBig)
def _large(request: HttpRequest, error: RequestDataTooBig) -> HttpResponse:
    return answer(request, standard(413))


@api.exception_handler(OverflowError)
def _huge(request: HttpRequest, error: OverflowError) -> HttpResponse:
    return answer(request, Problem(422, "out_of_range", "A number is larger than the platform can hold."))


@api.exception_handler(Exception)
def _unexpected(request: HttpRequest, error: Exception) -> HttpResponse:
    """No detail goes out; the log has all of it under the request's id."""
    log.exception("request %s failed", getattr(request, "request_id", ""), exc_info=error)
    if isinstance(error, OperationalError | InterfaceError):
        problem = Problem(503, "database_unavailable", "The database does not answer at the moment.", "Try again shortly.")
        problem.headers["Retry-After"] = "2"
        return answer(request, problem)
    return answer(request, standard(500))
