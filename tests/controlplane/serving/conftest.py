"""Model versions that are ready, and a data plane played by hand: its two words are `ready` and `ended`."""

import tempfile
from typing import Any

import pytest
from controlplane import outcomes
from controlplane.jobs.models import Job
from controlplane.jobs.transitions import move
from controlplane.registry.models import Model, ModelVersion
from controlplane.serving import reconcile, services
from controlplane.serving.models import Endpoint, Replica
from django.db import transaction

from tests.people import People
from workers.contract.events import End
from workers.contract.states import JobState


def error(code: str = "load_failed", message: str = "no such tensor") -> dict[str, Any]:
    return {"code": code, "message": message, "hint": "", "loc": {}}


class Plane:
    """What workers would do."""

    def __init__(self, people: People) -> None:
        self.people = people

    def model(self, name: str = "clf", versions: int = 3, task: str = "text-classification") -> list[ModelVersion]:
        workspace = self.people.alice.workspace
        model = Model.objects.create(workspace=workspace, name=name, task=task, last_version=versions)
        files = [{"name": "model.json", "uri": "ws/1/jobs/1/1/model/model.json", "size": 1000, "sha256": "0" * 64}]
        fields = {"state": "ready", "task": task, "recipe": f"{task}/majority", "files": files, "size_bytes": 1000}
        return [ModelVersion.objects.create(model=model, version=n, **fields) for n in range(1, versions + 1)]

    def starting(self, endpoint: str = "mood") -> list[Replica]:
        rows = Replica.objects.filter(revision__endpoint__name=endpoint, state="starting").select_related("job", "revision")
        return list(rows.order_by("created_at"))

    def live(self, endpoint: str = "mood") -> dict[int, int]:
        """{revision: replicas ready}."""
        found: dict[int, int] = {}
        for row in Replica.objects.filter(revision__endpoint__name=endpoint, state="ready").select_related("revision"):
            found[row.revision.revision] = found.get(row.revision.revision, 0) + 1
        return found

    def ready(self, endpoint: str = "mood") -> None:
        """Every starting replica has loaded."""
        for replica in self.starting(endpoint):
            self._run(replica.job)
            address = f"unix:{tempfile.gettempdir()}/slipway-0-0123456789/r/{replica.id}-1.sock"
            services.replica_ready(job=replica.job, data={"address": address, "secret": None, "host": "here"})

    def end(self, replica: Replica, error: dict[str, Any] | None = None, outcome: str = "failed") -> None:
        """The replica's job ends."""
        assert replica.job is not None
        self._run(replica.job)
        with transaction.atomic():
            outcomes.finish(replica.job, End(outcome=outcome, error=error))  # type: ignore[arg-type]

    def _run(self, job: Job | None) -> None:
        assert job is not None
        job.refresh_from_db()
        with transaction.atomic():
            if job.state == JobState.QUEUED:
                move(job, JobState.STARTING)
            if job.state == JobState.STARTING:
                move(job, JobState.RUNNING)

    def drained(self, endpoint: str = "mood") -> None:
        """Time passes; draining replicas are told to stop, and do."""
        Replica.objects.filter(state="draining").update(drain_at=None)
        self.tick(endpoint)
        for replica in Replica.objects.filter(revision__endpoint__name=endpoint, state="draining").select_related("job"):
            assert replica.job is not None
            assert replica.job.stop
            replica.job.refresh_from_db()
            with transaction.atomic():
                outcomes.finish(replica.job, End(outcome="cancelled"))
        self.tick(endpoint)

    def tick(self, endpoint: str = "mood") -> Endpoint:
        services.tick()
        return self.see(endpoint)

    def later(self) -> None:
        """The back-off is over."""
        from controlplane.serving.models import Revision

        Revision.objects.exclude(retry_at=None).update(retry_at="2020-01-01T00:00:00Z")
        services.tick()

    def see(self, endpoint: str = "mood") -> Endpoint:
        found: Endpoint = Endpoint.objects.get(name=endpoint)
        return found


@pytest.fixture
def plane(people: People) -> Plane:
    assert reconcile.DRAIN_GRACE
    return Plane(people)
