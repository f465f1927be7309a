"""What a training loop needs to go on exactly where it was: safetensors and JSON only, never a pickle.

Layout of one checkpoint folder: `model/` (what will be served) · `state.safetensors` (optimiser moments, random states) ·
`state.json` (settings of the parameter groups, progress). The platform adds its manifest and moves the folder.
"""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from workers.contract.recipe import UserError


def save_state(folder: Path, optimizer: torch.optim.Optimizer, progress: dict[str, Any]) -> None:
    """Write `state.safetensors` and `state.json` into `folder`."""
    state = optimizer.state_dict()
    tensors = {f"optimizer.{index}.{key}": value.contiguous() for index, slot in state["state"].items() for key, value in slot.items()}
    tensors["random.cpu"] = torch.get_rng_state()
    if torch.cuda.is_available() and torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        tensors["random.cuda"] = torch.cuda.get_rng_state()
    save_file(tensors, str(folder / "state.safetensors"))
    sizes = [len(group["params"]) for group in state["param_groups"]]
    (folder / "state.json").write_text(json.dumps({"groups": sizes, "progress": progress}), encoding="utf-8")


def load_state(folder: Path, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """Put the optimiser and the random states back; returns the progress saved with them.

    Raises UserError `checkpoint_mismatch` when the model now has other parameters than the checkpoint's.
    """
    saved = json.loads((folder / "state.json").read_text(encoding="utf-8"))
    current = optimizer.state_dict()
    if saved["groups"] != [len(group["params"]) for group in current["param_groups"]]:
        raise UserError(
            "checkpoint_mismatch",
            "the checkpoint belongs to a model of another shape",
            "Resume with the parameters the job was started with, or start a new job.",
        )
    state: dict[int, dict[str, torch.Tensor]] = {}
    for name, tensor in load_file(str(folder / "state.safetensors")).items():
        kind, _, rest = name.partition(".")
        if kind == "optimizer":
            index, _, key = rest.partition(".")
            state.setdefault(int(index), {})[key] = tensor
        elif rest == "cpu":
            torch.set_rng_state(tensor)
        elif torch.cuda.is_available():
            torch.cuda.set_rng_state(tensor)
    optimizer.load_state_dict({"state": state, "param_groups": current["param_groups"]})
    for weight, slot in optimizer.state.items():
        for key, value in slot.items():
            if value.shape == weight.shape:  # laid out in memory as its weight is: fused kernels pair them by position
                slot[key] = torch.empty_like(weight).copy_(value)
    progress: dict[str, Any] = saved["progress"]
    return progress
