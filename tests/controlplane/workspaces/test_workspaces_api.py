"""Workspaces: made, renamed, deleted, seen by members alone."""

from urllib.parse import urlsplit

import pytest
from controlplane.audit.models import AuditEvent
from controlplane.workspaces.models import Workspace
from controlplane.workspaces.signals import workspace_closing

from tests.people import People


def test_it_makes_one_with_its_maker_as_owner(people: People) -> None:
    answer = people.alice.post("/api/v1/workspaces", {"slug": "night-shift", "title": "Nachtschicht 夜班"})
    assert answer.status == 201
    assert answer.body["role"] == "owner"
    assert answer.headers["location"] == "/api/v1/workspaces/night-shift"
    shown = people.alice.get("/api/v1/workspaces/night-shift").body
    assert (shown["slug"], shown["title"], shown["role"]) == ("night-shift", "Nachtschicht 夜班", "owner")


@pytest.mark.parametrize(
    ("slug", "code"),
    [
        ("a" * 64, "name_too_long"),
        ("x" * 100_000, "name_too_long"),
        ("", "invisible_name"),
        ("\u200b\u200d", "invisible_name"),
        ("Mit Leerzeichen", "bad_name"),
        ("-a", "bad_name"),
        ("a-", "bad_name"),
        ("../etc", "bad_name"),
        ("ａｂｃ", "bad_name"),
        ("abc\n", "bad_name"),
    ],
)
def test_I65_a_bad_name_says_what_is_wrong(people: People, slug: str, code: str) -> None:
    answer = people.alice.post("/api/v1/workspaces", {"slug": slug})
    assert (answer.status, answer.code) == (422, code)
    assert answer.body["errors"][0]["loc"] == ["body", "slug"]


@pytest.mark.parametrize(
    ("title", "code"),
    [("x" * 100_000, "name_too_long"), ("\u200b\u2060 ", "invisible_name"), ("a\nb", "invisible_name"), ("a\u202eb", "invisible_name")],
)
def test_I65_a_bad_title_says_what_is_wrong(people: People, title: str, code: str) -> None:
    assert people.alice.post("/api/v1/workspaces", {"slug": "fine", "title": title}).code == code


@pytest.mark.parametrize("title", ["", "👩‍🔬 Labor", "数据组", "<script>alert(1)</script>", "O'Neil & Söhne"])
def test_titles_are_free_in_any_language(people: People, title: str) -> None:
    assert people.alice.post("/api/v1/workspaces", {"slug": "fine", "title": title}).body["title"] == title


@pytest.mark.parametrize(
    ("title", "codes"),
    [
        ("Ас\u043cе", ["looks_like_another"]),  # all Cyrillic
        ("\u0410cme", ["mixed_scripts", "looks_like_another"]),
        ("Ac\u200bme", ["hidden_characters", "looks_like_another"]),
        ("ＡＣＭＥ", ["looks_like_another"]),
        ("\u039fmega team", ["mixed_scripts"]),
        ("Acme 2", []),
        ("Bob's", []),  # hers to know of it would be a leak
        ("👩\u200d🔬 Labor", []),
        ("می\u200cخواهم", []),
        ("数据组 B", []),
        ("Москва и Athens", []),
    ],
)
def test_I65_a_title_that_looks_like_another_is_warned_of(people: People, title: str, codes: list[str]) -> None:
    made = people.alice.post("/api/v1/workspaces", {"slug": "other", "title": title})
    assert (made.status, [warning["code"] for warning in made.body["warnings"]]) == (201, codes)
    renamed = people.alice.patch("/api/v1/workspaces/other", {"title": title})
    assert [warning["code"] for warning in renamed.body["warnings"]] == codes


def test_I65_whoever_is_invited_to_a_look_alike_is_warned(people: People) -> None:
    """Bob's workspace is drawn like the one that Charlie is in."""
    people.bob.patch("/api/v1/workspaces/bobs", {"title": "\u0410cme"})
    made = people.bob.post("/api/v1/workspaces/bobs/invitations", {"email": "charlie@example.org"})
    link = urlsplit(made.body["url"]).path
    shown = people.charlie.in_browser().http.get(link).content.decode()
    assert "The title looks like “Acme”" in shown
    assert "The title looks like" not in people.member("dora", "viewer").in_browser().http.get("/acme").content.decode()


def test_only_owners_rename_and_delete(people: People) -> None:
    admin = people.member("dora", "admin")
    for person in (people.charlie, admin):
        assert person.patch("…", {"title": "Mine"}).status == 403
        assert person.delete("…").status == 403
    assert people.alice.patch("…", {"title": "Acme 2"}).body["title"] == "Acme 2"
    assert people.alice.delete("…").status == 204
    assert people.alice.get("…").status == 404
    assert AuditEvent.objects.filter(action="workspace.delete", target_id="acme", actor="alice@example.org").exists()


def test_what_still_runs_stands_in_the_way_of_deleting(people: People) -> None:
    def runs(workspace: Workspace, **_more: object) -> list[str]:
        return ["job #7"]

    workspace_closing.connect(runs)
    try:
        answer = people.alice.delete("…")
    finally:
        workspace_closing.disconnect(runs)
    assert (answer.status, answer.code) == (409, "in_use")
    assert "job #7" in answer.body["detail"]
    assert people.alice.get("…").status == 200


def test_the_list_holds_ones_own_with_ones_role(people: People) -> None:
    found = {item["slug"]: item["role"] for item in people.charlie.get("/api/v1/workspaces").body["items"]}
    assert found == {"acme": "editor", "charlie": "owner"}
    assert {item["slug"] for item in people.charlie.get("/api/v1/me").body["workspaces"]} == {"acme", "charlie"}
