"""A27: nothing the API takes is without end. Every number has bounds, whether in an address, a question, a body or a recipe."""

from collections.abc import Iterator
from typing import Any

import pytest
from controlplane import catalog
from controlplane.api import api
from controlplane.gateway.openai_schema import ChatRequest, CompletionRequest

from tests.people import People

LOW, HIGH = {"minimum", "exclusiveMinimum"}, {"maximum", "exclusiveMaximum"}
CLOSED = {"enum", "const"}


def unbounded(schema: Any, place: str) -> Iterator[str]:
    """Where a number lacks a smallest or a largest value."""
    if isinstance(schema, dict):
        if schema.get("type") in ("integer", "number") and not CLOSED & set(schema) and not (LOW & set(schema) and HIGH & set(schema)):
            yield place
        for name, inner in schema.items():
            yield from unbounded(inner, f"{place}/{name}")
    elif isinstance(schema, list):
        for number, inner in enumerate(schema):
            yield from unbounded(inner, f"{place}/{number}")


def test_A27_every_number_of_the_management_api_has_bounds() -> None:
    assert list(unbounded(api.get_openapi_schema(), "openapi")) == []


@pytest.mark.parametrize("name", list(catalog.recipes()))
def test_A27_every_number_of_a_recipe_has_bounds(name: str) -> None:
    spec = catalog.recipes()[name]
    assert list(unbounded(spec.model_json_schema(), f"{name} params")) == []
    assert list(unbounded(spec.request.model_json_schema(), f"{name} request")) == []


@pytest.mark.parametrize("model", [ChatRequest, CompletionRequest])
def test_A27_every_number_of_the_openai_routes_has_bounds(model: Any) -> None:
    found = list(unbounded(model.model_json_schema(), model.__name__))
    assert [place for place in found if "logit_bias" not in place] == []  # a dictionary that must be empty


ADDRESSES = (
    "…/datasets/reviews/versions/{}", "…/datasets/reviews/versions/{}/rows", "…/jobs/{}", "…/models/x/versions/{}/files",
    "…/datasets?limit={}", "…/jobs/1/logs?after={}", "…/jobs/1/metrics?from={}", "…/jobs/1/samples?step={}",
)  # fmt: skip


def test_A27_numbers_beyond_what_can_be_held_are_no_fault_of_ours(people: People) -> None:
    assert people.alice.post("…/datasets", {"name": "reviews"}).status == 201
    for number in ("99999999999999999999", "-1", "1e400", "NaN", "9223372036854775808"):
        for address in ADDRESSES:
            assert people.alice.get(address.format(number)).status in {400, 404, 422}, f"{address} {number}"
        for address in ("…/jobs/1/checkpoints/{}/register", "…/invitations/{}/resend"):
            assert people.alice.post(address.format(number)).status in {404, 409, 422}, f"{address} {number}"
        for field in ('"from_step": {}', '"params": {{"epochs": {}}}'):
            raw = ("{" + field.format(number) + "}").encode()
            assert people.alice.call("POST", "…/jobs/1/resume", raw=raw).status in {400, 404, 422}, f"{field} {number}"
