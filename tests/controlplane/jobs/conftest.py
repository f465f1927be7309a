"""A worker host as the door sees one, without any process: what it says and what it is told."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest
from controlplane.accounts.models import User
from controlplane.jobs import services
from controlplane.jobs.models import Allocation, Job
from controlplane.workspaces.models import Membership, Workspace
from django.test import Client

from workers.contract.home import secret
from workers.contract.names import CONTRACT_VERSION, GiB
from workers.contract.orders import PrepareWork


@dataclass
class Host:
    """Speaks to `/internal/v1` as a worker host and as its shepherds."""

    name: str = "alpha"
    client: Client = field(default_factory=Client)
    token: str = ""

    def post(self, path: str, body: dict[str, Any], token: str) -> Any:
        answer = self.client.post(
            f"/internal/v1/{path}", orjson.dumps(body), content_type="application/json", headers={"Authorization": f"Bearer {token}"}
        )
        return answer.status_code, orjson.loads(answer.content or b"{}")

    def join(self) -> "Host":
        devices = [{"id": "cpu", "kind": "cpu", "memory_bytes": 8 * GiB, "name": "CPU"}]
        body = {"name": self.name, "contract": CONTRACT_VERSION, "devices": devices, "cpus": 2, "memory_bytes": 8 * GiB}
        status, answer = self.post("join", body, secret("join_token"))
        if status != 200:
            raise RuntimeError(answer)
        self.token = answer["token"]
        return self

    def claim(self, allocation: Allocation) -> tuple[int, dict[str, Any]]:
        status, answer = self.post(f"allocations/{allocation.pk}/claim", {"contract": CONTRACT_VERSION}, self.token)
        return status, answer

    def attempt(self, allocation: Allocation, token: str, what: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        status, answer = self.post(f"attempts/{allocation.pk}/{what}", body, token)
        return status, answer


@dataclass
class Team:
    user: User
    workspace: Workspace

    def job(self, **more: Any) -> Job:
        """A job whose order is real and whose kind nobody has to settle specially."""
        return services.create_job(
            workspace=self.workspace, user=self.user, kind=more.pop("kind", "predict"), name="a job", work=PrepareWork(files=[]), **more
        )


@pytest.fixture
def team(transactional_db: Any) -> Team:
    user = User.objects.create(email="alice@example.org")
    workspace = Workspace.objects.create(slug="acme", title="Acme")
    Membership.objects.create(workspace=workspace, user=user, role="owner")
    return Team(user, workspace)


@pytest.fixture
def host(transactional_db: Any) -> Iterator[Host]:
    return Host().join()


def place(job: Job) -> Allocation:
    """The newest allocation of a job."""
    return Allocation.objects.filter(attempt__job=job).latest("pk")


def log_event(seq: int, text: str) -> dict[str, Any]:
    return {"seq": seq, "time": 1_700_000_000 + seq, "type": "log", "data": {"level": "info", "text": text}}


def metric_event(seq: int, step: int, **values: float) -> dict[str, Any]:
    return {
        "seq": seq,
        "time": 1_700_000_000 + seq,
        "type": "metric",
        "data": {"step": step, "values": {k.replace("__", "/"): v for k, v in values.items()}},
    }
