"""What the generated OpenAPI document lacks: how to sign in, the shape of errors, the parameters every operation takes."""

from typing import Any

from ninja import NinjaAPI

from controlplane.errors import STANDARD
from controlplane.limits import limit

PROBLEM: dict[str, Any] = {
    "type": "object",
    "title": "Problem",
    "required": ["type", "title", "status", "detail", "code", "hint", "request_id", "errors"],
    "properties": {
        **{name: {"type": "string"} for name in ("type", "title", "detail", "code", "hint", "request_id")},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"loc": {"type": "array", "items": {"type": ["string", "integer"]}}, "msg": {"type": "string"}},
            },
        },
    },
}
SCHEMES: dict[str, Any] = {
    "token": {"type": "http", "scheme": "bearer", "description": "An API token, `slw_…`"},
    "session": {"type": "apiKey", "in": "cookie", "name": "slipway_session", "description": "The browser's session, with X-CSRFToken"},
}
WORKSPACE = {"name": "ws", "in": "path", "required": True, "schema": {"type": "string"}, "description": "The workspace's slug"}
WAIT = {
    "name": "wait",
    "in": "query",
    "schema": {"type": "number", "minimum": 0, "maximum": limit("wait"), "default": 0},
    "description": "Seconds the answer is held until the state is final",
}
KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "schema": {"type": "string", "maxLength": limit("idempotency_key")},
    "description": "The same key and body give the first answer again for 24 hours",
}
REFUSALS = {"get": (400, 404, 422), "post": (400, 404, 409, 413, 415, 422), "patch": (400, 404, 409, 415, 422), "delete": (404, 409)}


def complete(api: NinjaAPI, schema: Any) -> Any:
    """The finished OpenAPI 3.1 document."""
    document = dict(schema)
    parts = document.setdefault("components", {})
    parts.setdefault("schemas", {})["Problem"] = PROBLEM
    parts["securitySchemes"] = SCHEMES
    permissions = declared(api)
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            _complete(operation, method, permissions.get(operation.get("operationId")), "{ws}" in path)
    return document


def declared(api: NinjaAPI) -> dict[str, Any]:
    """operationId -> what it declares about permission."""
    found = {}
    for bound in api._get_bound_routers():
        for view in bound.path_operations.values():
            for operation in view.operations:
                name = operation.operation_id or api.get_openapi_operation_id(operation)
                found[name] = getattr(operation, "permission", None)
    return found


def _complete(operation: dict[str, Any], method: str, permission: Any, in_workspace: bool) -> None:
    parameters = operation.setdefault("parameters", [])
    for parameter in parameters:
        if parameter["in"] == "path" and parameter["schema"].get("type") == "integer":  # what is beyond is nowhere: 404
            parameter["schema"] |= {"minimum": 0, "maximum": 2**53}
    if in_workspace and not any(parameter["name"] == "ws" for parameter in parameters):
        parameters.insert(0, WORKSPACE)
    if method in {"get", "post"}:
        parameters.append(WAIT)
    if method == "post":
        parameters.append(KEY)
    refusals = set(REFUSALS.get(method, ()))
    if permission is not None and permission.kind != "public":
        operation["security"] = [{"token": []}, {"session": []}]
        refusals |= {401, 403}
        if permission.role:
            operation["x-permission"] = {"role": str(permission.role), "scope": str(permission.scope)}
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for status in sorted(refusals):
        operation.setdefault("responses", {}).setdefault(status, {"description": STANDARD[status][1], "content": content})
