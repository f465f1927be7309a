"""What happens around every API operation, before its parameters are read: key in the address, permission, unknown query, type of body."""

from collections.abc import Callable
from typing import Any, cast

import orjson
from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from ninja.operation import Operation

from controlplane.errors import Problem, nearest
from controlplane.limits import limit
from controlplane.workspaces import access, idempotency
from controlplane.workspaces.tokens import PREFIX, mark_exposed

Run = Callable[..., Any]
EVERYWHERE = frozenset({"wait"})
# The last word of a collection -> where a thing made there stands, from (collection, workspace, what was shown).
ADDRESS: dict[str, Callable[[str, str, dict[str, Any]], str]] = {
    "workspaces": lambda at, _ws, made: f"{at}/{made['slug']}",
    "jobs": lambda at, _ws, made: f"{at}/{made['id']}",
    "datasets": lambda at, _ws, made: f"{at}/{made['name']}",
    "endpoints": lambda at, _ws, made: f"{at}/{made['name']}",
    "versions": lambda at, _ws, made: f"{at}/{made['version']}",
    "models": lambda at, _ws, made: f"{at}/{made['model']}/versions/{made['version']}",
    "clone": lambda _at, ws, made: f"{ws}/jobs/{made['id']}",
    "resume": lambda _at, ws, made: f"{ws}/jobs/{made['id']}",
    "cancel": lambda _at, ws, made: f"{ws}/jobs/{made['id']}",
    "evaluations": lambda _at, ws, made: f"{ws}/jobs/{made['job']}",
    "variants": lambda _at, ws, made: f"{ws}/jobs/{made['job']}",
    "predictions": lambda _at, ws, made: f"{ws}/jobs/{made['job']}",
}


def guard(permission: "access.Permission") -> Callable[[Run], Run]:
    """Wraps `Operation.run`: checks first, and a repeated creating call gets its first answer."""

    def deco(run: Run) -> Run:
        operation = cast(Operation, run.__self__)  # type: ignore[attr-defined]
        operation.permission = permission  # type: ignore[attr-defined]

        def enter(request: HttpRequest, kwargs: dict[str, Any]) -> HttpResponseBase | None:
            try:
                _check(request, operation, permission, kwargs)
            except Exception as error:
                return operation.api.on_exception(request, error)
            return None

        def guarded(request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
            refusal = enter(request, kwargs)
            if refusal:
                return refusal
            try:
                return idempotency.once(request, lambda: locate(request, run(request, **kwargs)))
            except Exception as error:
                return operation.api.on_exception(request, error)

        async def aguarded(request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
            refusal = await sync_to_async(enter)(request, kwargs)
            return refusal or locate(request, await run(request, **kwargs))

        return aguarded if operation.is_async else guarded

    return deco


def _check(request: HttpRequest, operation: Operation, permission: "access.Permission", kwargs: dict[str, Any]) -> None:
    _refuse_key_in_address(request)
    if "Idempotency-Key" in request.headers:
        _ = request.body  # read whole before anything reads the form, because it is hashed later
    if permission.kind != "public":
        access.authenticate(request)
        access.authorise(request, permission, kwargs.get("ws"))
    request.guarded = True  # type: ignore[attr-defined]
    _refuse_unknown_query(request, operation, permission)
    _refuse_wrong_type(request, operation)


def _refuse_key_in_address(request: HttpRequest) -> None:
    """A key in an address stands in histories and logs; it is refused and marked, whatever the parameter's name."""
    for name in request.GET:
        value = str(request.GET[name])
        if PREFIX in value or name in {"token", "access_token", "api_key"}:
            mark_exposed(value)
            hint = "Send it as `Authorization: Bearer …`, and replace this key: addresses are kept in logs."
            raise Problem(400, "token_in_url", f"The query parameter `{name}` holds a key.", hint)


def locate(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """Puts the address of what a POST made on its answer, where the operation did not."""
    if request.method != "POST" or response.status_code not in {200, 201, 202} or "Location" in response:
        return response
    parts = request.path_info.rstrip("/").split("/")
    make = ADDRESS.get(parts[-1])
    if make and isinstance(response, HttpResponse) and "json" in response.get("Content-Type", ""):
        shown = orjson.loads(response.content)
        try:
            response["Location"] = make("/".join(parts), "/".join(parts[:5]), shown)
        except (KeyError, TypeError):
            return response
    return response


def query_names(operation: Operation, permission: "access.Permission") -> frozenset[str]:
    """Every query parameter the operation knows."""
    names = set(permission.query | EVERYWHERE)
    for model in operation.models:
        if model.__ninja_param_source__ == "query":
            names |= set(model.__ninja_flatten_map__)  # type: ignore[attr-defined]
    return frozenset(names)


def _refuse_unknown_query(request: HttpRequest, operation: Operation, permission: "access.Permission") -> None:
    known = query_names(operation, permission)
    strange = [name for name in request.GET if name not in known]
    if strange:
        errors = [{"loc": ["query", name], "msg": "unknown query parameter"} for name in strange]
        raise Problem(
            400, "unknown_query", f"`{strange[0]}` is no query parameter of this address.", nearest(strange[0], sorted(known)), errors
        )
    wait = request.GET.get("wait")
    if wait is not None and not _is_wait(wait):
        message = f"`wait` must be a number of seconds from 0 to {limit('wait')}."
        raise Problem(422, "invalid", message, errors=[{"loc": ["query", "wait"], "msg": message}])


def _is_wait(text: str) -> bool:
    try:
        return 0 <= float(text) <= limit("wait")
    except ValueError:
        return False


def _refuse_wrong_type(request: HttpRequest, operation: Operation) -> None:
    sources = {model.__ninja_param_source__ for model in operation.models}
    kind = (request.content_type or "").lower()
    is_json = kind == "application/json" or kind.endswith("+json")
    if "body" in sources and not is_json and (request.body or kind):
        raise Problem(415, "unsupported_media_type", f"This address takes application/json, not {kind or 'nothing'}.")
    if sources & {"file", "form"} and kind not in {"multipart/form-data", "application/x-www-form-urlencoded"}:
        raise Problem(415, "unsupported_media_type", f"This address takes a form (multipart/form-data), not {kind or 'nothing'}.")
