"""tus 1.0 through the whole application: what is acknowledged, what is refused, what a kill may cost."""

import base64
import hashlib
import os
from datetime import timedelta
from typing import Any

import pytest
from controlplane import artifacts
from controlplane.data import intake, spool
from controlplane.data.models import Dataset, DatasetVersion, Upload
from controlplane.limits import LIMITS
from controlplane.registry.models import Model, ModelVersion
from controlplane.workspaces.models import Workspace
from django.utils import timezone

from tests.controlplane.data.conftest import Person, person
from tests.controlplane.data.wire import Reply

TUS = {"Tus-Resumable": "1.0.0"}
PART = {**TUS, "Content-Type": "application/offset+octet-stream"}


def begin(who: Person, size: int, name: str = "reviews.csv", **headers: str) -> str:
    """Where a new upload stands."""
    meta = f"filename {base64.b64encode(name.encode()).decode()}"
    reply = who.http("POST", f"{who.base}/uploads", headers={**TUS, "Upload-Length": str(size), "Upload-Metadata": meta, **headers})
    assert reply.status == 201, reply
    return reply.headers["location"]


def patch(who: Person, where: str, offset: int, body: Any, **headers: str) -> Reply:
    shown = {name.replace("_", "-"): value for name, value in headers.items()}
    return who.http("PATCH", where, body=body, headers={**PART, "Upload-Offset": str(offset), **shown})


def row(where: str) -> Upload:
    found: Upload = Upload.objects.get(pk=where.rsplit("/", 1)[-1])
    return found


def test_parts_become_one_file(alice: Person) -> None:
    data = bytes(range(256)) * 40_000
    where = begin(alice, len(data))
    half = len(data) // 2
    first = patch(alice, where, 0, [data[:1000], data[1000:half]])
    assert (first.status, first.headers["upload-offset"]) == (204, str(half))
    head = alice.http("HEAD", where, headers=TUS)
    assert (head.status, head.headers["upload-offset"], head.headers["upload-length"]) == (200, str(half), str(len(data)))
    assert head.headers["cache-control"] == "no-store"
    assert "upload-expires" in head.headers
    assert patch(alice, where, half, data[half:]).status == 204
    upload = row(where)
    assert upload.sha256 == hashlib.sha256(data).hexdigest()
    assert artifacts.read_bytes(upload.uri, len(data)) == data
    assert not spool.part_path(upload.pk).exists()


def test_creation_with_upload_and_an_empty_file(alice: Person) -> None:
    reply = alice.http("POST", f"{alice.base}/uploads", body=b"abc", headers={**PART, "Upload-Length": "3"})
    assert (reply.status, reply.headers["upload-offset"], reply.json()["state"]) == (201, "3", "finished")
    empty = row(begin(alice, 0))
    assert (empty.sha256, empty.size) == (hashlib.sha256(b"").hexdigest(), 0)


def test_options_tell_what_it_can(alice: Person) -> None:
    reply = alice.http("OPTIONS", f"{alice.base}/uploads")
    assert reply.status == 204
    assert reply.headers["tus-extension"] == "creation,creation-with-upload,expiration,termination,checksum"
    assert reply.headers["tus-max-size"] == str(LIMITS["upload_file"].value)
    assert "sha1" in reply.headers["tus-checksum-algorithm"]


def test_I34_wrong_offset_names_the_right_one(alice: Person) -> None:
    where = begin(alice, 10)
    patch(alice, where, 0, b"01234")
    reply = patch(alice, where, 3, b"34567")
    assert (reply.status, reply.headers["upload-offset"], reply.json()["code"]) == (409, "5", "wrong_offset")
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.json()["request_id"]
    assert row(where).offset == 5


def test_I35_damaged_part_is_not_kept(alice: Person) -> None:
    where = begin(alice, 6)
    good, bad = (base64.b64encode(hashlib.sha1(text, usedforsecurity=False).digest()).decode() for text in (b"abc", b"abd"))
    assert patch(alice, where, 0, b"abc", Upload_Checksum=f"sha1 {good}").status == 204
    reply = patch(alice, where, 3, b"abc", Upload_Checksum=f"sha1 {bad}")
    assert (reply.status, reply.json()["status"], reply.json()["code"]) == (460, 460, "checksum_mismatch")
    assert row(where).offset == 3
    assert patch(alice, where, 3, b"abc", Upload_Checksum=f"sha1 {good}").status == 204
    assert row(where).sha256 == hashlib.sha256(b"abcabc").hexdigest()
    assert patch(alice, begin(alice, 3), 0, b"abc", Upload_Checksum="crc32 AAAA").status == 400


def test_I36_part_after_expiry(alice: Person) -> None:
    where = begin(alice, 6)
    patch(alice, where, 0, b"abc")
    Upload.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert patch(alice, where, 3, b"def").status == 410
    assert alice.http("HEAD", where, headers=TUS).status == 410
    path = spool.part_path(row(where).pk)
    assert path.exists()
    assert intake.expire_uploads() == 1
    assert not path.exists()
    assert alice.http("HEAD", where, headers=TUS).status == 404


def test_I36_more_bytes_than_declared(alice: Person) -> None:
    where = begin(alice, 4)
    assert patch(alice, where, 0, b"12345").status == 413
    chunked = patch(alice, where, 0, [b"123", b"45"], content_length="")
    assert (chunked.status, chunked.json()["code"]) == (413, "too_many_bytes")
    assert row(where).finished_at is None
    assert patch(alice, where, row(where).offset, b"1234"[row(where).offset :]).status == 204


def test_I37_quota_is_named_before_bytes_flow(alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LIMITS, "workspace_storage", LIMITS["workspace_storage"]._replace(value=100))
    begin(alice, 60)
    reply = alice.http("POST", f"{alice.base}/uploads", headers={**TUS, "Upload-Length": "50"})
    assert (reply.status, reply.json()["code"]) == (413, "quota_exceeded")
    assert all(figure in reply.json()["detail"] for figure in ("60", "100", "50", "10 too many"))
    assert Upload.objects.count() == 1


def test_I37_shards_and_models_take_of_the_quota_too(alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LIMITS, "workspace_storage", LIMITS["workspace_storage"]._replace(value=1000))
    workspace = Workspace.objects.get(slug="acme")
    dataset = Dataset.objects.create(workspace=workspace, name="reviews")
    DatasetVersion.objects.create(dataset=dataset, version=1, size_bytes=100, shard_bytes=300)
    model = Model.objects.create(workspace=workspace, name="clf", task="text-classification")
    ModelVersion.objects.create(model=model, version=1, size_bytes=500)
    foreign = Model.objects.create(workspace=Workspace.objects.create(slug="others"), name="clf", task="text-classification")
    ModelVersion.objects.create(model=foreign, version=1, size_bytes=10**6)
    reply = alice.http("POST", f"{alice.base}/uploads", headers={**TUS, "Upload-Length": "101"})
    assert (reply.status, reply.json()["code"]) == (413, "quota_exceeded")
    assert all(figure in reply.json()["detail"] for figure in ("900", "1000", "101", "1 too many"))
    begin(alice, 100)


def test_I37_file_over_the_limit(alice: Person) -> None:
    reply = alice.http("POST", f"{alice.base}/uploads", headers={**TUS, "Upload-Length": str(LIMITS["upload_file"].value + 1)})
    assert (reply.status, reply.json()["code"]) == (413, "too_large")


def test_F15_disk_full_keeps_what_came(alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    where = begin(alice, 3 << 20)
    real = spool.os.pwrite

    def full(handle: int, data: Any, at: int) -> int:
        if at >= 1 << 20:
            raise OSError(28, "No space left on device")
        return real(handle, bytes(data)[: (1 << 20) - at], at)

    monkeypatch.setattr(spool.os, "pwrite", full)
    reply = patch(alice, where, 0, [b"x" * (1 << 20)] * 3)
    assert (reply.status, reply.json()["code"]) == (507, "disk_full")
    monkeypatch.undo()
    assert row(where).offset == 1 << 20
    assert patch(alice, where, 1 << 20, b"x" * (2 << 20)).status == 204
    assert row(where).sha256 == hashlib.sha256(b"x" * (3 << 20)).hexdigest()


def test_F15_no_room_for_what_is_declared(alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artifacts, "free_bytes", lambda: 1000)
    reply = alice.http("POST", f"{alice.base}/uploads", headers={**TUS, "Upload-Length": "5000"})
    assert reply.status == 507
    assert "1000 are free" in reply.json()["detail"]


def test_F11_a_cut_line_keeps_the_bytes_that_came(alice: Person) -> None:
    where = begin(alice, 10)
    patch(alice, where, 0, [b"0123", None])
    assert row(where).offset == 4
    assert patch(alice, where, 4, b"456789").status == 204
    assert row(where).sha256 == hashlib.sha256(b"0123456789").hexdigest()


def test_F11_a_process_killed_in_the_middle_of_a_part(alice: Person) -> None:
    """Bytes beyond the acknowledged offset are cut off; the running hash of a dead process is made anew."""
    where = begin(alice, 6)
    patch(alice, where, 0, b"abc")
    with spool.part_path(row(where).pk).open("ab") as file:
        file.write(b"never acknowledged")
    spool._hashes.clear()
    assert patch(alice, where, 3, b"def").status == 204
    assert row(where).sha256 == hashlib.sha256(b"abcdef").hexdigest()


def test_F11_killed_between_the_last_byte_and_the_end(alice: Person) -> None:
    """Complete in the spool, or already moved to the store: asking where it stands finishes it."""
    for moved in (False, True):
        where = begin(alice, 3)
        upload = row(where)
        with spool.locked(upload.pk) as part:
            part.begin(0)
            part.write(b"abc")
            intake.advance_upload(upload=upload, to=part.sync())
        if moved:
            artifacts.put_file(f"ws/{upload.workspace_id}/uploads/{upload.pk}", spool.part_path(upload.pk), move=True)
        assert alice.http("HEAD", where, headers=TUS).headers["upload-offset"] == "3"
        assert row(where).sha256 == hashlib.sha256(b"abc").hexdigest()


def test_I38_two_finishes_at_once(alice: Person) -> None:
    where = begin(alice, 3)
    upload = row(where)
    with spool.locked(upload.pk) as part:
        part.begin(0)
        part.write(b"abc")
        intake.advance_upload(upload=upload, to=part.sync())
        intake.finish_upload(upload=upload, part=part)
        intake.finish_upload(upload=upload, part=part)
    assert intake.finish_upload(upload=upload).uri == row(where).uri


def test_a_second_sender_waits_and_then_is_told(alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controlplane.uploads.append.BUSY_SECONDS", 0.2)
    where = begin(alice, 6)
    with spool.locked(row(where).pk) as part:
        part.begin(0)
        reply = patch(alice, where, 0, b"abc")
    assert (reply.status, reply.json()["code"]) == (423, "upload_busy")
    assert patch(alice, where, 0, b"abcdef").status == 204


def test_a_part_that_lies_elsewhere(alice: Person) -> None:
    where = begin(alice, 6)
    patch(alice, where, 0, b"abc")
    spool.part_path(row(where).pk).unlink()
    assert patch(alice, where, 3, b"def").json()["code"] == "upload_lost"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 412),
        ({"Tus-Resumable": "0.2.2", "Upload-Length": "3"}, 412),
        (TUS, 400),
        ({**TUS, "Upload-Length": "-3"}, 400),
        ({**TUS, "Upload-Length": "3", "Upload-Metadata": "filename ***"}, 400),
        ({**TUS, "Upload-Defer-Length": "1"}, 400),
    ],
)
def test_what_creation_needs(alice: Person, headers: dict[str, str], status: int) -> None:
    reply = alice.http("POST", f"{alice.base}/uploads", headers=headers)
    assert reply.status == status
    assert reply.headers["tus-resumable"] == "1.0.0"
    assert reply.json()["code"]


def test_what_a_part_needs(alice: Person) -> None:
    where = begin(alice, 3)
    assert alice.http("PATCH", where, body=b"abc", headers={**PART, "Upload-Offset": "0", "Content-Type": "text/csv"}).status == 415
    assert alice.http("PATCH", where, body=b"abc", headers=PART).status == 400
    assert alice.http("PUT", where, body=b"abc").status == 405


def test_idempotency_key_gives_the_first_upload_again(alice: Person) -> None:
    key = {"Idempotency-Key": "one"}
    assert begin(alice, 5, **key) == begin(alice, 5, **key)
    other = alice.http("POST", f"{alice.base}/uploads", headers={**TUS, **key, "Upload-Length": "6"})
    assert (other.status, other.json()["code"]) == (422, "idempotency_mismatch")


def test_list_shows_unfinished_ones_to_go_on_with(alice: Person) -> None:
    finished, waiting = begin(alice, 0, "a.csv"), begin(alice, 9, "b.csv")
    whole = alice.http("GET", f"{alice.base}/uploads").json()
    assert [item["filename"] for item in whole["items"]] == ["b.csv", "a.csv"]
    item = alice.http("GET", f"{alice.base}/uploads?state=uploading").json()["items"][0]
    assert (item["id"], item["offset"], item["size"]) == (waiting.rsplit("/", 1)[-1], 0, 9)
    assert alice.http("GET", finished).json()["state"] == "finished"
    page = alice.http("GET", f"{alice.base}/uploads?limit=1").json()
    assert alice.http("GET", f"{alice.base}/uploads?limit=1&cursor={page['next']}").json()["items"][0]["filename"] == "a.csv"
    for bad, status in (("state=lost", 400), ("sorted=1", 400), ("limit=201", 422), ("sort=secret", 400)):
        assert alice.http("GET", f"{alice.base}/uploads?{bad}").status == status


def test_deleting_ends_it(alice: Person) -> None:
    for size in (3, 0):
        where = begin(alice, size)
        upload = row(where)
        assert alice.http("DELETE", where, headers=TUS).status == 204
        assert alice.http("HEAD", where, headers=TUS).status == 404
        assert not (upload.uri and artifacts.stat(upload.uri))


def test_A2_A4_only_members_with_the_role_and_scope(alice: Person, bob: Person, viewer: Person) -> None:
    where = begin(alice, 3)
    collection = f"{alice.base}/uploads"
    for method, path in (
        ("GET", collection),
        ("POST", collection),
        ("OPTIONS", collection),
        ("HEAD", where),
        ("PATCH", where),
        ("DELETE", where),
    ):
        head = {**PART, "Upload-Length": "3", "Upload-Offset": "0"}
        assert Person(bob.user, bob.workspace, type(bob.http)("")).http(method, path, headers=head).status == 401
        assert bob.http(method, path, headers=head).status == 404
        if method in ("POST", "PATCH", "DELETE"):
            assert viewer.http(method, path, headers=head).status == 403
    assert viewer.http("HEAD", where, headers=TUS).status == 200
    reader = person("rita", alice.workspace, "editor", ("read",))
    assert reader.http("PATCH", where, body=b"abc", headers={**PART, "Upload-Offset": "0"}).status == 403
    moved = where.replace(alice.workspace.slug, bob.workspace.slug)
    assert bob.http("HEAD", moved, headers=TUS).status == 404


def test_I54_a_key_in_the_address_is_refused(alice: Person) -> None:
    reply = alice.http("GET", f"{alice.base}/uploads?token={alice.http.token}")
    assert (reply.status, reply.json()["code"]) == (400, "token_in_url")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd", "etc/passwd"),
        ("train/猫/1.jpg", "train/猫/1.jpg"),
        ("C:\\data\\a.csv", "C:/data/a.csv"),
        ("a\u202egpj.csv\n", "agpj.csv"),
        ("😀.csv", "😀.csv"),
        ("..", "file"),
        ("x" * 900, "x" * 150),
    ],
)
def test_I28_file_names_are_data(alice: Person, given: str, kept: str) -> None:
    assert row(begin(alice, 3, given)).filename == kept


def test_two_workspaces_do_not_share_a_quota(alice: Person, bob: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LIMITS, "workspace_storage", LIMITS["workspace_storage"]._replace(value=100))
    begin(alice, 90)
    begin(bob, 90)
    assert Workspace.objects.count() == 2


def test_what_killed_processes_left_is_swept(alice: Person) -> None:
    kept = begin(alice, 6)
    patch(alice, kept, 0, b"abc")
    stale = [spool.part_path("nobody"), artifacts.stage()]
    for path in [*stale, spool.part_path(row(kept).pk)]:
        path.touch()
        os.utime(path, (0, 0))
    fresh = artifacts.stage()
    fresh.touch()
    intake.expire_uploads()
    assert [path.exists() for path in [*stale, fresh, spool.part_path(row(kept).pk)]] == [False, False, True, True]
    fresh.unlink()


def test_bytes_go_with_their_workspace(alice: Person) -> None:
    upload = row(begin(alice, 0))
    assert artifacts.stat(upload.uri) == 0
    alice.workspace.delete()
    assert artifacts.stat(upload.uri) is None


def test_a_browser_uploads_with_its_session_and_csrf(alice: Person) -> None:
    from django.test import Client

    browser = Client()
    browser.force_login(alice.user)
    cookie = browser.cookies["slipway_session"].value
    secret = "a" * 32
    head = {**TUS, "Upload-Length": "3", "Cookie": f"slipway_session={cookie}; csrftoken={secret}"}
    anyone = type(alice.http)("")
    refused = anyone("POST", f"{alice.base}/uploads", headers=head)
    assert (refused.status, refused.json()["code"]) == (403, "csrf")
    made = anyone("POST", f"{alice.base}/uploads", headers={**head, "X-CSRFToken": secret})
    assert made.status == 201
    part = {**head, **PART, "X-CSRFToken": secret, "Upload-Offset": "0"}
    assert anyone("PATCH", made.headers["location"], body=b"abc", headers=part).status == 204
    assert anyone("HEAD", made.headers["location"], headers=head).headers["upload-offset"] == "3"
    foreign = anyone("POST", f"{alice.base}/uploads", headers={**head, "X-CSRFToken": secret, "Origin": "https://evil.example"})
    assert foreign.status == 403
