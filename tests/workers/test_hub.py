"""A base model that a training takes straight from the hub: a hub of the tests' own, a child in a process of its own."""

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.workers.prepare.makers import model
from workers.contract.home import ROOT
from workers.contract.orders import DatasetRef, ModelRef, Order, TrainWork

pytestmark = pytest.mark.torch
COMMIT = "0" * 40


class Hub(BaseHTTPRequestHandler):
    """As much of the hub's HTTP as a download asks for."""

    files: dict[str, bytes] = {}

    def _answer(self, body: bytes, **headers: str) -> None:
        self.send_response(200)
        for name, value in {"Content-Length": str(len(body)), "X-Repo-Commit": COMMIT, **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def do_GET(self) -> None:
        if self.path.startswith("/api/models/"):
            listed: Any = [
                {"rfilename": name, "type": "file", "path": name, "size": len(data), "oid": "1"} for name, data in self.files.items()
            ]
            about = listed if "/tree/" in self.path else {"id": "org/model", "sha": COMMIT, "siblings": listed}
            return self._answer(json.dumps(about).encode(), **{"Content-Type": "application/json"})
        data = self.files[self.path.rsplit("/", 1)[-1]]
        return self._answer(data, ETag=f'"{hashlib.sha256(data).hexdigest()}"')

    do_HEAD = do_GET

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def train_from(hub: str, files: dict[str, bytes], folder: Path) -> dict[str, Any]:
    """The error with which a training on this base model ends; there are no rows to train on."""
    Hub.files = files
    data = DatasetRef(name="d", version=1, features={"text": "text", "label": "category"}, splits={}, rows={})
    work = TrainWork(
        recipe="text-classification/finetune",
        params={},
        columns={"text": "text", "label": "label"},
        dataset=data,
        base_model=ModelRef(name="org/model", hub_id="org/model"),
    )
    folder.mkdir(exist_ok=True)
    (folder / "inputs").mkdir()
    (folder / "order.json").write_text(Order(workspace="w", job="1", attempt=1, network="hub", work=work).model_dump_json())
    env = {"HF_ENDPOINT": hub, "HF_HUB_OFFLINE": "0", "HF_HOME": str(folder / "cache"), "HF_HUB_DISABLE_XET": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-m", "workers.child", str(folder)], env={**os.environ, **env}, capture_output=True, timeout=120)
    assert done.returncode, done.stderr
    error: dict[str, Any] = json.loads((folder / "error.json").read_text())
    return error


def test_A16_a_base_model_of_the_hub_is_held_to_the_same_list(hub: str, tmp_path: Path) -> None:
    config = {"model_type": "bert", "auto_map": {"AutoModel": "evil.Model"}}
    error = train_from(hub, model(config_json=json.dumps(config).encode()), tmp_path / "auto")
    assert (error["code"], error["loc"]["column"]) == ("forbidden_key", "auto_map")
    config = {"model_type": "bert", "_attn_implementation": "org/kernels"}
    error = train_from(hub, model(config_json=json.dumps(config).encode()), tmp_path / "kernels")
    assert (error["code"], error["loc"]["column"]) == ("forbidden_key", "_attn_implementation")


def test_A15_a_base_model_of_the_hub_is_proved_by_parsing(hub: str, tmp_path: Path) -> None:
    error = train_from(hub, model(model_safetensors=b"\x80\x04not tensors at all"), tmp_path / "run")
    assert error["code"] == "damaged_file"


def test_a_sound_base_model_of_the_hub_is_taken(hub: str, tmp_path: Path) -> None:
    error = train_from(hub, {**model(), "evil.py": b"raise SystemExit", "pytorch_model.bin": b"\x80"}, tmp_path / "run")
    assert error["code"] not in ("forbidden_key", "damaged_file", "hub_unreachable", "missing_file"), error
    taken = {path.name for path in (tmp_path / "run/inputs/hub").iterdir() if path.is_file()}
    assert "config.json" in taken
    assert not taken & {"evil.py", "pytorch_model.bin"}
