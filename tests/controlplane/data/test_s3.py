"""The same rooms over S3: a local server that speaks its protocol stands for the bucket."""

import hashlib
import socket
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from controlplane import artifacts
from controlplane.data import intake, preview, services
from controlplane.data.models import Dataset, Upload
from controlplane.errors import Problem
from moto.server import ThreadedMotoServer

from tests.controlplane.data.conftest import Person, make_ready, new_version, parquet, upload
from workers.contract.names import MiB
from workers.contract.orders import PrepareWork


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An empty bucket the platform stores into; its endpoint."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    server.start()
    endpoint = f"http://127.0.0.1:{port}"
    name = f"slipway-{port}"
    urllib.request.urlopen(urllib.request.Request(f"{endpoint}/{name}", method="PUT", data=b""))
    for key, value in {
        "AWS_ENDPOINT": endpoint,
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1",
        "STORAGE_URL": f"s3://{name}/slipway",
    }.items():
        monkeypatch.setenv(key, value)
    yield endpoint
    server.stop()


def test_an_upload_becomes_a_version(bucket: str, alice: Person, tmp_path: Path) -> None:
    data = b"text,label\n" + b"good,1\n" * 2_000_000
    version = new_version(alice, data=data)
    assert Upload.objects.get().sha256 == hashlib.sha256(data).hexdigest()
    order = artifacts.fill(PrepareWork.model_validate(version.job.work))
    ref = order.files[0]
    assert (ref.path, ref.url.startswith(bucket)) == (None, True)
    assert urllib.request.urlopen(ref.url).read() == data
    assert "answers" in artifacts.check()


def test_rows_and_images_are_fetched_as_needed(bucket: str, alice: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = "SELECT i AS n, {{'bytes': '\\x89PNG\\x0D\\x0A\\x1A\\x0A'::BLOB, 'path': 'p.png'}} AS image FROM range({}, {}) r(i) ORDER BY i"
    shards = [parquet(tmp_path, f"train-{k}.parquet", one.format(k * 10, k * 10 + 10)) for k in range(4)]
    version = make_ready(new_version(alice), {"n": "integer", "image": "image"}, {"train": shards})
    fetched: list[str] = []
    real = artifacts.fetch
    monkeypatch.setattr(artifacts, "fetch", lambda uri, target: (fetched.append(uri), real(uri, target)))
    address = f"{alice.base}/datasets/reviews/versions/1/rows"
    page = alice.http("GET", f"{address}?offset=15&limit=10").json()
    assert [item["row"] for item in page["items"]] == [item["values"]["n"] for item in page["items"]] == list(range(15, 25))
    assert (page["total"], page["next_offset"], len(fetched)) == (40, 25, 3)
    last = alice.http("GET", f"{address}?filter=n:gt:37").json()
    assert ([item["row"] for item in last["items"]], len(fetched)) == ([38, 39], 4)
    image = alice.http("GET", page["items"][0]["values"]["image"].removeprefix("http://localhost"))
    assert (image.status, image.headers["content-type"]) == (200, "image/png")
    assert len(fetched) == 4
    file = alice.http("GET", f"{alice.base}/datasets/reviews/versions/1/files").json()["items"][0]
    part = alice.http("GET", file["url"].removeprefix("http://localhost"), headers={"Range": "bytes=0-3"})
    assert (part.status, part.content) == (206, b"PAR1")
    assert version.state == "ready"


def test_the_cache_of_shards_has_a_bound(bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preview, "CACHE_BYTES", 3 * MiB)
    for number in range(6):
        artifacts.put_bytes(f"ws/1/jobs/1/1/shards/{number}", b"x" * MiB)
        folder = preview.on_disk(f"ws/1/jobs/1/1/shards/{number}").parent
        assert sum(file.stat().st_size for file in folder.iterdir()) <= 3 * MiB


def test_deleting_empties_the_bucket(bucket: str, alice: Person, tmp_path: Path) -> None:
    version = make_ready(new_version(alice), {"n": "integer"}, {"train": [parquet(tmp_path, "t.parquet", "SELECT 1 AS n")]})
    uris = [version.sources[0]["uri"], version.shards["train"][0]["uri"]]
    assert None not in [artifacts.stat(uri) for uri in uris]
    version.job.state = "succeeded"
    version.job.save()
    services.delete_dataset(dataset=version.dataset)
    assert [artifacts.stat(uri) for uri in uris] == [None, None]


def test_a_worker_puts_by_a_signed_link(bucket: str) -> None:
    slot = artifacts.slot("ws/1/jobs/1/1/model/config.json")
    assert slot.path is None
    request = urllib.request.Request(slot.url or "", method="PUT", data=b"{}", headers={"Content-Type": "application/octet-stream"})
    assert urllib.request.urlopen(request).status == 200
    assert artifacts.read_bytes(slot.uri, 10) == b"{}"
    with pytest.raises(ValueError, match="more than 1"):
        artifacts.read_bytes(slot.uri, 1)


def test_uploads_deleted_before_use_are_named(bucket: str, alice: Person) -> None:
    alice.http("POST", f"{alice.base}/datasets", {"name": "reviews"})
    ready = Upload.objects.get(pk=upload(alice, b"a\n1\n"))
    artifacts.delete(ready.uri)
    dataset = Dataset.objects.get()
    with pytest.raises(Problem) as caught:
        services.add_version(dataset=dataset, user=alice.user, uploads=[ready])
    assert caught.value.code == "unknown_upload"
    intake.delete_upload(upload=ready)
