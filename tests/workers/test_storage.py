"""Bytes down and up: shortcuts, downloads that are checked, links that run out, checkpoints without pickle."""

import hashlib
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from workers import checkpoints, storage
from workers.contract.events import UploadSlot
from workers.contract.orders import FileRef


class Bucket:
    """GET and PUT of one dict; links with `old` in them have run out."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.gets = 0
        bucket = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                bucket.gets += 1
                data = bucket.files.get(self.path.partition("?")[0], b"")
                self.send_response(403 if "old" in self.path else 200)
                self.end_headers()
                self.wfile.write(data)

            def do_PUT(self) -> None:
                bucket.files[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"


@pytest.fixture
def bucket(home: Path) -> Iterator[Bucket]:
    bucket = Bucket()
    yield bucket
    bucket.server.shutdown()
    bucket.server.server_close()


def ref(data: bytes, **fields: str | None) -> FileRef:
    return FileRef(name="f.bin", uri="u", size=len(data), sha256=hashlib.sha256(data).hexdigest(), **fields)


def no_renewal(uri: str) -> FileRef:
    raise AssertionError("no new link was needed")


def test_a_download_is_kept_by_its_hash(bucket: Bucket, tmp_path: Path) -> None:
    bucket.files["/a"] = b"hello"
    for _ in range(2):
        path = storage.fetch(ref(b"hello", url=f"{bucket.url}/a"), no_renewal, tmp_path)
        assert path.read_bytes() == b"hello"
    assert bucket.gets == 1


def test_A13_other_bytes_than_promised_are_refused(bucket: Bucket, tmp_path: Path) -> None:
    bucket.files["/a"] = b"evil!"
    with pytest.raises(storage.Damaged):
        storage.fetch(ref(b"hello", url=f"{bucket.url}/a"), no_renewal, tmp_path)
    assert not [path for path in (tmp_path / "home/cache").rglob("*") if path.is_file() and not path.name.endswith(".lock")]


def test_a_link_that_has_run_out_is_renewed(bucket: Bucket, tmp_path: Path) -> None:
    bucket.files["/a"] = b"hello"
    fresh = ref(b"hello", url=f"{bucket.url}/a")
    path = storage.fetch(ref(b"hello", url=f"{bucket.url}/a?old"), lambda uri: fresh, tmp_path)
    assert path.read_bytes() == b"hello"


def test_the_shortcut_needs_the_stores_marker(tmp_path: Path) -> None:
    file = tmp_path / "shop" / "f.bin"
    file.parent.mkdir()
    file.write_bytes(b"hello")
    assert storage.local_path(ref(b"hello", path=str(file))) is None
    (file.parent / ".store-id").write_text("1")
    assert storage.local_path(ref(b"hello", path=str(file))) == file
    assert storage.local_path(ref(b"other size", path=str(file))) is None


def test_stored_by_path_and_by_link(bucket: Bucket, tmp_path: Path) -> None:
    source = tmp_path / "s"
    source.write_bytes(b"data")
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / ".store-id").write_text("1")
    storage.store(source, UploadSlot(name="n", uri="u", path=str(tmp_path / "shop/deep/n")))
    assert os.listdir(tmp_path / "shop/deep") == ["n"]
    storage.store(source, UploadSlot(name="n", uri="u", path="/not/here/n", url=f"{bucket.url}/n"))
    assert bucket.files["/n"] == b"data"


def test_F14_a_full_disk_is_named(tmp_path: Path) -> None:
    with pytest.raises(storage.DiskFull) as full:
        storage.require_room(tmp_path, 1 << 60)
    assert full.value.needed == 1 << 60
    assert full.value.free > 0


@pytest.mark.parametrize("name", ["", "/etc/passwd", "../x", "a/../../x", "a\0b"])
def test_A21_names_stay_inside(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="unsafe"):
        storage.link_folder([(name, tmp_path)], tmp_path)


def test_A6_no_pickle_in_a_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    for name in ("optimizer.pt", "rng_state.pth", "training_args.bin", "x.pkl", "run.py"):
        source = tmp_path / "source"
        source.mkdir()
        (source / name).write_bytes(b"x")
        with pytest.raises(ValueError, match="not allowed"):
            checkpoints.take_over(source, tmp_path / "root", 1, {}, best=False)
        (source / name).unlink()
        source.rmdir()
    assert checkpoints.listed(tmp_path / "root") == []


def test_A13_a_changed_byte_is_seen(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "s").mkdir()
    (tmp_path / "s/a.json").write_text("{}")
    folder = checkpoints.take_over(tmp_path / "s", tmp_path / "root", 1, {"eval/loss": 1.0}, best=True)
    manifest = checkpoints.manifest_of(folder)
    assert manifest
    assert (manifest["step"], manifest["best"]) == (1, True)
    (folder / "a.json").write_text("[]")
    assert checkpoints.manifest_of(folder) is None


def test_the_last_two_and_the_best_are_kept(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    for step in range(1, 7):
        (tmp_path / "s").mkdir()
        (tmp_path / "s/a.json").write_text("{}")
        checkpoints.take_over(tmp_path / "s", tmp_path / "root", step, {}, best=step == 2)
        checkpoints.prune(tmp_path / "root")
    assert [folder.name for folder in checkpoints.listed(tmp_path / "root")] == ["00000002", "00000005", "00000006"]
