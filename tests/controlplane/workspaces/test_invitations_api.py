"""Invitations: a link that works once, for seven days."""

from datetime import timedelta

import pytest
from controlplane.errors import Problem
from controlplane.workspaces import invitations
from controlplane.workspaces.models import Invitation, Membership
from django.core import mail
from django.utils import timezone

from tests.people import People, make_person


def code_of(url: str) -> str:
    return url.rsplit("/", 1)[1]


def test_the_link_makes_a_member_once(people: People, transactional_db: None) -> None:
    answer = people.alice.post("…/invitations", {"email": "Dora@Example.org", "role": "editor"})
    assert answer.status == 201
    assert answer.body["email"] == "dora@example.org"
    assert answer.body["url"] in mail.outbox[0].body
    assert mail.outbox[0].to == ["dora@example.org"]
    dora, erik = make_person("dora"), make_person("erik")
    assert invitations.accept(code=code_of(answer.body["url"]), user=dora).role == "editor"
    with pytest.raises(Problem) as problem:
        invitations.accept(code=code_of(answer.body["url"]), user=erik)
    assert problem.value.code == "invitation_gone"
    assert people.alice.get("…/invitations").body["items"] == []


def test_only_the_hash_is_kept_and_lists_show_no_link(people: People) -> None:
    url = people.alice.post("…/invitations", {"email": "dora@example.org"}).body["url"]
    assert code_of(url) not in str(Invitation.objects.values().get())
    assert "url" not in people.alice.get("…/invitations").body["items"][0]


def test_an_old_or_withdrawn_link_does_nothing(people: People) -> None:
    made = people.alice.post("…/invitations", {"email": "dora@example.org"}).body
    Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert invitations.find_invitation(code=code_of(made["url"])) is None
    assert people.alice.get("…/invitations").body["items"][0]["state"] == "expired"
    fresh = people.alice.post(f"…/invitations/{made['id']}/resend").body
    assert invitations.find_invitation(code=code_of(made["url"])) is None
    assert invitations.find_invitation(code=code_of(fresh["url"])) is not None
    assert people.alice.delete(f"…/invitations/{made['id']}").status == 204
    assert invitations.find_invitation(code=code_of(fresh["url"])) is None


def test_nobody_is_invited_twice(people: People) -> None:
    people.alice.post("…/invitations", {"email": "dora@example.org"})
    assert people.alice.post("…/invitations", {"email": "dora@example.org"}).code == "already_invited"
    assert people.alice.post("…/invitations", {"email": "charlie@example.org"}).code == "already_member"
    assert people.alice.post("…/invitations", {"email": "no address"}).code == "bad_email"


def test_admins_invite_all_but_owners_and_editors_nobody(people: People) -> None:
    admin = people.member("erik", "admin")
    assert admin.post("…/invitations", {"email": "dora@example.org", "role": "admin"}).status == 201
    assert admin.post("…/invitations", {"email": "fred@example.org", "role": "owner"}).status == 403
    assert people.charlie.post("…/invitations", {"email": "gina@example.org"}).status == 403
    assert people.charlie.get("…/invitations").status == 403


def test_an_invitation_never_lowers_a_role(people: People) -> None:
    url = people.alice.post("…/invitations", {"email": "dora@example.org", "role": "viewer"}).body["url"]
    invitations.accept(code=code_of(url), user=people.charlie.user)
    assert Membership.objects.get(workspace=people.alice.workspace, user=people.charlie.user).role == "editor"
