"""Variants behind an endpoint: deployed by name, told apart from their version everywhere, not deleted while they answer."""

from typing import Any

import pytest
from controlplane.registry.models import ModelVersion, Variant
from controlplane.serving.models import Revision
from controlplane.serving.reconcile import memory_of, reconcile
from controlplane.serving.routes import route_of

from tests.controlplane.serving.conftest import Plane
from tests.people import People, Person

FILE = {"name": "model.safetensors", "uri": "ws/1/jobs/9/1/model/model.safetensors", "size": 7, "sha256": "0" * 64}
VARIANT = "…/models/clf/versions/1/variants/int8"


@pytest.fixture
def variant(plane: Plane) -> Variant:
    (version,) = plane.model(versions=1)
    made: Variant = Variant.objects.create(version=version, variant="int8", state="ready", files=[FILE], dataset="d@1", split="test")
    return made


def deploy(people: People, **more: Any) -> Any:
    return people.charlie.post("…/endpoints", {"name": "mood", "model": "clf@1", **more})


def see(person: Person, path: str) -> str:
    answer = person.in_browser().http.get(path)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_a_variant_is_deployed_beside_its_version(variant: Variant, plane: Plane, people: People) -> None:
    made = deploy(people, variant="int8")
    assert (made.status, made.body["model"], made.body["variant"]) == (201, "clf@1", "int8")
    (replica,) = plane.starting()
    assert replica.job is not None
    assert [file["uri"] for file in replica.job.work["model"]["files"]] == [FILE["uri"]]
    assert replica.job.resources["memory_bytes"] == memory_of(7), "its own size, not its version's"
    plane.ready()
    changed = people.charlie.patch("…/endpoints/mood", {"model": "clf@1", "variant": "fp32", "traffic": {"1": 80, "2": 20}})
    assert changed.status == 200, changed.body
    plane.ready()
    plane.tick()
    shown = people.alice.get("…/endpoints/mood").body["revisions"]
    assert [(row["model"], row["variant"], row["traffic"]) for row in shown] == [("clf@1", "int8", 80), ("clf@1", None, 20)]
    route = route_of("acme", "mood")
    assert route is not None
    assert [(row.model, row.variant) for row in route.revisions] == [("clf@1", "int8"), ("clf@1", "")]
    page = see(people.alice, "/w/acme/endpoints/mood")
    assert 'aria-label="v1 20 % v1 int8 80 %' in page
    assert "<td>int8</td>" in see(people.alice, "/w/acme/endpoints/mood/revisions")
    assert "clf@1 int8" in see(people.alice, "/w/acme/endpoints")
    assert '"title": "clf v1 int8"' in see(people.alice, "/w/acme/playground/mood")


def test_what_is_no_ready_variant_is_refused(variant: Variant, people: People) -> None:
    unknown = deploy(people, variant="int4")
    assert (unknown.status, unknown.code) == (422, "unknown_variant")
    assert "fp32, int8" in unknown.body["hint"]
    Variant.objects.update(state="optimising")
    assert (deploy(people, variant="int8").status, deploy(people, variant="int8").code) == (409, "variant_not_ready")
    assert deploy(people).status == 201
    alone = people.charlie.patch("…/endpoints/mood", {"variant": "int8"})
    assert (alone.status, alone.body["errors"][0]["loc"]) == (422, ["body", "variant"])


def test_a_variant_that_answers_is_not_deleted(variant: Variant, plane: Plane, people: People) -> None:
    assert deploy(people, variant="int8").status == 201
    plane.ready()
    refused = people.charlie.delete(VARIANT)
    assert (refused.status, refused.code) == (409, "in_use")
    assert "endpoint mood" in refused.body["detail"]
    people.charlie.patch("…/endpoints/mood", {"model": "clf@1"})
    plane.ready()
    plane.tick()
    plane.drained()
    assert people.charlie.delete(VARIANT).status == 204
    gone = people.charlie.patch("…/endpoints/mood", {"traffic": {"1": 100}})
    assert (gone.status, gone.code) == (422, "variant_gone")
    assert people.charlie.post("…/endpoints/mood/rollback", {}).code == "nothing_earlier"
    Revision.objects.filter(revision=1).update(state="deploying")  # it was to come up just then
    reconcile(plane.see().pk)
    failed = people.alice.get("…/endpoints/mood").body["revisions"][0]
    assert (failed["state"], failed["error"]["code"]) == ("failed", "variant_gone")


def test_the_form_offers_what_is_ready(variant: Variant, people: People) -> None:
    page = see(people.charlie, "/w/acme/endpoints/new?model=clf@1&variant=int8")
    assert '<option value="clf@1 int8" selected>clf v1 int8' in page
    assert '<option value="clf@1">' in page
    person = people.charlie.in_browser()
    person.http.handler.enforce_csrf_checks = False
    made = person.http.post("/w/acme/endpoints/new", {"model": "clf@1 int8", "name": "small", "replicas": "1"})
    assert (made.status_code, made["Location"]) == (302, "/w/acme/endpoints/small")
    assert Revision.objects.get().variant == "int8"
    menu = see(people.charlie, "/w/acme/endpoints/small").split('id="update-menu"')[1].split("</form>")[0]
    assert 'value="clf@1"' in menu
    assert 'value="clf@1 int8"' not in menu, "it has all the traffic already"
    assert person.http.post("/w/acme/endpoints/small/change", {"model": "clf@1"}).status_code == 302
    assert [row.variant for row in Revision.objects.order_by("revision")] == ["int8", ""]
    Variant.objects.update(state="failed")
    assert "clf@1 int8" not in see(people.charlie, "/w/acme/endpoints/new")
    assert ModelVersion.objects.count() == 1
