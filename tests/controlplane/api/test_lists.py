"""Pages: each item once, in order, while rows come and go."""

from typing import Any

import pytest
from controlplane.data.models import Dataset, DatasetVersion
from controlplane.gateway import forward, rates
from controlplane.gateway.openai_schema import CompletionRequest
from controlplane.jobs.models import Attempt
from controlplane.registry.models import Model, ModelVersion
from controlplane.serving.models import Endpoint, Replica, Revision
from controlplane.workspaces.models import ApiToken
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pydantic import ValidationError

from tests.controlplane.jobs.rows import job_rows
from tests.people import People, Person
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


def one_more(alice: Person, number: int) -> None:
    """A job with two attempts, a dataset and a model of two versions, an endpoint of two revisions with two replicas each."""
    job = job_rows(alice.workspace, alice.user, 1)[0]
    own: dict[str, Any] = {"workspace": alice.workspace, "created_by": alice.user, "name": f"thing-{number}"}
    dataset, model = Dataset.objects.create(**own), Model.objects.create(task="text-classification", **own)
    endpoint = Endpoint.objects.create(task="text-classification", **own)
    for n in (1, 2):
        Attempt.objects.create(job=job, number=n, granted_at=job.queued_at)
        DatasetVersion.objects.create(dataset=dataset, version=n, state="ready", content_key=str(n), sha256="0" * 64, created_by=alice.user)
        version = ModelVersion.objects.create(model=model, version=n, state="ready", task=model.task, job=job, created_by=alice.user)
        revision = Revision.objects.create(endpoint=endpoint, revision=n, model_version=version, created_by=alice.user)
        for place in (1, 2):
            Replica.objects.create(id=f"{number}-{n}-{place}", revision=revision, job=job)


@pytest.mark.parametrize("room", ["jobs", "datasets", "models", "endpoints"])
def test_a_longer_list_takes_no_more_queries(people: People, room: str) -> None:
    alice, browser = people.alice, people.alice.in_browser()
    asked: dict[str, list[int]] = {"api": [], "page": []}
    for number in range(7):
        one_more(alice, number)
        for name, person, path in (("api", alice, f"…/{room}"), ("page", browser, f"/w/acme/{room}")):
            with CaptureQueriesContext(connection) as queries:
                assert person.get(path).status == 200
            asked[name].append(len(queries))
    assert asked["api"][1] == asked["api"][-1]
    assert asked["page"][1] == asked["page"][-1]


FILTERED = ("jobs", "datasets", "models", "evaluations", "endpoints", "audit", "members")


@pytest.mark.parametrize("page", [*(f"/w/acme/{name}?q=nothing-has-this" for name in FILTERED), "/inbox?show=unread"])
def test_a_list_that_a_filter_has_emptied_offers_to_clear_it(people: People, page: str) -> None:
    browser = people.alice.in_browser()
    address = page.partition("?")[0]
    clear = f'<a class="link" href="{address}">Clear filters</a>'
    assert clear in browser.get(page).body.decode()
    assert clear not in browser.get(address).body.decode()
