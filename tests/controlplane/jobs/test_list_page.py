"""The page of all jobs: sorting, filters, columns, ticks, and rows that keep themselves up to date."""

import re
from typing import Any

import pytest
from controlplane.jobs.models import Job

from tests.controlplane.jobs.rows import job_rows
from tests.people import People, Person

pytestmark = pytest.mark.django_db

ROWS = {"HX-Request": "true", "HX-Request-Type": "partial", "HX-Target": "div#rows"}


def numbers(answer: Any) -> list[int]:
    return [int(number) for number in re.findall(r'<tr id="j-(\d+)"', answer.body.decode())]


def post(person: Person, path: str, **fields: Any) -> Any:
    """A form as the browser sends it, with its token."""
    http = person.http
    http.get("/w/acme/jobs")
    token = http.cookies["csrftoken"].value
    return http.post(path, {**fields, "csrfmiddlewaretoken": token}, headers={"Origin": "http://testserver"})


@pytest.fixture
def alice(people: People) -> Person:
    return people.alice.in_browser()


def poll(answer: Any) -> str:
    found = re.search(r'id="rows" hx-get="([^"]+)"', answer.body.decode())
    assert found
    return found[1].replace("&amp;", "&")


def test_it_sorts_on_the_server_and_says_so(alice: Person) -> None:
    for name in ("beta", "alpha", "gamma"):
        job_rows(alice.workspace, alice.user, 1, name=name)
    page = alice.get("/w/acme/jobs?sort=name")
    assert numbers(page) == [2, 1, 3]
    assert '<th scope="col" aria-sort="ascending"><a href="/w/acme/jobs?sort=-name"' in page.body.decode()
    assert numbers(alice.get("/w/acme/jobs")) == [3, 2, 1]
    assert 'aria-sort="descending"' in alice.get("/w/acme/jobs").body.decode()


def test_it_filters_and_each_filter_can_be_removed_alone(alice: Person) -> None:
    job_rows(alice.workspace, alice.user, 1, state="failed")
    job_rows(alice.workspace, alice.user, 1, recipe="text-generation/pretrain", state="failed")
    job_rows(alice.workspace, alice.user, 1)
    page = alice.get("/w/acme/jobs?state=failed&recipe=text-generation/pretrain")
    assert numbers(page) == [2]
    assert '<a class="chip" href="/w/acme/jobs?state=failed">' in page.body.decode()


def test_it_answers_204_while_nothing_changed_and_keeps_new_rows_back(alice: Person) -> None:
    job_rows(alice.workspace, alice.user, 2, state="running", finished_at=None)
    address = poll(alice.get("/w/acme/jobs"))
    assert alice.get(address, **ROWS).status == 204
    Job.objects.filter(number=1).update(progress={"step": 300, "total_steps": 400})
    moved = alice.get(address, **ROWS)
    assert (moved.status, numbers(moved)) == (200, [2, 1])
    job_rows(alice.workspace, alice.user, 3)
    fresh = alice.get(poll(moved), **ROWS)
    assert numbers(fresh) == [2, 1]
    assert "3 new jobs, show" in fresh.body.decode()
    assert alice.get(poll(fresh), **ROWS).status == 204
    assert numbers(alice.get("/w/acme/jobs")) == [5, 4, 3, 2, 1]


def test_it_keeps_the_columns_and_the_metric_of_each_person(alice: Person, people: People) -> None:
    job_rows(alice.workspace, alice.user, 1)
    assert "eval/loss" in alice.get("/w/acme/jobs").body.decode()
    sent = {"column": ["state", "metric"], "metric": "eval/loss", "take": "min", "back": "/w/acme/jobs?sort=name"}
    answer = post(alice, "/w/acme/jobs/columns", **sent)
    assert (answer.status_code, answer["Location"]) == (302, "/w/acme/jobs?sort=name")
    text = alice.get("/w/acme/jobs").body.decode()
    heads = re.findall(r'<th scope="col"[^>]*>(?:<a[^>]*>)?([A-Z]\w+)', text)
    assert heads == ["Job", "State", "Metric"]
    assert '<td class="num">0.4</td>' in text
    assert re.search(r"<td[^>]*>reviews@1</td>", people.charlie.in_browser().get("/w/acme/jobs").body.decode())
    assert post(alice, "/w/acme/jobs/columns", column=["state"], back="//evil.example")["Location"] == "/w/acme/jobs"


def test_ticked_jobs_are_compared_stopped_and_deleted(alice: Person) -> None:
    job_rows(alice.workspace, alice.user, 2)
    job_rows(alice.workspace, alice.user, 1, state="queued", finished_at=None, started_at=None)
    assert post(alice, "/w/acme/jobs/ticked", job=["1", "2"], act="compare")["Location"] == "/w/acme/compare?jobs=1,2"
    post(alice, "/w/acme/jobs/ticked", job=["3"], act="stop")
    assert Job.objects.get(number=3).state == "cancelled"
    post(alice, "/w/acme/jobs/ticked", job=["1", "3"], act="delete")
    assert list(Job.objects.values_list("number", flat=True)) == [2]


def test_a_viewer_stops_and_deletes_nothing(people: People) -> None:
    viewer = people.member("vera", "viewer").in_browser()
    job_rows(viewer.workspace, viewer.user, 1)
    post(viewer, "/w/acme/jobs/ticked", job=["1"], act="delete")
    assert Job.objects.filter(number=1).exists()
    assert 'value="delete"' not in viewer.get("/w/acme/jobs").body.decode()


def test_a_job_that_works_or_explains_a_model_is_not_deleted(people: People) -> None:
    alice = people.alice
    job_rows(alice.workspace, alice.user, 1, state="running", finished_at=None)
    assert alice.delete("…/jobs/1").code == "job_not_ended"
    Job.objects.update(state="succeeded")
    assert alice.delete("…/jobs/1").status == 204
    assert alice.get("…/jobs/1").status == 404
