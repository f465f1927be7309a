"""REST of models: list, read, download, bring, measure, delete."""

import hashlib
import warnings
from typing import Any

from controlplane import artifacts
from controlplane.data.models import Upload
from controlplane.jobs.models import Job
from controlplane.registry.models import ModelVersion
from django.utils import timezone

from tests.controlplane.registry.conftest import FILES, Bench
from tests.people import People


def body_of(answer: Any) -> bytes:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a stream for the event loop, read without one
        return b"".join(answer)


def fetch(people: People, name: str, person: Any = None, **headers: str) -> Any:
    sent = {"Authorization": f"Bearer {(person or people.alice).token}", **{k.replace("_", "-"): v for k, v in headers.items()}}
    return people.alice.http.get(f"/api/v1/workspaces/acme/models/clf/versions/1/files/{name}", headers=sent)


def test_list_and_read(bench: Bench, people: People) -> None:
    bench.trained()
    bench.trained()
    listed = people.alice.get("…/models").body["items"]
    assert [(row["name"], row["latest"]) for row in listed] == [("clf", "clf@2")]
    assert [row["version"] for row in people.alice.get("…/models/clf").body["versions"]] == [2, 1]
    version = people.alice.get("…/models/clf/versions/1").body
    assert set(version) >= {
        "model", "version", "state", "error", "task", "job", "metrics", "lineage", "card", "variants", "size_bytes",
    }  # fmt: skip
    assert version["job"] == str(Job.objects.order_by("number")[0].number)
    assert people.alice.get("…/models/clf/versions/9").status == 404
    assert people.alice.get("…/models/none").status == 404
    assert people.bob.get("/api/v1/workspaces/acme/models/clf").status == 404


def test_files_come_by_exact_name(bench: Bench, people: People) -> None:
    bench.trained()
    listed = people.alice.get("…/models/clf/versions/1/files").body["items"]
    assert [file["name"] for file in listed] == ["README.md", *sorted(FILES)]
    for file in listed[1:]:
        answer = fetch(people, file["name"])
        assert answer.status_code == 200
        data = body_of(answer)
        assert data == FILES[file["name"]]
        assert hashlib.sha256(data).hexdigest() == file["sha256"]
        assert answer["Content-Disposition"].startswith("attachment")
        assert answer["X-Content-Type-Options"] == "nosniff"


def test_a_range_of_a_file(bench: Bench, people: People) -> None:
    bench.trained()
    whole = FILES["model.safetensors"]
    for asked, expected in (
        ("bytes=0-9", whole[:10]),
        ("bytes=2000-", whole[2000:]),
        ("bytes=-5", whole[-5:]),
        ("bytes=10-99999", whole[10:]),
    ):
        answer = fetch(people, "model.safetensors", Range=asked)
        assert answer.status_code == 206
        assert body_of(answer) == expected
        assert answer["Content-Range"].endswith(f"/{len(whole)}")
    assert fetch(people, "model.safetensors", Range="bytes=9999-").status_code == 416
    assert fetch(people, "model.safetensors", Range="lines=1-2").status_code == 200


def test_A1_no_name_leaves_the_folder(bench: Bench, people: People) -> None:
    bench.trained()
    for name in (
        "../../secrets",
        "..%2f..%2fsecrets",
        "%2e%2e/x",
        "config.json/..",
        "tokenizer",
        "/etc/passwd",
        "config.json%00",
        "CONFIG.JSON",
    ):
        assert fetch(people, name).status_code == 404, name


def test_strangers_get_no_file(bench: Bench, people: People) -> None:
    bench.trained()
    assert fetch(people, "config.json", people.bob).status_code == 404
    assert fetch(people, "config.json", people.alice.with_token("predict")).status_code == 403


def upload(people: People, name: str = "model.zip") -> Upload:
    uri = f"ws/{people.alice.workspace.pk}/uploads/u1"
    artifacts.put_bytes(uri, b"zip")
    made: Upload = Upload.objects.create(
        id="u1",
        workspace=people.alice.workspace,
        filename=name,
        size=3,
        offset=3,
        uri=uri,
        sha256=hashlib.sha256(b"zip").hexdigest(),
        finished_at=timezone.now(),
        expires_at=timezone.now() + timezone.timedelta(days=1),
    )
    return made


def bring(people: People, **more: Any) -> Any:
    return people.charlie.post("…/models", {"name": "brought", "task": "text-classification", **more})


def test_bring_a_model(bench: Bench, people: People) -> None:
    upload(people)
    made = bring(people, uploads=["u1"])
    assert made.status == 202
    assert made.body["state"] == "importing"
    assert made.headers["location"].endswith("/models/brought/versions/1")
    job = Job.objects.get(kind="import")
    assert job.work["files"][0]["name"] == "model.zip"
    assert job.network == "none"
    bench.attempt(job)
    assert bench.end(job, files=bench.store(job), config={"model_type": "bert"}, card="From afar.").state == "succeeded"
    version = people.alice.get("…/models/brought/versions/1").body
    assert (version["state"], version["error"]) == ("ready", None)
    assert version["recipe"] == "text-classification/finetune"
    assert version["lineage"]["source"] == "model.zip"
    assert "From afar." in version["card"]


def test_a_brought_model_nobody_can_serve_fails_with_the_types_that_can(bench: Bench, people: People) -> None:
    upload(people)
    bring(people, uploads=["u1"])
    job = Job.objects.get(kind="import")
    bench.attempt(job)
    bench.end(job, files=bench.store(job), config={"model_type": "mamba"})
    version = ModelVersion.objects.get()
    assert version.state == "failed"
    assert version.error is not None
    assert version.error["code"] == "wrong_architecture"
    assert "bert" in version.error["hint"]


def test_an_import_that_fails_says_why(bench: Bench, people: People) -> None:
    upload(people)
    bring(people, uploads=["u1"])
    job = Job.objects.get(kind="import")
    bench.attempt(job)
    bench.end(job, "failed")
    assert people.alice.get("…/models/brought/versions/1").body["state"] == "failed"
    assert bring(people, uploads=["u1"]).body["version"] == 2


def test_a_hub_id(bench: Bench, people: People) -> None:
    assert bring(people, hub_id="google-bert/bert-base-chinese").status == 202
    job = Job.objects.get(kind="import")
    assert (job.network, job.work["hub_id"]) == ("hub", "google-bert/bert-base-chinese")


def test_what_is_refused(bench: Bench, people: People) -> None:
    upload(people)
    for more, code in (
        ({}, "one_source"),
        ({"uploads": ["u1"], "hub_id": "a/b"}, "one_source"),
        ({"uploads": ["nothing"]}, "unknown_upload"),
        ({"hub_id": "https://evil.example/x"}, "bad_hub_id"),
        ({"uploads": ["u1"], "task": "mind-reading"}, "unknown_task"),
        ({"uploads": ["u1"], "name": "Bad Name"}, "bad_name"),
    ):
        answer = bring(people, **more)
        assert (answer.status, answer.code) == (422, code), more
    assert people.member("vera", "viewer").post("…/models", {"name": "x", "task": "t"}).status == 403


def test_delete(bench: Bench, people: People) -> None:
    bench.trained()
    uri = ModelVersion.objects.get().files[0]["uri"]
    assert people.charlie.delete("…/models/clf/versions/1").status == 204
    assert people.charlie.get("…/models/clf/versions/1").status == 404
    assert artifacts.stat(uri) is None
    assert people.charlie.get("…/models/clf").body["versions"] == []
    assert people.charlie.delete("…/models/clf").status == 204
