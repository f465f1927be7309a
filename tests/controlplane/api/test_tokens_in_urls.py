"""I53, I54: keys that are missing, old, revoked, of others, or in the address."""

from datetime import timedelta

from controlplane.workspaces.models import ApiToken
from django.utils import timezone

from tests.people import People


def test_I54_a_key_in_the_address_is_refused_and_marked(people: People) -> None:
    for person in (people.alice, people.anonymous):
        answer = person.get(f"/api/v1/me?anything={people.alice.token}")
        assert (answer.status, answer.code) == (400, "token_in_url")
    assert ApiToken.objects.get(user=people.alice.user).exposed_at is not None
    assert people.alice.get("/api/v1/tokens").body["items"][0]["exposed"] is True


def test_I53_the_answer_says_why_a_key_does_not_work(people: People) -> None:
    old = people.alice.with_token("read", expires_at=timezone.now() + timedelta(seconds=60))
    assert old.get("/api/v1/me").status == 200
    ApiToken.objects.filter(user=people.alice.user).exclude(expires_at=None).update(expires_at=timezone.now())
    assert (old.get("/api/v1/me").status, old.get("/api/v1/me").code) == (401, "token_expired")
    ApiToken.objects.filter(expires_at=None, user=people.alice.user).update(revoked_at=timezone.now())
    assert people.alice.get("/api/v1/me").code == "token_revoked"


def test_I53_a_key_for_one_workspace_sees_no_other(people: People) -> None:
    bound = people.alice.with_token(workspace=people.alice.workspace)
    assert bound.get("…/members").status == 200
    assert bound.get("/api/v1/workspaces/alice/members").status == 404
    assert [item["slug"] for item in bound.get("/api/v1/workspaces").body["items"]] == ["acme"]
    assert [item["slug"] for item in bound.get("/api/v1/me").body["workspaces"]] == ["acme"]
    assert bound.post("/api/v1/workspaces", {"slug": "elsewhere"}).status == 403


def test_a_person_who_is_switched_off_has_no_working_key(people: People) -> None:
    people.alice.user.is_active = False
    people.alice.user.save()
    assert people.alice.get("/api/v1/me").status == 401
