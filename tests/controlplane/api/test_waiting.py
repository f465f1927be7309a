"""`?wait=`: the answer comes when the state is final or the time is over, and holds no other request up meanwhile."""

import json
import threading
import time
import urllib.request
from typing import Any

from controlplane.jobs import services
from controlplane.jobs.models import Job
from controlplane.workspaces.models import Membership
from django.db import connection

from tests.people import People
from tests.server import Server
from workers.contract.orders import PrepareWork


def a_job(people: People) -> Job:
    person = people.alice
    return services.create_job(workspace=person.workspace, user=person.user, kind="predict", name="x", work=PrepareWork(files=[]))


def ask(server: Server, people: People, path: str) -> tuple[int, Any, float]:
    request = urllib.request.Request(server.base + path, headers={"Authorization": f"Bearer {people.alice.token}"})
    began = time.monotonic()
    try:
        with urllib.request.urlopen(request, timeout=40) as answer:
            return answer.status, json.load(answer), time.monotonic() - began
    except urllib.error.HTTPError as error:
        return error.code, json.load(error), time.monotonic() - began


def later(seconds: float, act: Any) -> threading.Thread:
    def run() -> None:
        time.sleep(seconds)
        act()
        connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_it_answers_as_soon_as_the_state_is_final(people: People, server: Server) -> None:
    job = a_job(people)
    thread = later(1.0, lambda: Job.objects.filter(pk=job.pk).update(state="cancelled"))
    status, body, took = ask(server, people, f"/api/v1/workspaces/acme/jobs/{job.number}?wait=20")
    thread.join()
    assert (status, body["state"]) == (200, "cancelled")
    assert 0.9 < took < 3


def test_it_answers_when_the_time_is_over(people: People, server: Server) -> None:
    job = a_job(people)
    status, body, took = ask(server, people, f"/api/v1/workspaces/acme/jobs/{job.number}?wait=1")
    assert (status, body["state"]) == (200, "queued")
    assert 0.9 < took < 2


def test_whoever_loses_access_meanwhile_loses_the_answer(people: People, server: Server) -> None:
    job = a_job(people)
    thread = later(0.5, lambda: Membership.objects.filter(user=people.alice.user, workspace__slug="acme").delete())
    status, body, took = ask(server, people, f"/api/v1/workspaces/acme/jobs/{job.number}?wait=10")
    thread.join()
    assert (status, body["code"]) == (404, "not_found")
    assert took < 3


def test_those_who_wait_hold_nobody_up(people: People, server: Server) -> None:
    job = a_job(people)
    waiting = [threading.Thread(target=ask, args=(server, people, f"/api/v1/workspaces/acme/jobs/{job.number}?wait=6")) for _ in range(40)]
    for thread in waiting:
        thread.start()
    time.sleep(1.5)
    took = min(ask(server, people, "/api/v1/me")[2] for _ in range(5))
    Job.objects.filter(pk=job.pk).update(state="cancelled")
    for thread in waiting:
        thread.join()
    assert took < 1


def test_what_has_no_state_is_answered_at_once(people: People, server: Server) -> None:
    assert ask(server, people, "/api/v1/me?wait=20")[2] < 2
