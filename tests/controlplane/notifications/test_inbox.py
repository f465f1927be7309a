"""The inbox: who is told what, once; reading it; mail for who asked for it; and that it forgets."""

from datetime import timedelta
from typing import Any

import pytest
from controlplane.notifications.models import Notification
from controlplane.notifications.services import forget_old
from django.core import mail
from django.utils import timezone

from tests.controlplane.jobs.conftest import Host, place
from tests.controlplane.serving.conftest import Plane, error
from tests.people import People, Person

END = {"outcome": "failed", "error": {"code": "out_of_memory", "message": "No room at step 3.", "hint": "", "loc": {}}}


@pytest.fixture
def host(people: People) -> Host:
    return Host().join()


def inbox(person: Person, query: str = "") -> Any:
    return person.get(f"/api/v1/me/notifications{query}").body


def run(host: Host, people: People, end: dict[str, Any], by: str = "charlie", name: str = "a job") -> Any:
    """A job of somebody's that ends."""
    from controlplane.jobs import services

    from workers.contract.orders import PrepareWork

    user = getattr(people, by).user
    job = services.create_job(workspace=people.alice.workspace, user=user, kind="predict", name=name, work=PrepareWork(files=[]))
    services.schedule()
    allocation = place(job)
    status, claimed = host.claim(allocation)
    assert status == 200
    assert host.attempt(allocation, claimed["token"], "end", end)[0] == 200
    assert host.attempt(allocation, claimed["token"], "end", end)[0] in {200, 409}
    return job


def test_who_started_a_job_hears_once_how_it_ended(people: People, host: Host) -> None:
    job = run(host, people, END)
    (news,) = inbox(people.charlie)["items"]
    assert (news["kind"], news["title"], news["trouble"]) == ("job.failed", f"a job #{job.number} failed", True)
    assert news["path"] == f"/w/acme/jobs/{job.number}"
    assert "No room at step 3." in news["detail"]
    assert inbox(people.alice)["items"] == []
    assert inbox(people.bob)["items"] == []


def test_news_is_in_the_readers_language(people: People, host: Host) -> None:
    job = run(host, people, {"outcome": "succeeded"})
    chinese = people.charlie.get("/api/v1/me/notifications", Accept_Language="zh-hans").body["items"][0]
    assert chinese["title"] == f"a job #{job.number} 已完成"
    job = run(host, people, {"outcome": "succeeded"}, name="Predict reviews@1 with clf@2")
    titles = [
        people.charlie.get("/api/v1/me/notifications", Accept_Language=language).body["items"][0]["title"] for language in ("zh-hans", "en")
    ]
    assert titles == [f"用 clf@2 预测 reviews@1 #{job.number} 已完成", f"Predict reviews@1 with clf@2 #{job.number} has finished"]


def test_what_was_read_can_be_unread_again(people: People, host: Host) -> None:
    for _ in range(3):
        run(host, people, {"outcome": "succeeded"})
    first = inbox(people.charlie)
    assert (len(first["items"]), first["unread"]) == (3, 3)
    ids = [first["items"][0]["id"]]
    assert people.charlie.post("/api/v1/me/notifications/read", {"ids": ids}).body == {"changed": 1, "unread": 2}
    assert len(inbox(people.charlie, "?unread=true")["items"]) == 2
    assert people.bob.post("/api/v1/me/notifications/read", {"ids": ids, "read": False}).body["changed"] == 0
    assert people.charlie.post("/api/v1/me/notifications/read", {"ids": ids, "read": False}).body["unread"] == 3
    assert people.charlie.post("/api/v1/me/notifications/read").body["unread"] == 0


def test_who_left_the_workspace_sees_its_news_no_more(people: People, host: Host) -> None:
    run(host, people, {"outcome": "succeeded"})
    member = next(m for m in people.alice.get("…/members").body["items"] if m["email"].startswith("charlie"))
    assert people.alice.delete(f"…/members/{member['id']}").status == 204
    assert inbox(people.charlie) == {"items": [], "next": None, "unread": 0}


def test_the_page_shows_marks_and_leads_there(people: People, host: Host) -> None:
    job = run(host, people, END)
    browser = people.charlie.in_browser()
    page = browser.get("/inbox").body.decode()
    assert f"a job #{job.number} failed" in page
    assert 'class="unread"' in page
    row = Notification.objects.get()
    answer = browser.get(f"/inbox/{row.pk}")
    assert (answer.status, answer.headers["location"]) == (302, f"/w/acme/jobs/{job.number}")
    assert 'class="unread"' not in browser.get("/inbox").body.decode()
    assert people.bob.in_browser().get(f"/inbox/{row.pk}").status == 404


@pytest.mark.parametrize(("wish", "mails"), [("none", 0), ("trouble", 1), ("all", 2)])
def test_mail_goes_to_who_asked_for_it(people: People, host: Host, django_capture_on_commit_callbacks: Any, wish: str, mails: int) -> None:
    assert people.charlie.get("/api/v1/me/notifications/settings").body == {"mail": "none"}
    assert people.charlie.patch("/api/v1/me/notifications/settings", {"mail": "much"}).status == 422
    assert people.charlie.patch("/api/v1/me/notifications/settings", {"mail": wish}).body == {"mail": wish}
    with django_capture_on_commit_callbacks(execute=True):
        run(host, people, END)
        run(host, people, {"outcome": "succeeded"})
    assert len(mail.outbox) == mails
    if mails == 1:
        assert mail.outbox[0].to == ["charlie@example.org"]
        assert "No room at step 3." in mail.outbox[0].body
        assert "/account/notifications" in mail.outbox[0].body


def test_owners_hear_of_an_endpoint_in_trouble_and_its_maker_that_it_is_ready(people: People) -> None:
    from controlplane.serving import services

    plane = Plane(people)
    version = plane.model()[0]
    services.deploy(workspace=people.alice.workspace, user=people.charlie.user, name="mood", model_version=version)
    plane.ready()
    assert [news["kind"] for news in inbox(people.charlie)["items"]] == ["endpoint.ready"]
    assert inbox(people.alice)["items"] == []
    services.deploy(workspace=people.alice.workspace, user=people.charlie.user, name="bad", model_version=version)
    plane.end(plane.starting("bad")[0], error())
    for person in (people.alice, people.charlie):
        news = inbox(person)["items"][0]
        assert (news["kind"], news["path"]) == ("endpoint.failed", "/w/acme/endpoints/bad")
    assert inbox(people.bob)["items"] == []


def test_teams_are_news_too(people: People) -> None:
    link = people.alice.post("…/invitations", {"email": "bob@example.org", "role": "viewer"}).body["url"]
    browser = people.bob.in_browser()
    browser.http.handler.enforce_csrf_checks = False
    assert browser.http.post("/" + link.split("/", 3)[3]).status_code == 302
    assert inbox(people.alice)["items"][0]["title"] == "Bob has accepted your invitation"
    member = next(m for m in people.alice.get("…/members").body["items"] if m["email"].startswith("bob"))
    assert people.alice.patch(f"…/members/{member['id']}", {"role": "editor"}).status == 200
    assert inbox(people.bob)["items"][0]["title"] == "You are now Editor"


def test_it_forgets_after_ninety_days(people: People, host: Host) -> None:
    run(host, people, {"outcome": "succeeded"})
    assert forget_old() == 0
    Notification.objects.update(created_at=timezone.now() - timedelta(days=91))
    assert forget_old() == 1
    assert inbox(people.charlie)["items"] == []
