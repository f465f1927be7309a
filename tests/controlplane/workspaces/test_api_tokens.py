"""API tokens: shown once, kept as a hash, never worth more than their maker."""

import hashlib

from controlplane.workspaces.models import ApiToken
from controlplane.workspaces.tokens import playground_token

from tests.people import People


def test_the_text_is_shown_once_and_kept_as_a_hash(people: People) -> None:
    answer = people.alice.post("/api/v1/tokens", {"name": "CI", "scopes": ["read", "write"]})
    assert answer.status == 201
    text = answer.body["token"]
    assert text.startswith("slw_")
    assert len(text) >= 47
    row = ApiToken.objects.get(id=answer.body["id"])
    assert row.token_hash == hashlib.sha256(text.encode()).hexdigest()
    assert text not in str(ApiToken.objects.values().get(id=row.id))
    listed = next(item for item in people.alice.get("/api/v1/tokens").body["items"] if item["id"] == row.id)
    assert "token" not in listed
    assert listed["prefix"] == text[:12]


def test_a_token_cannot_make_a_stronger_one(people: People) -> None:
    weak = people.alice.with_token("admin")
    assert weak.post("/api/v1/tokens", {"scopes": ["predict"]}).status == 403
    assert weak.post("/api/v1/tokens", {"scopes": ["write"]}).status == 201
    assert people.alice.with_token("write").post("/api/v1/tokens", {"scopes": ["read"]}).status == 403
    bound = people.alice.with_token(workspace=people.alice.workspace)
    assert bound.post("/api/v1/tokens", {"scopes": ["read"]}).body["workspace"] == "acme"
    assert bound.post("/api/v1/tokens", {"scopes": ["read"], "workspace": "alice"}).status == 404


def test_a_token_is_limited_only_to_ones_own_workspaces(people: People) -> None:
    assert people.alice.post("/api/v1/tokens", {"scopes": ["read"], "workspace": "bobs"}).status == 404


def test_unknown_scopes_and_past_times_are_refused(people: People) -> None:
    answer = people.alice.post("/api/v1/tokens", {"scopes": ["reed"]})
    assert answer.status == 422
    assert "read" in answer.body["hint"]
    assert people.alice.post("/api/v1/tokens", {"scopes": []}).status == 422
    assert people.alice.post("/api/v1/tokens", {"scopes": ["read"], "expires_at": "2020-01-01T00:00:00Z"}).status == 422
    assert people.alice.post("/api/v1/tokens", {"scopes": ["read"], "expires_at": "2099-01-01T00:00:00"}).status == 422


def test_revoking_ends_it_at_once_and_only_ones_own(people: People) -> None:
    other = people.alice.with_token("read")
    made = people.alice.get("/api/v1/tokens").body["items"][0]
    assert people.bob.delete(f"/api/v1/tokens/{made['id']}").status == 404
    assert people.alice.delete(f"/api/v1/tokens/{made['id']}").status == 204
    assert other.get("/api/v1/me").code == "token_revoked"
    assert people.alice.delete(f"/api/v1/tokens/{made['id']}").status == 404


def test_a_revocation_is_pushed_to_every_process(people: People, transactional_db: None) -> None:
    import json

    from controlplane.workspaces.revocation import CHANNEL, client

    with client().pubsub() as channel:
        channel.subscribe(CHANNEL)
        channel.get_message(timeout=2)
        made = people.alice.post("/api/v1/tokens", {"scopes": ["read"]}).body
        people.alice.delete(f"/api/v1/tokens/{made['id']}")
        message = channel.get_message(timeout=2)
    said = json.loads(message["data"])
    assert said == {"tokens": [hashlib.sha256(made["token"].encode()).hexdigest()], "user": people.alice.user.pk}


def test_scopes_include_each_other_as_said(people: People) -> None:
    assert people.alice.with_token("write").get("…/members").status == 200
    assert people.alice.with_token("admin").get("…/members").status == 200
    assert people.alice.with_token("read").patch("/api/v1/me", {"name": "A"}).status == 403


def test_the_pages_own_key_predicts_for_ten_minutes_and_is_not_listed(people: People) -> None:
    text = playground_token(user=people.alice.user, workspace=people.alice.workspace)
    row = ApiToken.objects.get(token_hash=hashlib.sha256(text.encode()).hexdigest())
    assert row.scopes == ["predict"]
    assert row.id not in [item["id"] for item in people.alice.get("/api/v1/tokens").body["items"]]
