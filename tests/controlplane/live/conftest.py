"""A job with events, and sockets to watch it with."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from controlplane.jobs import services, store
from controlplane.jobs.models import Job
from django.db import transaction
from websockets.sync.client import ClientConnection, connect

from tests.people import People, Person
from tests.server import Server
from workers.contract.events import Event
from workers.contract.orders import PrepareWork


class Watched:
    """One job of acme; `say` appends log lines to it as a worker's batch would."""

    def __init__(self, people: People, server: Server) -> None:
        self.people, self.server = people, server
        person = people.alice
        self.job: Job = services.create_job(
            workspace=person.workspace, user=person.user, kind="predict", name="watched", work=PrepareWork(files=[])
        )
        self.seq = 0

    @property
    def cursor(self) -> int:
        return Job.objects.values_list("cursor", flat=True).get(pk=self.job.pk)

    def say(self, *lines: str) -> None:
        events = [Event(seq=self.seq + n, time=1.7e9, type="log", data={"level": "info", "text": text}) for n, text in enumerate(lines, 1)]
        with transaction.atomic():
            store.append(job=self.job.pk, attempt=1, rank=0, first_seq=self.seq + 1, events=events)
        self.seq += len(lines)

    @contextmanager
    def watch(
        self, person: Person | None = None, after: Any = None, job: str | None = None, ws: str = "acme", **headers: str
    ) -> Iterator[ClientConnection]:
        """A socket, opened with the person's token unless headers say otherwise."""
        query = "" if after is None else f"?after={after}"
        sent = headers or {"Authorization": f"Bearer {(person or self.people.alice).token}"}
        address = f"ws://{self.server.host}/ws/workspaces/{ws}/jobs/{job or self.job.number}{query}"
        with connect(address, additional_headers=sent, open_timeout=10, close_timeout=2, max_size=None) as socket:
            yield socket


def frames(socket: ClientConnection, count: int, timeout: float = 10) -> list[dict[str, Any]]:
    return [json.loads(socket.recv(timeout)) for _ in range(count)]


def texts(found: list[dict[str, Any]]) -> list[str]:
    return [frame["data"]["text"] for frame in found if frame["type"] == "log"]


@pytest.fixture
def watched(people: People, server: Server) -> Watched:
    return Watched(people, server)
