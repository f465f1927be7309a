"""The home page: four first steps that go on by themselves, put away and found again; then what needs attention."""

from datetime import timedelta

import pytest
from controlplane.data import samples
from controlplane.data.models import DatasetVersion
from controlplane.jobs.models import Job
from controlplane.jobs.transitions import now
from controlplane.workspaces.models import Workspace
from django.test import Client

from tests.people import People, Person

HOME, SAMPLE = "/w/acme", "/w/acme/sample-data"


def browser(person: Person) -> Client:
    client = Client()
    client.force_login(person.user, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


def seen(client: Client) -> str:
    answer = client.get(HOME)
    assert answer.status_code == 200
    return answer.content.decode()


def job(workspace: Workspace, number: int, state: str, **more: object) -> Job:
    empty = {"work": {}, "resources": {}, "request": {}, "queued_at": now()}
    made: Job = Job.objects.create(workspace=workspace, number=number, kind="train", name="reviews", state=state, **empty, **more)
    return made


@pytest.mark.skipif(samples.folder() is None, reason="the package with the sample is not installed")
def test_sample_data_goes_in_by_the_ordinary_way_and_once(people: People) -> None:
    client = browser(people.charlie)
    assert "Use sample data" in seen(client)
    for _time in range(2):
        assert client.post(SAMPLE).url == HOME  # type: ignore[attr-defined]
    version = DatasetVersion.objects.get()
    assert (str(version), version.state, version.sources[0]["name"]) == ("sample-reviews@1", "preparing", samples.FILE)
    assert len(samples.reviews(samples.ROWS).splitlines()) == samples.ROWS + 1
    page = seen(client)
    assert "sample-reviews is being read" in page
    assert "Use sample data" not in page


def test_without_the_package_the_first_step_is_an_upload(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "folder", lambda: None)
    client = browser(people.alice)
    page = seen(client)
    assert "Upload data" in page
    assert "Use sample data" not in page
    assert client.post(SAMPLE).status_code == 404


def test_a_viewer_is_told_who_can_go_on(people: People) -> None:
    viewer = browser(people.member("vera", "viewer"))
    page = seen(viewer)
    assert "An editor of this workspace can do this." in page
    assert "sample-data" not in page
    assert viewer.post(SAMPLE).status_code == 403


def test_the_steps_are_put_away_and_found_again(people: People) -> None:
    client = browser(people.alice)
    client.post(f"{HOME}/first-steps", {"hide": "1"})
    assert "about 5 minutes" not in seen(client)
    assert "First steps" in seen(client)
    client.post(f"{HOME}/first-steps")
    assert "about 5 minutes" in seen(client)


def test_only_fresh_failures_without_a_better_job_need_attention(people: People) -> None:
    acme, client = people.alice.workspace, browser(people.alice)
    memory = {"error": {"code": "out_of_memory", "message": "CUDA out of memory"}, "finished_at": now()}
    failed = job(acme, 1, "failed", **memory)
    failed.work = {"params": {"batch_size": 16}}
    failed.save()
    assert "Retry with batch size 4" in seen(client)
    later = job(acme, 2, "succeeded", finished_at=now())
    assert "Needs attention" not in seen(client)
    later.delete()
    Job.objects.filter(pk=failed.pk).update(kind="prepare", dataset="reviews@1")
    assert "Needs attention" not in seen(client), "the data it should have prepared was deleted"
    Job.objects.filter(pk=failed.pk).update(kind="train", finished_at=now() - timedelta(days=8))
    assert "Needs attention" not in seen(client)


def test_a_page_that_breaks_says_so_in_the_readers_theme_with_the_requests_name(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("inside")

    monkeypatch.setattr("controlplane.workspaces.views.page", broken)
    browser = people.alice.in_browser().http
    browser.raise_request_exception = False
    browser.cookies["theme"] = "dark"
    answer = browser.get("/w/acme", headers={"X-Request-ID": "seen-in-the-log"})
    text = answer.content.decode()
    assert answer.status_code == 500
    assert 'data-theme="dark"' in text
    assert "seen-in-the-log" in text
    assert "inside" not in text


@pytest.mark.parametrize(
    ("q", "address"),
    [
        ("endpoint", "/w/acme/endpoints"),
        ("compare", "/w/acme/compare"),
        ("invite", "/w/acme/members"),
        ("password", "/accounts/password/change/"),
        ("delete endpoint", "/guide/en/deploying#stop-start-delete"),
        ("Excel", "/guide/en/datasets#files-it-reads"),
        ("校准误差", "/guide/zh/models#"),
    ],
)
def test_the_products_pages_and_its_guide_are_found_by_what_people_call_them(people: People, q: str, address: str) -> None:
    assert f'href="{address}' in browser(people.alice).get(f"{HOME}/search", {"q": q}).content.decode()


def test_the_palette_knows_pages_by_other_words_and_finds_the_guide(people: People) -> None:
    client = browser(people.alice)
    assert "invite people team" in seen(client)
    groups = client.get(f"{HOME}/search", {"q": "Excel"}, headers={"Accept": "application/json"}).json()["groups"]
    assert [group["title"] for group in groups] == ["User guide"]
    assert groups[0]["rows"][0]["note"] == "Datasets"
