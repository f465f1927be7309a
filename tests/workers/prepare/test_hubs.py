"""A model by its hub id, from ModelScope and from a mirror: hubs of the tests' own, at the door of the reader."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.workers.hub import Hub, served
from tests.workers.prepare.conftest import ROOT, Outcome, collect
from tests.workers.prepare.makers import model


class Hubs(Hub):
    """Both kinds of hub. lies: names whose bytes are others than the list says."""

    lies: set[str] = set()

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        if "org/model" not in asked.path:
            return self.answer(b"{}", 404, **{"X-Error-Code": "RepoNotFound"})
        if asked.path.endswith("/repo/files"):
            listed = [{"Path": n, "Type": "blob", "Size": len(d), "Sha256": hashlib.sha256(d).hexdigest()} for n, d in self.files.items()]
            return self.answer(json.dumps({"Code": 200, "Data": {"Files": [*listed, {"Path": "onnx", "Type": "tree"}]}}).encode())
        if asked.path.endswith("/repo"):
            name = parse_qs(asked.query)["FilePath"][0]
            return self.answer(b"changed" if name in self.lies else self.files[name])
        return super().do_GET()


@pytest.fixture
def address() -> Iterator[str]:
    Hubs.files, Hubs.lies = {**model(), "evil.py": b"raise SystemExit", "pytorch_model.bin": b"\x80", "../x.json": b"{}"}, set()
    with served(Hubs) as address:
        yield address


def fetched(folder: Path, hub: str, hub_id: str = "org/model", **env: str) -> Outcome:
    folder.mkdir(exist_ok=True)
    order = {"workspace": "w", "job": "1", "attempt": 1, "network": "hub"}
    work = {"kind": "import", "task": "text-classification", "hub_id": hub_id, "hub": hub}
    (folder / "order.json").write_text(json.dumps({**order, "work": work}))
    done = subprocess.run(
        [sys.executable, "-m", "workers.prepare", str(folder)],
        cwd=ROOT,
        env={**os.environ, "HF_HUB_OFFLINE": "0", **env},
        capture_output=True,
        timeout=120,
    )
    return collect(folder, done.returncode, 0)


@pytest.mark.parametrize(("hub", "variable"), [("modelscope", "MODELSCOPE_ENDPOINT"), ("mirror", "HF_MIRROR")])
def test_a_model_comes_from_the_hub_that_was_chosen(hub: str, variable: str, address: str, tmp_path: Path) -> None:
    found = fetched(tmp_path / "run", hub, **{variable: address})
    assert found.status == 0, found.error
    assert [file["name"] for file in found.result["files"]] == ["README.md", "config.json", "model.safetensors"]
    missing = fetched(tmp_path / "other", hub, "org/none", **{variable: address})
    assert missing.code == "unknown_model", missing.error


def test_bytes_that_are_not_those_of_the_list_are_refused(address: str, tmp_path: Path) -> None:
    Hubs.lies = {"model.safetensors"}
    found = fetched(tmp_path / "run", "modelscope", MODELSCOPE_ENDPOINT=address)
    assert found.code == "hub_unreachable", found.error
    assert "ModelScope" in found.error["message"]


def test_without_a_network_it_says_so(tmp_path: Path) -> None:
    found = fetched(tmp_path / "run", "modelscope", MODELSCOPE_ENDPOINT="http://127.0.0.1:9")
    assert (found.code, "archive" in found.error["hint"]) == ("hub_unreachable", True)
