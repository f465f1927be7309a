"""The generated reference: complete, honest about permissions, and readable without a foreign origin."""

import re
from typing import Any

from controlplane.api import api

from tests.people import People


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    document = api.get_openapi_schema()
    return [(method, path, operation) for path, methods in document["paths"].items() for method, operation in methods.items()]


def test_it_is_openapi_3_1_and_served(people: People) -> None:
    document = people.anonymous.get("/api/v1/openapi.json").body
    assert document["openapi"].startswith("3.1")
    assert "Problem" in document["components"]["schemas"]


def test_every_address_parameter_is_described() -> None:
    for method, path, operation in operations():
        wanted = set(re.findall(r"{(\w+)}", path))
        given = {parameter["name"] for parameter in operation["parameters"] if parameter["in"] == "path"}
        assert given == wanted, f"{method} {path}"


def test_every_operation_tells_who_may() -> None:
    for method, path, operation in operations():
        if "security" not in operation:
            assert method == "get", f"{method} {path} is open to everybody"


PLACES = {"after", "line", "from", "to", "offset", "step"}  # a place in something long; no work grows with it


def test_A27_every_number_in_a_query_has_bounds() -> None:
    """Bodies are checked with their own models."""
    for method, path, operation in operations():
        for parameter in operation["parameters"]:
            if parameter["in"] != "query" or parameter["name"] in PLACES:
                continue
            for schema in [parameter["schema"], *parameter["schema"].get("anyOf", [])]:
                if schema.get("type") in {"integer", "number"} and not {"enum", "const"} & set(schema):
                    assert {"minimum", "exclusiveMinimum"} & set(schema), f"{method} {path} {parameter['name']}"
                    assert {"maximum", "exclusiveMaximum"} & set(schema), f"{method} {path} {parameter['name']}"


def test_bodies_refuse_unknown_fields() -> None:
    from ninja import Schema

    for bound in api._get_bound_routers():
        for view in bound.path_operations.values():
            for operation in view.operations:
                for model in operation.models:
                    if model.__ninja_param_source__ != "body":
                        continue
                    for field in model.model_fields.values():
                        kinds = [kind for kind in (field.annotation, *getattr(field.annotation, "__args__", ())) if isinstance(kind, type)]
                        for kind in kinds:
                            if issubclass(kind, Schema):
                                assert kind.model_config.get("extra") == "forbid", f"{kind.__name__} of {operation.path}"


def test_the_docs_page_needs_no_foreign_origin(people: People) -> None:
    answer = people.anonymous.get("/api/v1/docs")
    text = answer.body.decode()
    assert answer.status == 200
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', text)
    assert "<script>" not in text


def test_a_body_stands_as_a_body_in_the_document(people: People) -> None:
    document = people.anonymous.get("/api/v1/openapi.json").body
    placed = [
        (method, path) for path, methods in document["paths"].items() for method, one in methods.items()
        for parameter in one.get("parameters", []) if parameter["name"] == "body"
    ]  # fmt: skip
    assert placed == []


def test_the_docs_page_shows_every_operation_with_what_it_takes(people: People) -> None:
    document = people.anonymous.get("/api/v1/openapi.json").body
    count = sum(len(methods) for methods in document["paths"].values())
    first = people.anonymous.get("/api/v1/docs").body.decode()
    groups = re.findall(r'href="\?group=([a-z]+)"', first)
    pages = {group: people.anonymous.get(f"/api/v1/docs?group={group}").body.decode() for group in groups}
    assert sum(page.count('class="card operation"') for page in pages.values()) == count
    calls = re.findall(r'href="\?call=([a-z_0-9]+)#', "".join(pages.values()))
    assert len(calls) == count
    start = people.anonymous.get("/api/v1/docs?call=training_api_start").body.decode()
    assert "<code>recipe</code>" in start
    assert "Idempotency-Key" in start
    assert "≤ 255 characters" in start
    found = people.anonymous.get("/api/v1/docs?q=revoke").body.decode()
    assert "/api/v1/tokens/{id}" in found
