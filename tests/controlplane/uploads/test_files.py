"""Signed links: what they open, for how long, and that nothing else can be reached."""

import os
from pathlib import Path

import pytest
from controlplane import artifacts
from controlplane.uploads.files import read_range

from tests.controlplane.data.wire import Http

http = Http()


@pytest.fixture
def stored() -> str:
    uri = "ws/1/uploads/files-test"
    artifacts.put_bytes(uri, b"0123456789")
    return uri


def path(link: str) -> str:
    return "/files/" + link.split("/files/")[1]


def test_whole_file_is_an_inert_attachment(stored: str) -> None:
    link = artifacts.link(stored, filename='Über "x"\u202e.csv', content_type="text/html")
    reply = http("GET", path(link))
    assert (reply.status, reply.content) == (200, b"0123456789")
    assert (
        reply.headers["content-disposition"] == "attachment; filename=\"_ber _x__.csv\"; filename*=UTF-8''%C3%9Cber%20%22x%22%E2%80%AE.csv"
    )
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["content-security-policy"] == "sandbox; default-src 'none'"
    head = http("HEAD", path(link))
    assert (head.status, head.headers["content-length"], head.content) == (200, "10", b"")


@pytest.mark.parametrize(
    ("header", "status", "content", "shown"),
    [
        ("bytes=2-4", 206, b"234", "bytes 2-4/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=-3", 206, b"789", "bytes 7-9/10"),
        ("bytes=-99", 206, b"0123456789", "bytes 0-9/10"),
        ("bytes=8-99", 206, b"89", "bytes 8-9/10"),
        ("bytes=0-1,4-5", 200, b"0123456789", None),
        ("lines=0-1", 200, b"0123456789", None),
        ("bytes=5-2", 200, b"0123456789", None),
        ("bytes=-", 200, b"0123456789", None),
        ("bytes=10-", 416, None, "bytes */10"),
        ("bytes=-0", 416, None, "bytes */10"),
    ],
)
def test_ranges(stored: str, header: str, status: int, content: bytes | None, shown: str | None) -> None:
    reply = http("GET", path(artifacts.link(stored)), headers={"Range": header})
    assert (reply.status, reply.headers.get("content-range")) == (status, shown)
    if content is not None:
        assert (reply.content, reply.headers["content-length"]) == (content, str(len(content)))


def test_an_empty_file_has_no_range() -> None:
    assert read_range("", 0).length == 0
    artifacts.put_bytes("ws/1/uploads/empty", b"")
    assert http("GET", path(artifacts.link("ws/1/uploads/empty"))).content == b""


def test_a_worker_stores_a_file(tmp_path: Path) -> None:
    slot = artifacts.slot("ws/1/jobs/1/1/model/model.safetensors")
    data = os.urandom(5 << 20)
    reply = http("PUT", path(slot.url or ""), body=[data[:100], data[100:]])
    assert reply.status == 201
    assert artifacts.read_bytes(slot.uri, 6 << 20) == data
    assert http("GET", path(slot.url or "")).status == 405
    assert http("PUT", path(artifacts.link(slot.uri)), body=b"x").status == 405


def test_a_cut_or_short_file_is_not_stored() -> None:
    slot = artifacts.slot("ws/1/jobs/1/1/model/cut.bin")
    http("PUT", path(slot.url or ""), body=[b"abc", None])
    assert artifacts.stat(slot.uri) is None
    assert http("PUT", path(slot.url or ""), body=[b"abc"], headers={"content-length": "5"}).status == 400
    assert artifacts.stat(slot.uri) is None
    root = artifacts.local_root()
    assert root is not None
    assert not list((root / artifacts.STAGE).iterdir())


def test_links_end_and_cannot_be_made_up(stored: str, monkeypatch: pytest.MonkeyPatch) -> None:
    link = path(artifacts.link(stored, seconds=60))
    assert http("GET", link).status == 200
    for changed in (link[:-1] + ("A" if link[-1] != "A" else "B"), "/files/" + "a" * 40, "/files/" + link[7:].split(".")[0] + "."):
        assert http("GET", changed).status in (403, 404)
    now = artifacts.time.time()
    monkeypatch.setattr(artifacts.time, "time", lambda: now + 61)
    reply = http("GET", link)
    assert (reply.status, reply.json()["code"]) == (403, "bad_link")


@pytest.mark.parametrize(
    "rest", ["", "..", "../db.sqlite3", "%2e%2e/secrets", "..%2f..%2fetc%2fpasswd", "a/b", "a\\b", "x" * 5000, "\u0000"]
)
def test_A1_no_path_leads_anywhere(stored: str, rest: str) -> None:
    assert http("GET", f"/files/{rest}").status in (400, 403, 404)


@pytest.mark.parametrize(
    "key", ["", "..", "../x", "a/../b", "/etc/passwd", "a//b", "a/", ".store-id", "a\\b", "a/\x00", "a/\n", "ws/" + "x" * 300, "é"]
)
def test_A1_keys_stay_in_the_store(key: str) -> None:
    with pytest.raises(ValueError, match="storage key"):
        artifacts.local_path(key)


def test_the_store_cleans_up_by_prefix() -> None:
    for name in ("a", "deep/b"):
        artifacts.put_bytes(f"ws/1/jobs/9/{name}", b"x")
    artifacts.put_bytes("ws/1/jobs/90", b"x")
    artifacts.delete_prefix("ws/1/jobs/9")
    artifacts.delete("ws/1/jobs/9/a")
    assert [artifacts.stat(f"ws/1/jobs/{name}") for name in ("9/a", "9/deep/b", "90")] == [None, None, 1]


def test_orders_are_filled_with_links() -> None:
    work = {"kind": "prepare", "files": [{"name": "a.csv", "uri": "ws/1/uploads/files-test"}]}
    filled = artifacts.fill(work)
    assert filled.files[0].path == str(artifacts.local_path("ws/1/uploads/files-test"))
    assert http("GET", path(filled.files[0].url)).content == b"0123456789"
    assert "free" in artifacts.check()
