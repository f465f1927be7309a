"""Pages of teams as a browser gets them: members, invitations, the audit log and its file, and who helps when a role is too small."""

import csv
import io
from typing import Any

from django.test import Client
from django.utils import timezone

from tests.people import People, Person


def browser(person: Person) -> Client:
    client = person.in_browser().http
    client.handler.enforce_csrf_checks = False
    return client


def page(person: Person, path: str, **headers: str) -> str:
    answer = browser(person).get(path, headers=headers)
    assert answer.status_code == 200, answer.status_code
    return answer.content.decode()


def test_several_are_invited_at_once_and_who_cannot_be_is_named(people: People) -> None:
    form = {"email": "dora@example.org, charlie@example.org;eve@example.org", "role": "viewer"}
    answer = browser(people.alice).post("/w/acme/members/invite", form)
    text = answer.content.decode()
    assert answer.status_code == 422
    assert text.split("data-errors")[1].split("</ul>")[0].count("charlie@example.org") == 1
    assert 'value="charlie@example.org" aria-invalid' in text  # who was invited left the field
    assert "Create invitation link" in text  # no mail is set up, so nothing is sent
    assert text.count("the link ends in 7 days") == 2
    assert text.index('value="delete"') > text.index("<h2>Delete workspace</h2>") > text.index('value="rename"')
    assert {item["email"] for item in people.alice.get("…/invitations").body["items"]} == {"dora@example.org", "eve@example.org"}


def test_the_link_can_be_copied_again_until_a_new_one_is_made(people: People) -> None:
    made = people.alice.post("…/invitations", {"email": "dora@example.org", "role": "viewer"}).body
    link = made["url"]
    assert f">{link}</code>" in page(people.alice, "/w/acme/members")
    assert link not in page(people.charlie, "/w/acme/members")
    assert browser(people.alice).post(f"/w/acme/invitations/{made['id']}", {"act": "resend"}).status_code == 302
    text = page(people.alice, "/w/acme/members")
    assert link not in text
    assert "/invitations/" in text
    assert Client().get("/" + link.split("/", 3)[3]).status_code == 404


def test_an_open_link_is_not_in_the_database(people: People) -> None:
    from controlplane.workspaces.models import Invitation

    link = people.alice.post("…/invitations", {"email": "dora@example.org", "role": "viewer"}).body["url"]
    assert link.rsplit("/", 1)[1] not in str(Invitation.objects.values().get())


def test_members_are_found_by_name_and_shown_with_what_they_did(people: People) -> None:
    text = page(people.alice, "/w/acme/members?q=char")
    assert "charlie@example.org" in text
    assert ">alice@example.org</span>" not in text
    assert '<td class="num">1</td>' in text
    assert "Nobody with this name." in page(people.alice, "/w/acme/members?q=nobody")


def test_a_role_that_is_too_small_is_told_who_can_help(people: People) -> None:
    viewer = people.member("victor", "viewer")
    for language, words in (("en", "An owner can change your role: Alice"), ("zh-hans", "所有者可以更改你的角色：Alice")):
        answer = browser(viewer).get("/w/acme/jobs/new", headers={"Accept-Language": language})
        assert answer.status_code == 403
        assert words in answer.content.decode()


def events(people: People, query: str) -> list[str]:
    return [item["action"] for item in people.alice.get(f"…/audit{query}").body["items"]]


def test_the_audit_log_is_filtered_by_who_what_and_when(people: People) -> None:
    people.alice.post("…/invitations", {"email": "dora@example.org", "role": "viewer"})
    assert events(people, "?action=invitation.") == ["invitation.create"]
    assert events(people, "?action=invitation.&actor=charlie@example.org") == []
    today = f"{timezone.now():%Y-%m-%d}"
    assert "invitation.create" in events(people, f"?since={today}&until={today}")
    assert events(people, "?until=2020-01-01") == []
    assert people.alice.get("…/audit?since=yesterday").status == 422
    text = page(people.alice, f"/w/acme/audit?action=invitation.create&since={today}&until=x")
    assert text.count('<tr id="e-') == 1
    assert browser(people.charlie).get("/w/acme/audit").status_code == 403


def test_A12_the_audit_file_is_safe_to_open_in_a_spreadsheet(people: People) -> None:
    from controlplane.audit.services import record

    record(action="dataset.create", target=("dataset", '=HYPERLINK("http://x")'), workspace=people.alice.workspace, data={"n": "a,b"})
    answer: Any = browser(people.alice).get("/w/acme/audit.csv?action=dataset.")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig"))))
    assert [row["action"] for row in rows] == ["dataset.create"]
    assert rows[0]["target"] == '\'=HYPERLINK("http://x")'
    assert rows[0]["details"] == "n=a,b"
    assert browser(people.charlie).get("/w/acme/audit.csv").status_code == 403


def test_a_new_token_is_shown_once_with_what_to_try(people: People) -> None:
    client = browser(people.alice)
    text = client.post("/tokens", {"name": "shop", "scopes": ["read"], "workspace": "acme", "days": "30"}).content.decode()
    assert 'id="token-text">slw_' in text
    assert "urllib.request" in text
    assert 'id="token-text"' not in client.get("/tokens").content.decode()


def test_limits_say_what_is_taken_in_both_languages(people: People) -> None:
    text = page(people.charlie, "/w/acme/limits")
    members = text.split('id="limit-members_per_workspace"')[1].split("</tr>")[0]
    assert "2 of 1,000 members" in members
    assert "537 GB" in text
    assert "log_line" in text
    chinese = page(people.charlie, "/w/acme/limits", **{"Accept-Language": "zh-CN"})
    assert "工作空间所有文件的总大小" in chinese
    assert "A search" not in chinese
    shown = people.charlie.get("…/limits").body
    assert (shown["members_per_workspace"]["used"], shown["workspace_storage"]["used"], shown["slug"]["used"]) == (2, 0, None)
    assert shown["slug"]["about"] == "A name in addresses"
    assert people.bob.get("/api/v1/workspaces/acme/limits").status == 404


def test_an_address_that_takes_only_forms_leads_a_browser_to_their_page(people: People) -> None:
    client, html = browser(people.alice), {"Accept": "text/html,*/*"}
    shown = client.post("/w/acme/members/invite", {"email": "nobody", "role": "viewer"}, headers=html)
    assert shown.status_code == 422
    switched = client.post("/preferences/language", {"language": "zh-hans", "next": "/w/acme/members/invite"}, headers=html, follow=True)
    assert switched.redirect_chain[-1][0] == "/w/acme/members"
    assert switched.status_code == 200
    for form, its_page in (("settings", "members"), ("invitations/7", "members"), ("queue/3", "workers"), ("jobs/ticked", "jobs")):
        assert client.get(f"/w/acme/{form}", headers=html)["Location"] == f"/w/acme/{its_page}"
    assert client.get("/w/acme/settings", headers={"Accept": "*/*"}).status_code == 405
    wrong = client.post("/w/acme/audit", headers=html | {"Accept-Language": "en"})
    assert wrong.status_code == 405
    assert "<h1" in wrong.content.decode()


def test_an_account_chooses_its_time_zone_and_learns_why_no_mail_comes(people: People) -> None:
    client = browser(people.alice)
    client.post("/account", {"name": "Alice", "language": "en", "theme": "dark", "timezone": "Asia/Shanghai", "keys": "on"})
    text = client.get("/account").content.decode()
    assert "<option selected>Asia/Shanghai</option>" in text
    assert '<option value="dark" selected>' in text
    mail = client.get("/account/notifications").content.decode()
    assert '<fieldset class="field" disabled' in mail
    assert "Mail is not set up here" in mail


def test_the_audit_log_tells_what_happened_in_words(people: People) -> None:
    from controlplane.audit.services import record

    acme = people.alice.workspace
    record(action="endpoint.update", target=("endpoint", "mood"), workspace=acme, data={"traffic": {"2": 60, "1": 40}, "model": ["m@1"]})
    record(action="job.cancel", target=("job", 7), workspace=acme, data={"job": 7, "kind": "serve", "keep": True})
    options = {"columns": {"label": "category"}, "split": None, "header": True, "fixes": [{"drop": "duplicates"}]}
    record(action="dataset.add_version", target=("dataset", "reviews@1"), workspace=acme, data={"options": options})
    record(action="invitation.create", target=("invitation", "dora"), workspace=acme, data={"role": "editor"})
    record(action="model.register", target=("model", "mood@2"), workspace=acme, data={"job": 6})
    record(action="serve.start", target=("job", 8), workspace=acme, data={"name": "Serve mood r2"})
    english = page(people.alice, "/w/acme/audit", **{"Accept-Language": "en"})
    for words in (
        "Traffic: r2 60 %, r1 40 %",
        "Model: m@1",
        "Replica <b",
        "Checkpoint kept: Yes",
        "Role: Editor",
        "Columns Label category",
        "header Yes",
        "fixes drop duplicates",
    ):
        assert words in english
    chinese = page(people.alice, "/w/acme/audit", **{"Accept-Language": "zh-CN"})
    for words in ("流量：r2 60 %、r1 40 %", "副本 <b", "保留检查点：是", "角色：编辑者", "训练任务：6", "名称：mood r2 的副本"):
        assert words in chinese
