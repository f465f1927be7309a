"""Datasets and versions through the API: what is made, what is refused, what stays the same."""

import hashlib
from pathlib import Path
from typing import Any

import orjson
import pytest
from controlplane import artifacts
from controlplane.audit.models import AuditEvent
from controlplane.data import schemas, services
from controlplane.data.models import Dataset, DatasetVersion
from controlplane.errors import Problem
from controlplane.jobs.models import Job

from tests.controlplane.data.conftest import Person, make_ready, new_version, parquet, upload
from workers.contract.events import End
from workers.contract.orders import PrepareWork

CSV = b"text,label\ngood,1\nbad,0\n"


def form(fields: dict[str, str], *files: tuple[str, str, bytes]) -> tuple[bytes, dict[str, str]]:
    """multipart/form-data and its header. files: (field, filename, bytes)."""
    mark, parts = "xXx", []
    for name, value in fields.items():
        parts.append(f'--{mark}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode())
    for name, filename, data in files:
        head = f'--{mark}\r\nContent-Disposition: form-data; name="{name}"; filename="{filename}"\r\nContent-Type: text/csv\r\n\r\n'
        parts.append(head.encode() + data + b"\r\n")
    return b"".join(parts) + f"--{mark}--\r\n".encode(), {"Content-Type": f"multipart/form-data; boundary={mark}"}


def post_form(who: Person, name: str, fields: dict[str, str], *files: tuple[str, str, bytes]) -> Any:
    body, headers = form(fields, *files)
    return who.http("POST", f"{who.base}/datasets/{name}/versions", body=body, headers=headers)


@pytest.fixture
def reviews(alice: Person) -> str:
    assert alice.http("POST", f"{alice.base}/datasets", {"name": "reviews", "title": "评论"}).status == 201
    return f"{alice.base}/datasets/reviews"


def test_make_list_and_read(alice: Person, reviews: str) -> None:
    shown = alice.http("GET", reviews).json()
    assert (shown["name"], shown["title"], shown["newest"], shown["versions"]) == ("reviews", "评论", None, [])
    assert [item["name"] for item in alice.http("GET", f"{alice.base}/datasets?q=评").json()["items"]] == ["reviews"]
    assert alice.http("POST", f"{alice.base}/datasets", {"name": "reviews"}).json()["code"] == "name_taken"
    for body, code in (({"name": "No"}, "bad_name"), ({"name": "x" * 64}, "name_too_long"), ({"name": "a", "titel": ""}, "unknown_field")):
        reply = alice.http("POST", f"{alice.base}/datasets", body)
        assert (reply.status, reply.json()["code"]) == (422, code)


def test_a_version_of_an_upload_has_a_preparing_job(alice: Person, reviews: str) -> None:
    reply = alice.http("POST", f"{reviews}/versions", {"uploads": [upload(alice, CSV, "猫.csv")], "options": {"delimiter": ",", "seed": 3}})
    assert reply.status == 202
    shown = reply.json()
    fields = "dataset version state reason error format features splits statistics size_bytes sha256 job lineage".split()
    assert set(fields) <= set(shown)
    assert (shown["dataset"], shown["version"], shown["state"]) == ("reviews", 1, "preparing")
    assert (shown["sha256"], shown["size_bytes"]) == (hashlib.sha256(CSV).hexdigest(), len(CSV))
    assert reply.headers["location"] == f"{reviews}/versions/1"
    job = Job.objects.get(number=int(shown["job"]))
    work = PrepareWork.model_validate(job.work)
    assert (job.kind, job.dataset, work.options["seed"], work.files[0].name) == ("prepare", "reviews@1", 3, "猫.csv")
    assert artifacts.read_bytes(work.files[0].uri, 1000) == CSV
    assert alice.http("GET", f"{reviews}/versions/1").json() == shown
    assert alice.http("GET", f"{reviews}/versions?state=preparing").json()["items"][0]["version"] == 1


def test_the_same_bytes_and_options_are_the_same_version(alice: Person, reviews: str) -> None:
    first = alice.http("POST", f"{reviews}/versions", {"uploads": [upload(alice, CSV)]})
    again = alice.http("POST", f"{reviews}/versions", {"uploads": [upload(alice, CSV, "other.csv")], "options": {"seed": 0}})
    other = alice.http("POST", f"{reviews}/versions", {"uploads": [upload(alice, CSV)], "options": {"seed": 1}})
    assert [reply.status for reply in (first, again, other)] == [202, 200, 202]
    assert [reply.json()["version"] for reply in (first, again, other)] == [1, 1, 2]
    assert Job.objects.count() == 2


def test_a_failed_version_may_be_tried_again(alice: Person, reviews: str) -> None:
    version = new_version(alice)
    error = {"code": "bad_row", "message": "Line 7 has 3 fields.", "hint": "Mend it.", "loc": {"file": "a.csv", "row": 7}}
    services.preparation_ended(job=version.job, end=End(outcome="failed", error=error))
    shown = alice.http("GET", f"{reviews}/versions/1").json()
    assert (shown["state"], shown["error"]) == ("failed", error)
    assert new_version(alice).version == 2


def test_several_files_are_named_by_their_sorted_digests(alice: Person, reviews: str) -> None:
    ids = [upload(alice, b"b,c\n1,2\n", "train/b.csv"), upload(alice, b"b,c\n3,4\n", "test/a.csv")]
    shown = alice.http("POST", f"{reviews}/versions", {"uploads": ids}).json()
    lines = sorted(f"{hashlib.sha256(d).hexdigest()}  {n}\n" for d, n in ((b"b,c\n1,2\n", "train/b.csv"), (b"b,c\n3,4\n", "test/a.csv")))
    assert shown["sha256"] == hashlib.sha256("".join(lines).encode()).hexdigest()
    twins = [upload(alice, b"1", "A.csv"), upload(alice, b"2", "a.csv")]
    assert alice.http("POST", f"{reviews}/versions", {"uploads": twins}).json()["code"] == "name_collision"


def test_small_files_come_with_a_form(alice: Person, reviews: str) -> None:
    reply = post_form(alice, "reviews", {"options": '{"delimiter": ","}'}, ("file", 'a"b.csv', CSV))
    assert (reply.status, reply.json()["options"]["delimiter"]) == (202, ",")
    assert post_form(alice, "reviews", {"options": '{"delimiter": ","}'}, ("file", "b.csv", CSV)).status == 200


@pytest.mark.parametrize(
    ("fields", "files", "status", "code"),
    [
        ({}, [], 422, "one_file"),
        ({}, [("file", "a", b"1"), ("file", "b", b"2")], 422, "one_file"),
        ({"optoins": "{}"}, [("file", "a", b"1")], 422, "unknown_field"),
        ({}, [("flie", "a", b"1")], 422, "unknown_field"),
        ({"options": "{"}, [("file", "a", b"1")], 400, "bad_json"),
        ({"options": "[]"}, [("file", "a", b"1")], 422, "invalid_options"),
        ({"options": '{"delimeter": ","}'}, [("file", "a", b"1")], 422, "unknown_field"),
        ({}, [("file", "a", b"x" * (16 * 1024 * 1024 + 1))], 413, "too_large"),
    ],
)
def test_bad_forms(alice: Person, reviews: str, fields: dict[str, str], files: list[Any], status: int, code: str) -> None:
    reply = post_form(alice, "reviews", fields, *files)
    assert (reply.status, reply.json()["code"]) == (status, code)


@pytest.mark.parametrize(
    ("body", "status", "place"),
    [
        ({"uploads": ["nothing"], "optoins": {}}, 422, ["body", "optoins"]),
        ({"uploads": ["nothing"]}, 422, ["body", "uploads", 0]),
        ({"uploads": []}, 422, ["body", "uploads"]),
        ({}, 422, ["body", "uploads"]),
        ({"uploads": ["x"], "options": {"spilt": {}}}, 422, ["body", "options", "spilt"]),
        ({"uploads": ["x"], "options": {"columns": {"a": "colour"}}}, 422, ["body", "options", "columns", "a"]),
        ({"uploads": ["x"], "options": {"split": {"train": 2}}}, 422, ["body", "options", "split", "train"]),
    ],
)
def test_I48_bad_bodies_name_the_place(alice: Person, reviews: str, body: Any, status: int, place: list[Any]) -> None:
    reply = alice.http("POST", f"{reviews}/versions", body)
    problem = reply.json()
    assert reply.status == status
    assert problem["code"]
    assert problem["request_id"]
    assert place in [error["loc"] for error in problem["errors"]]


def test_bad_requests(alice: Person, reviews: str) -> None:
    broken = alice.http("POST", f"{reviews}/versions", body=b"{", headers={"Content-Type": "application/json"})
    assert (broken.status, broken.json()["code"]) == (400, "bad_json")
    assert alice.http("POST", f"{reviews}/versions", body=b"a", headers={"Content-Type": "text/csv"}).status == 415
    assert alice.http("GET", f"{reviews}/versions/99").status == 404
    assert alice.http("GET", f"{reviews}/versions/99999999999999999999").status in (404, 422)
    assert alice.http("GET", f"{alice.base}/datasets?owner__password__startswith=a").status == 400


def test_unfinished_and_foreign_uploads_are_named(alice: Person, bob: Person, reviews: str) -> None:
    foreign = upload(bob, CSV)
    begun = alice.http("POST", f"{alice.base}/uploads", headers={"Tus-Resumable": "1.0.0", "Upload-Length": "3"}).json()["id"]
    done = upload(alice, CSV)
    reply = alice.http("POST", f"{reviews}/versions", {"uploads": [foreign, begun, done, done]})
    assert (reply.status, reply.json()["code"]) == (422, "unknown_upload")
    assert [error["loc"][-1] for error in reply.json()["errors"]] == [0, 1, 3]
    assert "0 of 3 bytes" in reply.json()["errors"][1]["msg"]


def test_a_ready_version_outlives_its_upload(alice: Person, reviews: str, tmp_path: Path) -> None:
    version = new_version(alice)
    shard = parquet(tmp_path, "train-00000.parquet", "SELECT 'a' AS text, 1 AS label")
    make_ready(version, {"text": "text", "label": "integer"}, {"train": [shard]})
    services.preparation_ended(job=version.job, end=End(outcome="failed"))  # said again: nothing
    shown = alice.http("GET", f"{reviews}/versions/1").json()
    assert (shown["state"], shown["splits"], list(shown["features"])) == ("ready", {"train": 1}, ["text", "label"])
    upload_id = alice.http("GET", f"{alice.base}/uploads").json()["items"][0]["id"]
    assert alice.http("DELETE", f"{alice.base}/uploads/{upload_id}").status == 204
    assert artifacts.stat(version.sources[0]["uri"]) == version.size_bytes
    ref = services.ref(services.find_version(alice.workspace, "reviews"))
    assert (ref.version, ref.rows, ref.splits["train"][0].name) == (1, {"train": 1}, "train-00000.parquet")


def test_a_result_that_is_not_the_jobs_own_is_refused(alice: Person, reviews: str) -> None:
    version = new_version(alice)
    stolen = {"train": [{"name": "a", "uri": "ws/1/datasets/9/sources/x", "size": 1}]}
    for result in ({"shards": stolen}, {"shards": {}}, {"sha256": "0" * 64}):
        with pytest.raises(Problem):
            services.preparation_ended(job=version.job, end=End(outcome="succeeded", result=result))
    assert alice.http("GET", f"{reviews}/versions/1").json()["state"] == "preparing"


def test_a_dataset_in_use_is_not_deleted(alice: Person, reviews: str, tmp_path: Path) -> None:
    version = new_version(alice)
    reply = alice.http("DELETE", reviews)
    assert (reply.status, reply.json()["code"]) == (409, "in_use")
    assert "job #1" in reply.json()["detail"]
    make_ready(version, {"a": "integer"}, {"train": [parquet(tmp_path, "t.parquet", "SELECT 1 AS a")]})
    Job.objects.update(state="succeeded")
    assert alice.http("DELETE", reviews).status == 204
    assert not Dataset.objects.exists()
    uris = [version.sources[0]["uri"], version.shards["train"][0]["uri"]]
    assert [artifacts.stat(uri) for uri in uris] == [None, None]
    assert AuditEvent.objects.filter(action="dataset.delete", actor="alice@example.org").exists()


@pytest.mark.parametrize(
    ("reference", "hint"),
    [("reviwes@1", "reviews"), ("reviews@7", "1"), ("reviews", "1"), ("a b", "name@3"), ("reviews@0", "name@3"), ("../x", "name@3")],
)
def test_references_that_lead_nowhere_say_what_there_is(alice: Person, reviews: str, reference: str, hint: str) -> None:
    new_version(alice)
    with pytest.raises(Problem) as caught:
        services.find_version(alice.workspace, reference)
    assert (caught.value.status, caught.value.code) == (422, "unknown_dataset")
    assert hint in caught.value.hint


def test_A4_other_teams_and_small_roles(alice: Person, bob: Person, viewer: Person, reviews: str) -> None:
    version = new_version(alice)
    assert version.state == "preparing"
    addresses = [("GET", ""), ("GET", "/versions"), ("GET", "/versions/1"), ("GET", "/versions/1/rows"), ("GET", "/versions/1/files")]
    writes = [("DELETE", ""), ("POST", "/versions")]
    for method, rest in [*addresses, *writes]:
        reply = bob.http(method, reviews + rest, {"uploads": ["x"]} if method == "POST" else None)
        assert (reply.status, reply.json()["code"]) == (404, "not_found")
        assert bob.http(method, reviews.replace("acme", "birch") + rest).status == 404
    for method, rest in writes:
        assert viewer.http(method, reviews + rest, {"uploads": ["x"]} if method == "POST" else None).status == 403
    for method, rest in addresses[:3]:
        assert viewer.http(method, reviews + rest).status == 200
    assert viewer.http("GET", f"{reviews}/versions/1/rows").json()["code"] == "not_ready"


def test_waiting_for_a_version_ends_with_its_state(alice: Person, reviews: str) -> None:
    new_version(alice)
    DatasetVersion.objects.update(state="failed")
    assert alice.http("GET", f"{reviews}/versions/1?wait=20").json()["state"] == "failed"
    body = orjson.dumps({"uploads": ["x"]})
    assert alice.http("POST", f"{reviews}/versions?wait=31", body=body, headers={"Content-Type": "application/json"}).status == 422


def test_lists_do_not_ask_once_for_each_row(alice: Person, reviews: str) -> None:
    """The long fields are deferred, and nothing a list shows brings them back one by one."""
    for number in range(3):
        new_version(alice, data=f"a\n{number}\n".encode())
    rows = DatasetVersion.objects.defer(*schemas.HEAVY).select_related("dataset", "job", "created_by")
    for version in rows:
        schemas.version_line(version)
        assert set(schemas.HEAVY) <= version.get_deferred_fields()
    for address in (f"{alice.base}/datasets", reviews, f"{reviews}/versions"):
        assert alice.http("GET", address).status == 200
