"""Two teams, and ready dataset versions without any worker: the reader's result is written by hand."""

import hashlib
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pytest
from controlplane import artifacts
from controlplane.accounts.models import User
from controlplane.data import services
from controlplane.data.models import DatasetVersion
from controlplane.workspaces.models import Membership, Workspace
from controlplane.workspaces.tokens import create_token

from tests.controlplane.data.wire import Http
from workers.contract.events import End

ALL = ("read", "write", "predict", "admin")


class Person(NamedTuple):
    user: User
    workspace: Workspace
    http: Http

    @property
    def base(self) -> str:
        return f"/api/v1/workspaces/{self.workspace.slug}"


def person(name: str, workspace: Workspace, role: str = "owner", scopes: tuple[str, ...] = ALL) -> Person:
    user, _ = User.objects.get_or_create(email=f"{name}@example.org")
    Membership.objects.get_or_create(workspace=workspace, user=user, defaults={"role": role})
    return Person(user, workspace, Http(create_token(user=user, scopes=scopes)[1]))


@pytest.fixture
def alice(transactional_db: Any) -> Person:
    return person("alice", Workspace.objects.create(slug="acme", title="Acme"))


@pytest.fixture
def bob(transactional_db: Any) -> Person:
    """Of another team."""
    return person("bob", Workspace.objects.create(slug="birch", title="Birch"))


@pytest.fixture
def viewer(alice: Person) -> Person:
    return person("vera", alice.workspace, "viewer")


def upload(who: Person, data: bytes, name: str = "data.csv") -> str:
    """A finished upload's id, sent in one request."""
    import base64

    headers = {
        "Tus-Resumable": "1.0.0",
        "Upload-Length": str(len(data)),
        "Upload-Metadata": f"filename {base64.b64encode(name.encode()).decode()}",
        "Content-Type": "application/offset+octet-stream",
    }
    reply = who.http("POST", f"{who.base}/uploads", body=data, headers=headers)
    if reply.status != 201:
        raise AssertionError(reply)
    return reply.headers["location"].rsplit("/", 1)[-1]


def parquet(folder: Path, name: str, sql: str) -> Path:
    path = folder / name
    duckdb.connect().execute(f"COPY ({sql}) TO '{path}' (FORMAT parquet)")
    return path


def make_ready(version: DatasetVersion, features: dict[str, str], shards: dict[str, list[Path]], **more: Any) -> DatasetVersion:
    """Ends the version's preparing job as its reader would."""
    job = version.job
    refs: dict[str, list[dict[str, Any]]] = {}
    rows = {}
    for split, paths in shards.items():
        refs[split], rows[split] = [], 0
        for path in paths:
            uri = f"ws/{version.dataset.workspace_id}/jobs/{job.pk}/1/shards/{path.name}"
            size = artifacts.put_file(uri, path)
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            refs[split].append({"name": path.name, "uri": uri, "size": size, "sha256": digest})
            rows[split] += len(duckdb.read_parquet(str(path)))
    result = {
        "format": "csv",
        "features": features,
        "classes": {},
        "splits": rows,
        "shards": refs,
        "statistics": {"rows": sum(rows.values())},
    }
    services.preparation_ended(job=job, end=End(outcome="succeeded", result={**result, "sha256": version.sha256, **more}))
    version.refresh_from_db()
    return version


def new_version(who: Person, name: str = "reviews", data: bytes = b"text,label\na,1\n") -> DatasetVersion:
    """A version that is being prepared."""
    who.http("POST", f"{who.base}/datasets", {"name": name})
    reply = who.http("POST", f"{who.base}/datasets/{name}/versions", {"uploads": [upload(who, data)]})
    if reply.status != 202:
        raise AssertionError(reply)
    found: DatasetVersion = DatasetVersion.objects.select_related("dataset", "job").get(
        dataset__workspace=who.workspace, dataset__name=name, version=reply.json()["version"]
    )
    return found
