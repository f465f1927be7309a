"""REST of endpoints: fields, states, permissions, what is refused."""

from datetime import UTC, datetime
from typing import Any

from controlplane.serving.models import Endpoint, UsageMinute

from tests.controlplane.serving.conftest import Plane
from tests.people import People


def deploy(people: People, **more: Any) -> Any:
    return people.charlie.post("…/endpoints", {"name": "mood", "model": "clf@1", **more})


def test_deploy_read_change_delete(plane: Plane, people: People) -> None:
    plane.model()
    made = deploy(people, variant=None, replicas={"min": 1, "max": 1})
    assert made.status == 201
    assert made.headers["location"] == "/api/v1/workspaces/acme/endpoints/mood"
    assert made.body["state"] == "deploying"
    assert made.body["url"].endswith("/v1/endpoints/acme/mood")
    plane.ready()
    shown = people.alice.get("…/endpoints/mood").body
    assert shown["state"] == "ready"
    assert shown["model"] == "clf@1"
    assert shown["revisions"] == [shown["revisions"][0]]
    assert {key: shown["revisions"][0][key] for key in ("revision", "model", "variant", "state", "traffic")} == {
        "revision": 1,
        "model": "clf@1",
        "variant": None,
        "state": "ready",
        "traffic": 100,
    }
    assert shown["replicas"]["ready"] == 1
    assert "secret" not in str(shown)
    changed = people.charlie.patch("…/endpoints/mood", {"model": "clf"})
    assert changed.status == 200
    assert changed.body["revisions"][1]["model"] == "clf@3"
    assert people.charlie.delete("…/endpoints/mood").status == 204
    assert people.charlie.get("…/endpoints/mood").status == 404


def test_wait_holds_the_answer_until_it_is_ready(plane: Plane, people: People) -> None:
    plane.model()
    deploy(people)
    assert people.alice.get("…/endpoints/mood?wait=0.2").body["state"] == "deploying"
    plane.ready()
    assert people.alice.get("…/endpoints/mood?wait=5").body["state"] == "ready"


def test_roles_and_strangers(plane: Plane, people: People) -> None:
    plane.model()
    deploy(people)
    viewer = people.member("vera", "viewer")
    assert viewer.get("…/endpoints/mood").status == 200
    assert viewer.patch("…/endpoints/mood", {"state": "stopped"}).status == 403
    assert viewer.delete("…/endpoints/mood").status == 403
    assert people.bob.get("/api/v1/workspaces/acme/endpoints/mood").status == 404
    assert people.bob.get("…/endpoints/mood").status == 404
    assert people.anonymous.get("…/endpoints").status == 401


def test_what_is_refused(plane: Plane, people: People) -> None:
    plane.model()
    assert deploy(people, name="Bad Name").status == 422
    assert deploy(people, model="none@1").code == "unknown_model"
    assert deploy(people, model="clf@9").status == 422
    assert deploy(people, replicas={"min": 0}).status == 422
    assert deploy(people, variant="int8").code == "unknown_variant"
    assert deploy(people, surprise=1).status == 422
    assert deploy(people).status == 201
    assert deploy(people).code == "name_taken"
    assert people.charlie.patch("…/endpoints/mood", {"state": "paused"}).status == 422
    assert people.charlie.patch("…/endpoints/mood", {"traffic": {"1": 101}}).status == 422
    assert people.charlie.patch("…/endpoints/mood", {"limits": {"requests_per_minute": 0}}).status == 422


def test_limits_are_set_and_cleared(plane: Plane, people: People) -> None:
    plane.model()
    deploy(people, limits={"requests_per_minute": 10})
    assert people.charlie.patch("…/endpoints/mood", {"limits": {"deadline_seconds": 5}}).body["limits"] == {
        "requests_per_minute": 10,
        "deadline_seconds": 5.0,
    }
    assert people.charlie.patch("…/endpoints/mood", {"limits": {"requests_per_minute": None}}).body["limits"] == {"deadline_seconds": 5.0}


def test_lists(plane: Plane, people: People) -> None:
    plane.model()
    for name in ("a", "b", "c"):
        deploy(people, name=name)
    page = people.alice.get("…/endpoints?limit=2&sort=name").body
    assert [row["name"] for row in page["items"]] == ["a", "b"]
    assert [row["name"] for row in people.alice.get(f"…/endpoints?limit=2&sort=name&cursor={page['next']}").body["items"]] == ["c"]
    assert people.alice.get("…/endpoints?state=ready").body["items"] == []
    assert people.alice.get("…/endpoints?state=odd").status == 400


def test_a_model_in_use_cannot_be_deleted(plane: Plane, people: People) -> None:
    plane.model()
    deploy(people)
    refused = people.charlie.delete("…/models/clf/versions/1")
    assert refused.status == 409
    assert "endpoint mood" in refused.body["detail"]
    assert people.charlie.delete("…/models/clf/versions/2").status == 204
    people.charlie.delete("…/endpoints/mood")
    assert people.charlie.delete("…/models/clf/versions/1").status == 204


def test_usage(plane: Plane, people: People) -> None:
    plane.model()
    deploy(people)
    endpoint = Endpoint.objects.get()
    minute = datetime.now(UTC).replace(second=0, microsecond=0)
    for revision, requests in ((1, 10), (2, 30)):
        UsageMinute.objects.create(
            endpoint=endpoint, revision=revision, minute=minute, requests=requests, errors=1, output_tokens=5, latency={"50": requests}
        )
    shown = people.alice.get("…/endpoints/mood/usage").body
    assert shown["total"]["requests"] == 40
    assert shown["total"]["errors"] == 2
    assert [row["requests"] for row in shown["revisions"]] == [10, 30]
    assert shown["total"]["latency_ms"]["p50"] > 0
    assert shown["total"]["time_to_first_token_ms"]["p50"] is None
    assert len(shown["over_time"]) == 1
    assert people.alice.get("…/endpoints/mood/usage?step=300").status == 200
    assert people.alice.get("…/endpoints/mood/usage?step=7").status == 422
    assert people.alice.get("…/endpoints/mood/usage?from=2020-01-01T00:00:00Z").code == "bad_span"
