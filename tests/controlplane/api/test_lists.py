"""Pages: each item once, in order, while rows come and go."""

import pytest
from controlplane.gateway import forward, rates
from controlplane.gateway.openai_schema import CompletionRequest
from controlplane.workspaces.models import ApiToken
from pydantic import ValidationError

from tests.people import People
from workers.contract import names
from workers.contract.orders import ServeWork


def test_pages_hold_every_item_once(people: People) -> None:
    for number in range(23):
        people.alice.post("/api/v1/tokens", {"name": f"key {number}", "scopes": ["read"]})
    for sort in ("created_at", "-created_at"):
        seen: list[str] = []
        address = f"/api/v1/tokens?limit=5&sort={sort}"
        while address:
            page = people.alice.get(address).body
            seen += [item["id"] for item in page["items"]]
            address = f"/api/v1/tokens?limit=5&sort={sort}&cursor={page['next']}" if page["next"] else ""
        wanted = list(
            ApiToken.objects.filter(user=people.alice.user)
            .order_by(sort, f"{'-' if sort[0] == '-' else ''}pk")
            .values_list("pk", flat=True)
        )
        assert seen == wanted
        assert len(seen) == 24


def test_a_cursor_of_another_order_is_refused(people: People) -> None:
    for number in range(3):
        people.alice.post("/api/v1/tokens", {"name": f"key {number}", "scopes": ["read"]})
    cursor = people.alice.get("/api/v1/tokens?limit=1").body["next"]
    assert people.alice.get(f"/api/v1/tokens?sort=created_at&cursor={cursor}").code == "bad_cursor"


def test_the_page_is_fifty_at_first_and_two_hundred_at_most(people: People) -> None:
    for number in range(60):
        people.alice.post("/api/v1/tokens", {"name": f"key {number}", "scopes": ["read"]})
    assert len(people.alice.get("/api/v1/tokens").body["items"]) == 50
    assert len(people.alice.get("/api/v1/tokens?limit=200").body["items"]) == 61


def test_search_finds_by_words(people: People) -> None:
    people.alice.post("/api/v1/tokens", {"name": "Nachtlauf 夜间", "scopes": ["read"]})
    assert [item["name"] for item in people.alice.get("/api/v1/tokens?q=夜").body["items"]] == ["Nachtlauf 夜间"]


def test_limits_are_listed_for_everybody(people: People) -> None:
    limits = people.anonymous.get("/api/v1/limits").body
    assert limits["page"]["value"] == 200
    assert all({"value", "unit", "about"} == set(limit) for limit in limits.values())


def test_the_limits_of_predictions_are_those_that_hold(people: People) -> None:
    """The constants of the gateway and of the replicas are these values, not copies of them."""
    limits = {name: limit["value"] for name, limit in people.anonymous.get("/api/v1/limits").body.items()}
    assert limits["predict_seconds"] == forward.DEADLINE
    assert limits["predict_busy"] == forward.BUSY_MAX
    assert limits["predict_requests_per_minute"] == rates.DEFAULT_PER_MINUTE
    assert (limits["predict_inputs"], limits["predict_text"]) == (names.PREDICT_INPUTS_MAX, names.PREDICT_TEXT_MAX)
    assert (limits["predict_streams"], limits["replica_load_seconds"]) == (names.PREDICT_STREAMS_MAX, names.REPLICA_LOAD_SECONDS)
    assert limits["predict_queue"] == ServeWork.model_fields["max_queue"].default
    for field, most in (("prompt", ["x"] * (limits["predict_prompts"] + 1)), ("max_tokens", limits["predict_tokens"] + 1)):
        with pytest.raises(ValidationError, match=field):
            CompletionRequest.model_validate({"model": "acme/poet", "prompt": "x", field: most})
