"""The human page of the API, `/api/v1/docs`, drawn from the OpenAPI document: every operation with what it takes, gives and refuses.

One page for each group of operations with one of them opened, and a search over all of them. No script and no other origin is needed.
"""

import json
from functools import cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from ninja import NinjaAPI
from ninja.openapi.docs import DocsBase

from controlplane.frame.pages import page

TONES = {"get": "accent", "post": "ok", "patch": "warn", "put": "warn", "delete": "bad"}
GROUPS = {
    "people": _("People"),
    "workspaces": _("Workspaces"),
    "tokens": _("API tokens"),
    "recipes": _("Recipes"),
    "datasets": _("Datasets"),
    "jobs": _("Jobs"),
    "models": _("Models"),
    "endpoints": _("Endpoints"),
}
LIMITS = (
    ("minimum", "≥ {}"),
    ("maximum", "≤ {}"),
    ("minLength", "≥ {} characters"),
    ("maxLength", "≤ {} characters"),
    ("maxItems", "≤ {} items"),
)
DEPTH = 2  # how far nested objects are opened
FOUND = 30  # operations a search shows


class Reference(DocsBase):
    """What the API's framework calls for its documentation page."""

    def render_page(self, request: HttpRequest, api: NinjaAPI, **kwargs: Any) -> HttpResponse:
        operations = read(api)
        present = {one["group"] for one in operations}
        groups = [(name, GROUPS.get(name, name)) for name in (*GROUPS, *sorted(present - set(GROUPS))) if name in present]
        q = request.GET.get("q", "").strip()[:100]
        call = request.GET.get("call", "")
        group = next((one["group"] for one in operations if one["id"] == call), request.GET.get("group", groups[0][0]))
        if q:
            shown = [one for one in operations if q.lower() in one["text"]][:FOUND]
        else:
            shown = [one for one in operations if one["group"] == group]
        context = {
            "crumbs": [(_("API reference"), "")],
            "groups": [{"name": name, "title": title, "count": sum(one["group"] == name for one in operations)} for name, title in groups],
            "group": "" if q else group,
            "q": q,
            "call": call or (shown[0]["id"] if len(shown) == 1 else ""),
            "operations": shown,
            "document": self.get_openapi_url(api, kwargs),
            "base": settings.PUBLIC_URL or request.build_absolute_uri("/").rstrip("/"),
        }
        return page(request, "reference.html", context)


@cache
def read(api: NinjaAPI) -> list[dict[str, Any]]:
    """Every operation of the document, flat and ready to be drawn; the document does not change while the process lives."""
    document = api.get_openapi_schema(path_prefix="/api/v1/")
    schemas = document["components"]["schemas"]
    return [operation(method, path, found, schemas) for path, methods in document["paths"].items() for method, found in methods.items()]


def operation(method: str, path: str, found: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    body, kind = body_of(found)
    fields = list(flat(body, schemas)) if body else []
    permission = found.get("x-permission") or {}
    return {
        "id": found.get("operationId", "").removeprefix("controlplane_"),
        "group": (found.get("tags") or ["other"])[0],
        "method": method.upper(),
        "tone": TONES.get(method, "idle"),
        "path": path,
        "summary": found.get("summary", ""),
        "description": (found.get("description") or "").split("Problem ")[0].strip(),
        "public": not found.get("security"),
        **permission,
        "parameters": [parameter(one) for one in found.get("parameters", [])],
        "fields": fields,
        "kind": kind,
        "answers": sorted((str(status), answer.get("description", "")) for status, answer in found.get("responses", {}).items()),
        "example": example(method, path, fields, kind),
        "text": f"{method} {path} {found.get('summary', '')} {found.get('description') or ''}".lower(),
    }


def parameter(one: dict[str, Any]) -> dict[str, Any]:
    schema = one.get("schema", {})
    return {
        "name": one["name"],
        "place": one["in"],
        "type": type_of(schema),
        "needed": one.get("required", False),
        "about": one.get("description") or schema.get("description") or "",
        "limits": limits(schema),
    }


def body_of(found: dict[str, Any]) -> tuple[dict[str, Any] | None, str]:
    """The schema of the request's body and its content type; JSON before a form."""
    content = (found.get("requestBody") or {}).get("content") or {}
    for kind in ("application/json", *content):
        if kind in content:
            return content[kind].get("schema"), kind
    return None, ""


def resolve(schema: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    """Without references, and without the null of an optional field."""
    if "$ref" in schema:
        return resolve(schemas.get(schema["$ref"].rsplit("/", 1)[1], {}), schemas)
    choices = [one for one in schema.get("anyOf", []) if one.get("type") != "null"]
    if len(choices) == 1:
        rest = {key: value for key, value in schema.items() if key != "anyOf"}
        return {**resolve(choices[0], schemas), **rest}
    return schema


def flat(schema: dict[str, Any], schemas: dict[str, Any], prefix: str = "", depth: int = 0) -> Any:
    """The fields of an object, one after the other; those of a nested object under its name and a dot."""
    whole = resolve(schema, schemas)
    for name, given in (whole.get("properties") or {}).items():
        field = resolve(given, schemas)
        yield {
            "name": f"{prefix}{name}",
            "type": type_of(field),
            "needed": name in whole.get("required", []),
            "about": field.get("description") or "",
            "default": json.dumps(field["default"], ensure_ascii=False) if field.get("default") not in (None, "", [], {}) else "",
            "limits": limits(field),
        }
        if field.get("properties") and depth < DEPTH:
            yield from flat(field, schemas, f"{prefix}{name}.", depth + 1)


def type_of(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return " | ".join(str(value) for value in schema["enum"])
    if "anyOf" in schema:
        return " | ".join(dict.fromkeys(type_of(one) for one in schema["anyOf"]))
    kind = str(schema.get("type") or "object")
    if kind == "array":
        return f"[{type_of(schema.get('items') or {})}]"
    return f"{kind} ({schema['format']})" if schema.get("format") else kind


def limits(schema: dict[str, Any]) -> str:
    both = [schema, *schema.get("anyOf", [])]
    return ", ".join(words.format(one[key]) for key, words in LIMITS for one in both if key in one)


def example(method: str, path: str, fields: list[dict[str, Any]], kind: str) -> str:
    """The call with curl, with what it cannot do without."""
    lines = [
        "curl" if method == "get" else f"curl -X {method.upper()}",
        f'  "$SLIPWAY{path}"',
        '  -H "Authorization: Bearer $SLIPWAY_TOKEN"',
    ]
    needed = {field["name"]: sample(field["type"]) for field in fields if field["needed"] and "." not in field["name"]}
    if kind == "application/json":
        lines += ['  -H "Content-Type: application/json"', f"  -d '{json.dumps(needed, ensure_ascii=False)}'"]
    elif kind:
        lines.append("  -F file=@data.csv")
    return " \\\n".join([f"{lines[0]} {lines[1].strip()}", *lines[2:]])


def sample(kind: str) -> Any:
    simple: dict[str, Any] = {"integer": 1, "number": 0.5, "boolean": True, "object": {}}
    return simple.get(kind, [] if kind.startswith("[") else kind.split(" | ")[0] if " | " in kind else "…")
