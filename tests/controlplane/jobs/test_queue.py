"""The queue: who stands where, why it waits in words and links, what lets it start, and who may change that."""

from typing import Any

import pytest
from controlplane.audit.models import AuditEvent
from controlplane.jobs.models import Job, Worker
from controlplane.jobs.queue_views import ROWS
from controlplane.jobs.scheduler import schedule
from controlplane.jobs.services import create_job

from tests.controlplane.jobs.conftest import Host, place
from tests.controlplane.jobs.rows import job_rows
from tests.controlplane.jobs.test_hosts import GPUS, earlier, job
from tests.people import People, Person
from workers.contract.names import GiB
from workers.contract.orders import PrepareWork, Resources


@pytest.fixture
def host(people: People) -> Host:
    return Host().join()


def order(people: People) -> list[str]:
    return [item["job"]["name"] if item["job"] else "-" for item in people.charlie.get("…/queue").body["items"]]


def send(person: Person, path: str, **form: Any) -> str:
    browser = person.in_browser()
    browser.http.handler.enforce_csrf_checks = False
    return str(browser.http.post(f"/w/acme/queue/{path}", form, follow=True).content.decode())


def test_jobs_of_one_priority_change_places(people: People, host: Host) -> None:
    job(people, "runs")
    second, third, fourth = (job(people, name) for name in ("second", "third", "fourth"))
    assert order(people) == ["second", "third", "fourth"]
    assert "has changed its place" in send(people.alice, str(fourth.number), move="up")
    assert order(people) == ["second", "fourth", "third"]
    assert people.alice.patch(f"…/jobs/{second.number}", {"move": "down"}).status == 200
    assert order(people) == ["fourth", "second", "third"]
    assert people.alice.patch(f"…/jobs/{fourth.number}", {"move": "up"}).code == "no_further"
    assert people.alice.patch(f"…/jobs/{third.number}", {"move": "down"}).code == "no_further"
    assert people.charlie.patch(f"…/jobs/{third.number}", {"move": "up"}).status == 403
    assert people.alice.patch(f"…/jobs/{third.number}", {"priority": 5}).status == 200
    assert order(people) == ["third", "fourth", "second"]
    assert people.alice.patch(f"…/jobs/{third.number}", {"move": "down"}).code == "no_further", "of another priority"
    assert list(AuditEvent.objects.filter(action="job.move").order_by("pk").values_list("data__to", flat=True)) == ["up", "down"]
    browser = people.alice.in_browser().http
    browser.handler.enforce_csrf_checks = False
    seen = {"Referer": "http://testserver/w/acme/workers?span=7d&open=&reconnect=alpha"}
    answer = browser.post(f"/w/acme/queue/{third.number}", {"priority": "5"}, headers=seen)
    assert answer["Location"] == "/w/acme/workers?span=7d&open="
    page = people.alice.in_browser().get("/w/acme/workers").body.decode()
    assert page.count('value="up"') == 3
    assert 'value="up"' not in people.charlie.in_browser().get("/w/acme/workers").body.decode()


def test_it_says_what_its_place_waits_for(people: People, host: Host) -> None:
    running, _second, _third = (job(people, name) for name in ("runs", "second", "third"))
    host.claim(place(running))
    page = people.charlie.in_browser().get("/w/acme/workers").body.decode()
    line = page.split('id="queue"')[1]
    assert f'<a class="link" href="/w/acme/jobs/{running.number}">#{running.number}</a> has it.' in line
    Job.objects.filter(pk=running.pk).update(progress={"eta_seconds": 120})
    line = people.charlie.in_browser().get("/w/acme/workers").body.decode().split('id="queue"')[1]
    assert f'Its place on alpha comes free when <a class="link" href="/w/acme/jobs/{running.number}">' in line
    assert "in 2 min" in line or "in 1 min 59 s" in line or "in 1 min 58 s" in line


def test_of_other_workspaces_only_that_they_are_there(people: People, host: Host) -> None:
    bob = people.bob
    create_job(workspace=bob.workspace, user=bob.user, kind="train", name="bobs-own", work=PrepareWork(files=[]))
    schedule()
    job(people, "waits")
    page = people.charlie.in_browser().get("/w/acme/workers").body.decode()
    assert "A job of another workspace has it." in page
    assert "bobs-own" not in page


def test_memory_is_named_when_memory_is_lacking(people: People, host: Host) -> None:
    job(people, "large", resources=Resources(memory_bytes=9 * GiB))
    page = people.alice.in_browser().get("/w/acme/workers").body.decode()
    assert "It asks for 9.7 GB; alpha has most free, 8.6 GB." in page


def test_another_device_lets_it_start_at_once(people: People, host: Host) -> None:
    recipe = "text-classification/finetune"
    waits = job(people, "waits", recipe=recipe, resources=Resources(device="cuda"))
    other = job(people, "majority", recipe="text-classification/majority", resources=Resources(device="cuda"))
    assert waits.reason == {"code": "no_device", "message": "No online worker has a cuda device."}
    page = people.charlie.in_browser().get("/w/acme/workers").body.decode()
    assert page.count("Use the CPU, start now") == 2
    assert "Use the CPU" not in people.member("vera", "viewer").in_browser().get("/w/acme/workers").body.decode()
    assert people.charlie.patch(f"…/jobs/{other.number}", {"device": "cuda"}).status == 200
    assert "now asks for the CPU" in send(people.charlie, f"{waits.number}/device", device="cpu")
    schedule()
    waits.refresh_from_db()
    assert (waits.state, waits.resources["device"], place(waits).device) == ("starting", "cpu", "cpu")
    assert people.charlie.patch(f"…/jobs/{waits.number}", {"device": "cpu"}).code == "job_started"
    line = people.charlie.in_browser().get("/w/acme/workers").body.decode()
    assert "Use the CPU, start now" not in line, "it is in use"
    assert ">Use the CPU<" in line
    assert people.charlie.patch(f"…/jobs/{other.number}", {"device": "tpu"}).status == 422
    earlier(600)
    page = people.charlie.in_browser().get("/w/acme/workers").body.decode()
    assert "Use the CPU" not in page, "nothing is online"


def test_a_free_gpu_is_offered_where_the_recipe_can_use_it(people: People, host: Host) -> None:
    Worker.objects.update(devices=[*Worker.objects.get().devices, *GPUS])
    job(people, "runs")
    job(people, "waits", recipe="text-classification/finetune")
    page = people.charlie.in_browser().get("/w/acme/workers").body.decode()
    assert "Use a GPU, start now" in page


def test_a_draining_host_is_offered_to_operators(people: People, host: Host) -> None:
    Worker.objects.update(draining=True)
    job(people, "waits")
    assert "Let alpha take jobs again" in people.alice.in_browser().get("/w/acme/workers").body.decode()
    assert "Let alpha take jobs again" not in people.charlie.in_browser().get("/w/acme/workers").body.decode()


def test_a_long_queue_shows_its_head(people: People, host: Host) -> None:
    runs = job(people, "runs")
    job_rows(people.alice.workspace, people.alice.user, 200, state="queued", resources={"device": "cpu"}, reason=runs.reason)
    page = people.alice.in_browser().get("/w/acme/workers").body.decode()
    assert page.count('class="place"') == ROWS
    assert f"{200 - ROWS} more jobs wait behind these" in page
    assert len(order(people)) == 200
