"""Worker hosts and the queue: samples of their load, who drains them, who orders the queue, and when something will start."""

from datetime import timedelta
from typing import Any

import pytest
from controlplane.jobs import forecast
from controlplane.jobs.models import Job, WorkerSample
from controlplane.jobs.transitions import now
from controlplane.jobs.workers import KEPT_MINUTES, minute_of

from tests.controlplane.jobs.conftest import Host, place
from tests.people import People
from workers.contract.names import GiB
from workers.host import GraphicsLoad

LOAD = {"cpu": [0.5, 0.4, 0.3], "use": 0.25, "memory_available": 6 * GiB, "devices": {"cuda:9": {"use": 1.0}}}


@pytest.fixture
def host(people: People) -> Host:
    return Host().join()


def beat(host: Host, load: dict[str, Any] = LOAD) -> dict[str, Any]:
    status, answer = host.post("workers/heartbeat", {"load": load, "running": []}, host.token)
    assert status == 200
    return answer


def earlier(seconds: int) -> None:
    from controlplane.jobs.models import Worker

    Worker.objects.update(seen_at=now() - timedelta(seconds=seconds))


def job(people: People, name: str, **more: Any) -> Job:
    from controlplane.jobs import services

    from workers.contract.orders import PrepareWork

    space, user = people.alice.workspace, people.alice.user
    made = services.create_job(workspace=space, user=user, kind="train", name=name, work=PrepareWork(files=[]), **more)
    services.schedule()
    made.refresh_from_db()
    return made


def test_one_sample_a_minute_is_kept_for_a_week(people: People, host: Host) -> None:
    beat(host)
    assert WorkerSample.objects.count() == 0, "the minute it joined in has begun already"
    earlier(61)
    beat(host)
    beat(host)
    sample = WorkerSample.objects.get()
    assert (sample.use, sample.memory_used, sample.devices) == (0.25, 2 * GiB, {})
    WorkerSample.objects.create(worker=sample.worker, minute=minute_of(now()) - KEPT_MINUTES - 61)
    from controlplane.jobs import workers

    workers.sample(sample.worker, minute_of(now()) // 60 * 60 + 60, LOAD)
    assert WorkerSample.objects.filter(minute__lt=minute_of(now()) - KEPT_MINUTES).count() == 0


def test_nonsense_from_a_host_is_not_kept(people: People, host: Host) -> None:
    earlier(61)
    beat(host, {"use": "much", "memory_available": None, "devices": [1]})
    sample = WorkerSample.objects.get()
    assert (sample.use, sample.memory_used, sample.devices) == (None, None, {})


def test_the_page_draws_hosts_and_queue(people: People, host: Host) -> None:
    earlier(61)
    beat(host)
    running, waits = job(people, "runs"), job(people, "waits")
    host.claim(place(running))
    page = people.charlie.in_browser().get("/w/acme/workers").body.decode()
    assert f">#{running.number}</a>" in page
    assert 'class="newest" d="M59.15 20v-5.0' in page
    assert "25 %" in page
    assert "2.1 GB of 8.6 GB" in page
    assert ">waits</a>" in page
    assert 'name="priority"' not in page
    assert 'value="drain"' not in page
    assert ">waits</a>" not in people.bob.in_browser().get("/w/bobs/workers").body.decode()
    for span in ("24h", "7d", "x"):
        assert people.charlie.in_browser().get(f"/w/acme/workers?span={span}").status == 200
    assert waits.state == "queued"


def test_operators_drain_a_host_and_nobody_else(people: People, host: Host) -> None:
    from django.core.management import call_command

    call_command("operator", "alice@example.org", "--revoke", verbosity=0)
    owner = people.alice.in_browser()
    owner.http.handler.enforce_csrf_checks = False
    answer = owner.http.post("/w/acme/workers/alpha/drain", {"act": "drain"})
    assert answer.status_code == 403
    assert "operator" in answer.content.decode()
    assert beat(host)["drain"] is False
    call_command("operator", "alice@example.org", verbosity=0)
    assert owner.http.post("/w/acme/workers/alpha/drain", {"act": "drain"}).status_code == 302
    assert beat(host)["drain"] is True
    assert owner.http.post("/w/acme/workers/alpha/drain", {"act": "resume"}).status_code == 302
    assert beat(host)["drain"] is False
    assert owner.http.post("/w/acme/workers/beta/drain", {}).status_code == 404
    assert people.charlie.patch("…/workers/alpha", {"draining": True}).status == 403
    assert people.alice.patch("…/workers/alpha", {"draining": True}).body["state"] == "draining"
    assert people.alice.patch("…/workers/beta", {"draining": True}).status == 404


def test_owners_order_the_queue(people: People, host: Host) -> None:
    first, second, third = (job(people, name) for name in ("first", "second", "third"))
    assert first.state == "starting"
    order = [item["job"]["name"] for item in people.charlie.get("…/queue").body["items"]]
    assert order == ["second", "third"]
    assert people.charlie.patch(f"…/jobs/{third.number}", {"priority": 5}).status == 403
    assert people.alice.patch(f"…/jobs/{third.number}", {"priority": 11}).status == 422
    owner = people.alice.in_browser()
    owner.http.handler.enforce_csrf_checks = False
    assert owner.http.post(f"/w/acme/queue/{third.number}", {"priority": "5"}).status_code == 302
    order = [item["job"]["name"] for item in people.charlie.get("…/queue").body["items"]]
    assert order == ["third", "second"]
    assert people.alice.patch(f"…/jobs/{first.number}", {"priority": 5}).code == "job_started"
    assert second.state == "queued"


def test_what_waits_starts_when_what_runs_ends(people: People, host: Host) -> None:
    running, second, third = (job(people, name) for name in ("runs", "second", "third"))
    assert {pk: start.at for pk, start in forecast.starts().items()} == {second.pk: None, third.pk: None}
    Job.objects.filter(pk=running.pk).update(progress={"eta_seconds": 120})
    begins = forecast.starts()
    at = begins[second.pk].at
    assert at is not None
    assert 110 < (at - now()).total_seconds() < 121
    assert (begins[second.pk].worker, begins[second.pk].after) == ("alpha", running)
    assert begins[third.pk].at is None, "how long the second takes is not known"
    Job.objects.create(
        workspace=people.alice.workspace, number=90, kind="train", name="before", state="succeeded", work={}, queued_at=now(),
        started_at=now() - timedelta(seconds=60), finished_at=now(),
    )  # fmt: skip
    later = forecast.starts()[third.pk].at
    assert later is not None
    assert 170 < (later - now()).total_seconds() < 181


def test_graphics_devices_are_read_as_the_tool_says_them() -> None:
    assert GraphicsLoad.parse("0, 87, 71000, 71\n1, [N/A], 12, 34\n") == {
        "cuda:0": {"use": 0.87, "memory_used": 71000 * 1024 * 1024, "celsius": 71},
        "cuda:1": {"memory_used": 12 * 1024 * 1024, "celsius": 34},
    }


GPUS = [{"id": f"cuda:{n}", "kind": "cuda", "memory_bytes": 24 * GiB, "name": "RTX 4090"} for n in (0, 1)]


def test_a_host_with_several_devices_unfolds(people: People, host: Host) -> None:
    from controlplane.jobs.models import Worker

    Worker.objects.update(devices=[*Worker.objects.get().devices, *GPUS])
    figures = {"cuda:0": {"use": 0.5, "memory_used": 6 * GiB, "celsius": 71}, "cuda:1": {"use": 0.1, "memory_used": 6 * GiB, "celsius": 0}}
    earlier(61)
    beat(host, LOAD | {"devices": figures})
    page = people.alice.in_browser().get("/w/acme/workers").body.decode()
    assert "30 %" in page, "the mean of both"
    assert "12.9 GB of 51.5 GB" in page
    assert "2 GPUs" in page
    assert "71 °C" in page, "the first is open"
    assert "0 °C" in page
    folded = people.alice.in_browser().get("/w/acme/workers?open=&span=1h").body.decode()
    assert "71 °C" not in folded
    assert 'aria-expanded="false"' in folded
    assert "open=alpha" in folded


def test_a_week_is_read_from_some_minutes(people: People, host: Host) -> None:
    from controlplane.jobs.models import Worker

    last = minute_of(now())
    worker = Worker.objects.get()
    WorkerSample.objects.bulk_create(WorkerSample(worker=worker, minute=minute, use=0.5, devices={}) for minute in range(last - 700, last))
    page = people.alice.in_browser().get("/w/acme/workers?span=7d").body.decode()
    assert "v-10.0h" in page


def test_a_host_that_is_gone_is_reconnected_or_forgotten(people: People, host: Host) -> None:
    from controlplane.audit.models import AuditEvent
    from controlplane.jobs.models import Worker

    assert people.alice.delete("…/workers/alpha").code == "worker_online"
    ran = job(people, "ran")
    earlier(600)
    page = people.alice.in_browser().get("/w/acme/workers?reconnect=alpha").body.decode()
    assert "No contact since" in page
    assert "SLIPWAY_WORKER=alpha" in page
    assert page.count(" open data-open") == 1
    assert people.alice.delete("…/workers/alpha").code == "worker_in_use"
    place(ran).delete()
    assert people.charlie.delete("…/workers/alpha").status == 403
    owner = people.alice.in_browser()
    owner.http.handler.enforce_csrf_checks = False
    assert "alpha is forgotten" in owner.http.post("/w/acme/workers/alpha/remove", follow=True).content.decode()
    assert not Worker.objects.exists()
    assert AuditEvent.objects.filter(action="worker.remove", target_id="alpha").count() == 1
    assert people.alice.delete("…/workers/alpha").status == 404
    assert host.post("workers/heartbeat", {"load": {}, "running": []}, host.token)[0] == 401
    assert Host().join().token, "it joins again"
