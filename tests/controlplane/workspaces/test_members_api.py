"""Members and roles: who may change whom; there is always an owner."""

import threading
from contextlib import suppress

from controlplane.errors import Problem
from controlplane.workspaces.models import Membership, Role
from controlplane.workspaces.services import remove_member
from django.db import connection

from tests.people import People, Person


def member_id(people: People, person: Person) -> str:
    return next(item["id"] for item in people.alice.get("…/members").body["items"] if item["email"] == person.user.email)


def test_it_lists_members_with_roles(people: People) -> None:
    found = {item["email"]: item["role"] for item in people.charlie.get("…/members").body["items"]}
    assert found == {"alice@example.org": "owner", "charlie@example.org": "editor"}


def test_admins_manage_all_but_owners(people: People) -> None:
    admin = people.member("dora", "admin")
    assert admin.patch(f"…/members/{member_id(people, people.charlie)}", {"role": "viewer"}).body["role"] == "viewer"
    assert admin.patch(f"…/members/{member_id(people, people.charlie)}", {"role": "owner"}).status == 403
    assert admin.patch(f"…/members/{member_id(people, people.alice)}", {"role": "viewer"}).status == 403
    assert admin.delete(f"…/members/{member_id(people, people.alice)}").status == 403
    assert admin.delete(f"…/members/{member_id(people, people.charlie)}").status == 204
    assert people.charlie.get("…").status == 404


def test_editors_manage_nobody_but_may_leave(people: People) -> None:
    viewer = people.member("erik", "viewer")
    assert people.charlie.patch(f"…/members/{member_id(people, viewer)}", {"role": "editor"}).status == 403
    assert people.charlie.delete(f"…/members/{member_id(people, viewer)}").status == 403
    assert people.charlie.delete(f"…/members/{member_id(people, people.charlie)}").status == 204


def test_the_last_owner_stays(people: People) -> None:
    me = member_id(people, people.alice)
    assert people.alice.delete(f"…/members/{me}").code == "last_owner"
    assert people.alice.patch(f"…/members/{me}", {"role": "admin"}).code == "last_owner"
    people.alice.patch(f"…/members/{member_id(people, people.charlie)}", {"role": "owner"})
    assert people.alice.delete(f"…/members/{me}").status == 204


def test_two_owners_who_leave_at_the_same_moment_leave_one(people: People, transactional_db: None) -> None:
    people.alice.patch(f"…/members/{member_id(people, people.charlie)}", {"role": "owner"})
    start = threading.Barrier(2)

    def leave(membership: Membership) -> None:
        start.wait()
        try:
            with suppress(Problem):
                remove_member(membership=membership, acting=Role.OWNER)
        finally:
            connection.close()

    members = Membership.objects.filter(workspace=people.alice.workspace)
    threads = [threading.Thread(target=leave, args=(member,)) for member in members]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert members.filter(role="owner").count() == 1


def test_a_member_of_elsewhere_is_not_found(people: People) -> None:
    bobs = people.bob.get("…/members").body["items"][0]["id"]
    assert people.alice.patch(f"…/members/{bobs}", {"role": "viewer"}).status == 404
    assert people.alice.delete(f"…/members/{bobs}").status == 404
    assert people.alice.delete("…/members/99999999999999999999").status == 404


def test_keys_made_for_the_workspace_end_with_the_membership(people: People) -> None:
    bound = people.charlie.with_token(workspace=people.alice.workspace)
    assert bound.get("…").status == 200
    people.alice.delete(f"…/members/{member_id(people, people.charlie)}")
    assert (bound.get("…").status, bound.get("…").code) == (401, "token_revoked")
    assert people.charlie.get("…").status == 404
    assert people.charlie.get("/api/v1/workspaces/charlie").status == 200
