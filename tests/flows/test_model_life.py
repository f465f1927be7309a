"""A model after its training, on the whole platform: measured, brought back as an archive, served, replaced, restarted."""

import io
import json
import random
import tarfile
import threading
import time
import urllib.request
from collections import Counter
from typing import Any

import pyarrow.parquet as parquet
import pytest

from tests.stack import Api, Stack

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def api(stack: Stack) -> Api:
    return stack.client("life@example.org", "life")


@pytest.fixture(scope="module")
def reference(api: Api) -> str:
    """Two versions of a baseline; the first one's reference."""
    rng = random.Random(1)
    rows = "".join(f"text number {number},{rng.choice(['yes', 'yes', 'no'])}\n" for number in range(300))
    version = api.dataset("answers", "answers.csv", ("text,label\n" + rows).encode())
    assert version["state"] == "ready", version["error"]
    made = [api.train(recipe="text-classification/majority", dataset="answers@1", model_name="base") for _ in range(2)]
    assert [job["model"] for job in made] == ["base@1", "base@2"], made[0]["error"]
    return "base@1"


def test_it_is_measured_on_any_split(api: Api, reference: str) -> None:
    job = api.post("…/models/base/versions/1/evaluations", {"dataset": "answers@1", "split": "train"})
    done = api.wait(f"…/jobs/{job['id']}", {"succeeded", "failed"})
    assert done["state"] == "succeeded", done["error"]
    found, own = api.get("…/models/base/versions/1/evaluations")["items"]
    assert (found["state"], found["split"]) == ("ready", "train")
    assert 0.5 < found["metrics"]["test/accuracy"] < 0.8
    assert found["report"]["rows"] == 240
    assert (own["split"], own["report"]["rows"]) == ("test", 30), "what training measured by itself"
    for measured, rows in ((found, 240), (own, 30)):
        counts = measured["report"]["confusion_matrix"]
        wrong = counts["counts"][counts["labels"].index("no")][counts["labels"].index("yes")]
        cell = api.get(f"{measured['answers']}?actual=no&predicted=yes&limit=200")
        assert cell["total"] == len(cell["items"]) == wrong
        assert {(row["actual"], row["predicted"]) for row in cell["items"]} == {("no", "yes")}
        assert api.get(measured["answers"])["total"] == rows


def test_it_is_asked_about_every_row_of_a_dataset(api: Api, reference: str) -> None:
    rows = ["text,label,note", "=1+1,yes,a", ",no,b", "第三行 fine,,c"]
    assert api.dataset("asked", "asked.csv", "\n".join(rows).encode(), {"split": {"train": 1.0}})["state"] == "ready"
    asked = {"dataset": "asked", "split": "train"}
    refused, problem = api.call("POST", "…/models/base/versions/1/predictions", {**asked, "parameters": {"top_k": 0}})
    assert (refused, problem["errors"][0]["loc"]) == (422, ["body", "parameters", "top_k"])
    job = api.post("…/models/base/versions/1/predictions", {**asked, "parameters": {"top_k": 1}})
    assert job["kind"] == "predict"
    done = api.wait(f"…/jobs/{job['id']}", {"succeeded", "failed"})
    assert done["state"] == "succeeded", done["error"]
    made = api.get("…/models/base/versions/1/predictions")["items"][0]
    assert (made["rows"], made["unreadable"], made["job"]) == (3, 1, job["id"])
    fetched = urllib.request.Request(api.base + made["files"]["jsonl"], headers={"Authorization": f"Bearer {api.token}"})
    with urllib.request.urlopen(fetched, timeout=30) as lines:
        found = [json.loads(line) for line in lines]
    assert [row["row"] for row in found] == [0, 1, 2]
    assert [row["text"] for row in found] == ["=1+1", None, "第三行 fine"]
    assert [row["prediction"] for row in found] == ["yes", None, "yes"]
    assert "string" in found[1]["error"]
    assert 0.5 < found[0]["score"] < 0.9
    assert [entry["label"] for entry in json.loads(found[0]["answer"])[0]] == ["yes"]
    _, table = api.call("GET", made["files"]["csv"])
    assert table.decode().splitlines()[1].startswith("0,'=1+1,"), "no spreadsheet runs it"
    _, raw = api.call("GET", made["files"]["parquet"])
    assert parquet.read_table(io.BytesIO(raw)).num_rows == 3


class Caller:
    """Calls an endpoint from several threads until told to stop; what came back, by status and revision."""

    def __init__(self, api: Api, endpoint: str, threads: int = 4) -> None:
        self.api, self.endpoint = api, endpoint
        self.seen: Counter[tuple[int, str]] = Counter()
        self.stop = threading.Event()
        self.threads = [threading.Thread(target=self._run) for _ in range(threads)]

    def _run(self) -> None:
        import http.client

        host = self.api.base.removeprefix("http://")
        connection = http.client.HTTPConnection(host, timeout=30)
        headers = {"Authorization": f"Bearer {self.api.token}", "Content-Type": "application/json"}
        while not self.stop.is_set():
            connection.request("POST", f"/v1/endpoints/{self.api.workspace}/{self.endpoint}", b'{"inputs": "x"}', headers)
            answer = connection.getresponse()
            answer.read()
            self.seen[answer.status, answer.headers.get("X-Model-Version", "")] += 1
            time.sleep(0.01)

    def __enter__(self) -> "Caller":
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join()


def test_F23_a_new_version_takes_over_without_a_failed_request(api: Api, reference: str) -> None:
    assert api.deploy("base", reference)["state"] == "ready"
    with Caller(api, "base") as caller:
        time.sleep(1)
        status, endpoint = api.call("PATCH", "…/endpoints/base", {"model": "base@2"})
        assert (status, endpoint["state"]) == (200, "deploying")
        endpoint = api.wait("…/endpoints/base", {"ready", "degraded", "failed"})
        assert endpoint["state"] == "ready"
        assert endpoint["model"] == "base@2"
        time.sleep(6)
    assert {status for status, _ in caller.seen} == {200}
    assert {model for _, model in caller.seen} == {"base@1", "base@2"}
    assert [row["state"] for row in api.get("…/endpoints/base")["revisions"]] == ["stopped", "ready"]


def test_traffic_can_be_split_and_a_revision_pinned(api: Api, reference: str) -> None:
    status, _ = api.call("PATCH", "…/endpoints/base", {"traffic": {"1": 50, "2": 50}})
    assert status == 200
    assert api.wait("…/endpoints/base", {"ready", "failed"})["state"] == "ready"
    with Caller(api, "base", 1) as caller:
        time.sleep(2)
    assert {model for _, model in caller.seen} == {"base@1", "base@2"}
    assert abs(caller.seen[200, "base@1"] - caller.seen[200, "base@2"]) <= 2


def test_F21_a_killed_replica_is_replaced_and_costs_no_request(api: Api, reference: str, stack: Stack) -> None:
    import os
    import signal

    import psutil

    api.call("PATCH", "…/endpoints/base", {"traffic": {"2": 100}, "replicas": {"min": 2, "max": 2}})
    assert api.wait("…/endpoints/base", {"ready", "failed"})["state"] == "ready"
    sockets = {c.laddr: c.pid for c in psutil.net_connections("unix") if c.pid and "/r/" in str(c.laddr)}
    replica = next(row["id"] for row in api.get("…/endpoints/base")["replicas"]["items"] if row["state"] == "ready")
    victim = next(pid for path, pid in sockets.items() if replica in path)
    with Caller(api, "base") as caller:
        time.sleep(0.5)
        os.kill(victim, signal.SIGKILL)
        end = time.monotonic() + 20
        while api.get("…/endpoints/base")["replicas"]["ready"] == 2 and time.monotonic() < end:
            time.sleep(0.05)
        began = time.monotonic()
        while api.get("…/endpoints/base")["replicas"]["ready"] < 2 and time.monotonic() < end:
            time.sleep(0.1)
        assert time.monotonic() - began < 15
    assert {status for status, _ in caller.seen} == {200}


def test_stop_start_and_usage(api: Api, reference: str) -> None:
    api.call("PATCH", "…/endpoints/base", {"state": "stopped"})
    assert api.get("…/endpoints/base")["state"] == "stopped"
    status, problem = api.call("POST", "/v1/endpoints/life/base", {"inputs": "x"})
    assert (status, problem["code"]) == (503, "endpoint_stopped")
    api.call("PATCH", "…/endpoints/base", {"state": "ready"})
    assert api.wait("…/endpoints/base", {"ready", "failed"})["state"] == "ready"
    assert api.predict("base", "x")[0][0]["label"] == "yes"
    end = time.monotonic() + 5
    while not (total := api.get("…/endpoints/base/usage")["total"])["rejected"] and time.monotonic() < end:
        time.sleep(0.2)
    assert total["requests"] > 100
    assert total["latency_ms"]["p50"] > 0
    assert total["rejected"] >= 1


@pytest.fixture(scope="module")
def words(api: Api) -> str:
    """A small classifier that has learnt something; its reference."""
    rng = random.Random(2)
    rows = "".join(
        f"{word} {rng.choice(['day', 'night', 'trip'])},{label}\n"
        for _ in range(60)
        for word, label in (("lovely", "up"), ("awful", "down"))
    )
    assert api.dataset("words", "words.csv", ("text,label\n" + rows).encode())["state"] == "ready"
    job = api.train(recipe="text-classification/finetune", dataset="words@1", params={"epochs": 1}, model_name="words", seconds=280)
    assert job["state"] == "succeeded", job["error"]
    return str(job["model"])


def test_a_model_comes_back_as_an_archive(api: Api, words: str) -> None:
    """Trained here, downloaded, packed, uploaded by tus, brought, served: the answers are the same."""
    (measured,) = api.get("…/models/words/versions/1/evaluations")["items"]
    assert measured["metrics"].keys() >= {"test/accuracy", "test/loss", "test/calibration_error"}
    for line in measured["report"]["worst"]:
        assert line["words"], "the words of each wrong answer were weighed"
    assert api.get(measured["answers"])["total"] == measured["report"]["rows"] == 12
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for file in api.get("…/models/words/versions/1/files")["items"]:
            _, data = api.call("GET", file["url"], headers={"Accept": "*/*"})
            assert isinstance(data, bytes)
            info = tarfile.TarInfo(f"words/{file['name']}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    brought = api.post("…/models", {"name": "back", "task": "text-classification", "uploads": [tus(api, packed.getvalue())]})
    version = api.wait(f"…/models/back/versions/{brought['version']}", {"ready", "failed"})
    assert version["state"] == "ready", version["error"]
    for name, model in (("words", "words@1"), ("back", "back@1")):
        endpoint = api.deploy(name, model)
        assert endpoint["state"] == "ready", endpoint["reason"]
    here, there = (api.predict(name, "lovely trip")[0] for name in ("words", "back"))
    assert [entry["label"] for entry in here] == [entry["label"] for entry in there]
    assert abs(here[0]["score"] - there[0]["score"]) < 0.001


def test_a_variant_is_measured_and_answers_beside_its_version(api: Api, words: str) -> None:
    at = "…/models/words/versions/1/variants"
    job = api.post(at, {"variant": "int8"})
    done = api.wait(f"…/jobs/{job['id']}", {"succeeded", "failed"})
    assert done["state"] == "succeeded", done["error"]
    made = api.get(f"{at}/int8")
    assert (made["state"], made["rows"]) == ("ready", 12)
    assert made["size_bytes"] < made["reference"]["size_bytes"]
    assert made["metrics"].keys() == made["reference"]["metrics"].keys()
    assert made["limit"]["metric"] in made["metrics"]
    assert made["verdict"] in ("within_limit", "below_limit")
    assert min(each["p50_ms"] for each in (made, made["reference"])) > 0
    assert api.call("POST", "…/endpoints", {"name": "small", "model": words, "variant": "int8"})[0] == 201
    assert api.wait("…/endpoints/small", {"ready", "failed"})["state"] == "ready"
    status, _ = api.call("PATCH", "…/endpoints/small", {"model": words, "traffic": {"1": 50, "2": 50}})
    assert status == 200
    assert api.wait("…/endpoints/small", {"ready", "failed"})["state"] == "ready"
    (variant, small), (itself, whole) = (asked(api, "small", revision) for revision in (1, 2))
    assert (variant, itself) == ("int8", None)
    assert [entry["label"] for entry in small] == [entry["label"] for entry in whole]
    status, problem = api.call("DELETE", f"{at}/int8")
    assert (status, problem["errors"][0]["msg"]) == (409, "endpoint small")
    assert api.call("DELETE", "…/endpoints/small")[0] == 204
    assert api.call("DELETE", f"{at}/int8")[0] == 204


def asked(api: Api, endpoint: str, revision: int) -> tuple[str | None, Any]:
    """(the variant that answered, its answer) of one revision."""
    headers = {"Authorization": f"Bearer {api.token}", "Content-Type": "application/json", "X-Revision": str(revision)}
    address = f"{api.base}/v1/endpoints/{api.workspace}/{endpoint}"
    with urllib.request.urlopen(urllib.request.Request(address, b'{"inputs": "lovely trip"}', headers), timeout=30) as answer:
        assert answer.headers["X-Model-Version"] == "words@1"
        return answer.headers["X-Model-Variant"], json.load(answer)[0]


def tus(api: Api, data: bytes) -> str:
    """One finished upload; its id."""
    import base64
    import urllib.request

    name = base64.b64encode(b"words.tar.gz").decode()
    headers = {"Authorization": f"Bearer {api.token}", "Tus-Resumable": "1.0.0"}
    create = urllib.request.Request(
        f"{api.base}/api/v1/workspaces/{api.workspace}/uploads",
        method="POST",
        headers={**headers, "Upload-Length": str(len(data)), "Upload-Metadata": f"filename {name}"},
    )
    with urllib.request.urlopen(create) as answer:
        location = answer.headers["Location"]
    address = location if location.startswith("http") else api.base + location
    patch = urllib.request.Request(
        address, data=data, method="PATCH", headers={**headers, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    )
    with urllib.request.urlopen(patch) as answer:
        assert answer.status == 204
    return address.rsplit("/", 1)[-1]


def test_a_model_in_use_is_not_deleted(api: Api, reference: str) -> None:
    status, problem = api.call("DELETE", "…/models/base/versions/2")
    assert status == 409
    assert "endpoint base" in problem["detail"]
    assert api.call("DELETE", "…/endpoints/base")[0] == 204
    assert api.call("DELETE", "…/models/base/versions/2")[0] == 204
    assert api.call("POST", "/v1/endpoints/life/base", {"inputs": "x"})[0] == 404
