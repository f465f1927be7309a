"""A base model that a training takes straight from the hub: a hub of the tests' own, a child in a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.workers.hub import Hub, served
from tests.workers.prepare.makers import model
from workers.contract.home import ROOT
from workers.contract.orders import DatasetRef, ModelRef, Order, TrainWork

pytestmark = pytest.mark.torch


@pytest.fixture
def hub() -> Iterator[str]:
    with served(Hub) as address:
        yield address


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
