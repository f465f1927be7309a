"""An endpoint with replicas of the test's own behind the real gateway."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from controlplane.registry.models import Model, ModelVersion
from controlplane.serving.models import Endpoint, Revision
from controlplane.serving.models import Replica as Row
from controlplane.serving.routes import announce
from django.utils import timezone

from tests.controlplane.gateway.door import Door
from tests.controlplane.gateway.replica import Replica
from tests.people import People
from tests.server import Server


class Field:
    """Makes endpoints whose rows name replicas of the test."""

    def __init__(self, people: People) -> None:
        self.people = people
        self.replicas: list[Replica] = []

    def endpoint(self, name: str = "mood", task: str = "text-classification", replicas: int = 1, **fields: Any) -> Endpoint:
        endpoint: Endpoint = Endpoint.objects.create(workspace=self.people.alice.workspace, name=name, task=task, state="ready", **fields)
        self.revision(endpoint, replicas=replicas)
        return endpoint

    def revision(self, endpoint: Endpoint, replicas: int = 1, traffic: int = 100, label: str = "good") -> Revision:
        model, _ = Model.objects.get_or_create(workspace=endpoint.workspace, name=f"{endpoint.name}-model", task=endpoint.task)
        number = endpoint.revisions.count() + 1
        version = ModelVersion.objects.create(model=model, version=number, state="ready", task=endpoint.task)
        revision = Revision.objects.create(
            endpoint=endpoint, revision=number, model_version=version, model=str(version), state="ready", traffic=traffic
        )
        for _ in range(replicas):
            self.replica(revision, label)
        return revision

    def replica(self, revision: Revision, label: str = "good") -> Replica:
        replica = Replica(label)
        self.replicas.append(replica)
        Row.objects.create(id=f"r{len(self.replicas)}", revision=revision, state="ready", address=replica.address, ready_at=timezone.now())
        announce(revision.endpoint)
        return replica

    def close(self) -> None:
        for replica in self.replicas:
            replica.close()


@pytest.fixture
def field(people: People) -> Iterator[Field]:
    made = Field(people)
    yield made
    made.close()


@pytest.fixture
def door(server: Server, people: People) -> Door:
    """Alice's door to the gateway."""
    return Door(server, people.alice.token)


@pytest.fixture
def as_person(server: Server) -> Callable[[str], Door]:
    return lambda token: Door(server, token)
