"""Who did what, when, from where."""

from controlplane.audit.models import AuditEvent

from tests.people import People


def test_every_change_of_a_team_is_written_down(people: People) -> None:
    people.alice.post("…/invitations", {"email": "dora@example.org"}, X_Request_Id="req-1")
    people.alice.patch("…", {"title": "New"})
    items = people.alice.get("…/audit").body["items"]
    assert [item["action"] for item in items[:2]] == ["workspace.update", "invitation.create"]
    event = items[1]
    assert (event["actor"], event["ip"], event["request_id"]) == ("alice@example.org", "127.0.0.1", "req-1")
    assert event["token"] == people.alice.token[:12]
    assert event["target"] == {"type": "invitation", "id": "dora@example.org"}


def test_admins_read_it_and_nobody_sees_anothers(people: People) -> None:
    admin = people.member("dora", "admin")
    assert admin.get("…/audit").status == 200
    assert people.charlie.get("…/audit").status == 403
    people.bob.patch("…", {"title": "secret plan"})
    assert "secret plan" not in str(people.alice.get("…/audit").body)


def test_it_can_be_searched_and_paged(people: People) -> None:
    for number in range(3):
        people.alice.patch("…", {"title": f"T{number}"})
    first = people.alice.get("…/audit?q=workspace.update&limit=2").body
    rest = people.alice.get(f"…/audit?q=workspace.update&limit=2&cursor={first['next']}").body
    titles = [item["data"]["title"] for item in first["items"] + rest["items"]]
    assert titles == ["T2", "T1", "T0"]


def test_what_fails_leaves_no_trace_of_success(people: People) -> None:
    before = AuditEvent.objects.filter(action="workspace.create").count()
    people.alice.post("/api/v1/workspaces", {"slug": "bobs"})
    assert AuditEvent.objects.filter(action="workspace.create").count() == before


def test_the_log_outlives_the_workspace(people: People) -> None:
    pk = people.alice.workspace.pk
    people.alice.delete("…")
    assert AuditEvent.objects.filter(workspace_id=pk, action="workspace.delete").count() == 1
