"""Who may call: keys, scopes, roles, revocation, and what survives the database's absence."""

import time
from datetime import timedelta
from typing import Any

import pytest
from controlplane.gateway.app import application
from controlplane.gateway.cache import SourceAway
from controlplane.workspaces.models import ApiToken, Membership, Role
from controlplane.workspaces.tokens import revoke_token
from django.utils import timezone

from tests.controlplane.gateway.door import Door
from tests.people import People


def test_I53_without_a_key_and_with_a_bad_one(field: Any, door: Door, as_person: Any) -> None:
    field.endpoint()
    assert as_person("").predict("x").status == 401
    assert as_person("slw_made-up").predict("x").code == "token_invalid"
    assert as_person("sk-openai").predict("x").code == "token_invalid"
    answer = as_person("").predict("x")
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert door.predict("x").status == 200


def test_I54_a_key_in_the_address_is_refused_and_marked(field: Any, door: Door, people: People) -> None:
    field.endpoint()
    answer = door.call("POST", f"/v1/endpoints/acme/mood?token={people.charlie.token}", {"inputs": "x"})
    assert (answer.status, answer.code) == (400, "token_in_url")
    assert ApiToken.objects.exclude(exposed_at=None).get().user == people.charlie.user


def test_the_scope_predict_is_needed_and_enough(field: Any, people: People, as_person: Any) -> None:
    field.endpoint()
    assert as_person(people.alice.with_token("read", "write", "admin").token).predict("x").code == "scope_too_small"
    assert as_person(people.alice.with_token("predict").token).predict("x").status == 200
    assert as_person(people.member("vera", "viewer").with_token("predict").token).predict("x").status == 200


def test_A4_a_foreign_endpoint_is_like_one_that_is_not_there(field: Any, people: People, as_person: Any) -> None:
    field.endpoint()
    foreign = as_person(people.bob.token)
    first, second = foreign.predict("x"), foreign.predict("x", "acme/none")
    assert first.status == second.status == 404
    assert first.code == second.code == "endpoint_not_found"
    bound = people.alice.with_token("predict", workspace=people.alice.workspace)
    assert as_person(bound.token).predict("x").status == 200


def test_an_expired_key_says_so(field: Any, people: People, as_person: Any) -> None:
    field.endpoint()
    person = people.alice.with_token("predict", expires_at=timezone.now() + timedelta(seconds=0.6))
    assert as_person(person.token).predict("x").status == 200
    time.sleep(0.7)
    assert as_person(person.token).predict("x").code == "token_expired"


def within(seconds: float, check: Any) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if check():
            return True
        time.sleep(0.02)
    return False


@pytest.mark.usefixtures("valkey")
def test_a_revoked_key_ends_at_once(field: Any, people: People, as_person: Any) -> None:
    field.endpoint()
    caller = as_person(people.alice.with_token("predict").token)
    assert caller.predict("x").status == 200
    time.sleep(0.3)  # the gateway has subscribed
    revoke_token(token=ApiToken.objects.order_by("-created_at").first())
    assert within(1.0, lambda: caller.predict("x").status == 401)


def test_a_removed_member_loses_access(field: Any, people: People, as_person: Any) -> None:
    from controlplane.workspaces.services import remove_member

    field.endpoint()
    caller = as_person(people.charlie.token)
    assert caller.predict("x").status == 200
    time.sleep(0.3)
    remove_member(membership=Membership.objects.get(user=people.charlie.user, workspace=people.alice.workspace), acting=Role.OWNER)
    assert within(6.0, lambda: caller.predict("x").status == 404)


def test_F12_a_known_key_works_without_the_database(field: Any, door: Door, as_person: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    field.endpoint()
    assert door.predict("x").status == 200
    state = application._state
    assert state is not None

    async def away(*_: Any) -> Any:
        raise SourceAway("gone")

    monkeypatch.setattr(state.access, "_load", away)
    monkeypatch.setattr(state.routes, "_load", away)
    state.access.expire()
    state.routes.expire()
    assert door.predict("x").status == 200
    unknown = as_person("slw_somebody-else").predict("x")
    assert (unknown.status, unknown.code) == (503, "database_away")
    assert "retry-after" in unknown.headers
