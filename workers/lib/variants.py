"""Variants of a model: a folder of its own that a recipe's `serve.load` opens like the one training wrote, only smaller.

    variant.json      {"variant", "architecture", "layers"}: which one it is, and what int8 quantised
    int8              int8.safetensors in the place of model.safetensors, see `int8.py`; `from_pretrained` finds no weights and says so
    bf16              model.safetensors with every weight in half the bytes; computed in what the device does well

A recipe has variants when its spec names them, its `model.py` has `opened(folder)`, which opens the network through `opened` here, and
its networks get to their device through `placed`.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedConfig, PreTrainedModel
from transformers.initialization import no_init_weights

from workers.contract.recipe import UserError
from workers.lib import device, int8

ABOUT = "variant.json"
LARGE = 30_000_000  # weights from which on answering in fp32 is too slow
LEFT_OUT = ("*.safetensors", "*.index.json", "*.onnx", "evaluation.json", "manifest.json", "README.md", ABOUT)


def about(folder: Path) -> dict[str, Any] | None:
    """What `variant.json` says; None for a model that is no variant. Raises UserError `damaged_variant`."""
    path = folder / ABOUT
    if not path.exists():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        sound = found["variant"] in ("int8", "bf16") and all(isinstance(name, str) for name in found["layers"])
    except (OSError, ValueError, KeyError, TypeError):
        sound = False
    if not sound:
        raise UserError("damaged_variant", f"{ABOUT} does not say which variant of a model this is", int8.HINT)
    return dict(found)


def kind_of(folder: Path) -> str | None:
    """int8, bf16, or None for a model that is no variant."""
    found = about(folder)
    return str(found["variant"]) if found else None


def opened(auto: Any, folder: Path, config: PreTrainedConfig, **options: Any) -> PreTrainedModel:
    """The network of a local folder of safetensors, variant or not. auto: a class of transformers' `AutoModelFor…`.

    options: of `from_pretrained` · Raises UserError `damaged_variant`, and what `from_pretrained` raises.
    """
    found = about(folder)
    if found is None or found["variant"] != "int8":
        options |= {"dtype": torch.bfloat16 if found else torch.float32, "use_safetensors": True}
        network: PreTrainedModel = auto.from_pretrained(
            str(folder), config=config, local_files_only=True, trust_remote_code=False, **options
        )
        return network
    known = {name: value for name, value in options.items() if name == "attn_implementation"}
    with no_init_weights():
        network = auto.from_config(config, dtype=torch.float32, trust_remote_code=False, **known)
    network.tie_weights()
    int8.load(network, found["layers"], folder)
    return network.eval()  # type: ignore[no-untyped-call, no-any-return]


def placed(
    network: PreTrainedModel, folder: Path, place: torch.device, wished: torch.dtype | None = None, *, pictures: bool = False
) -> PreTrainedModel:
    """The network on its device, ready to answer. wished: the type of a model that is no variant; None = what serves one of its size well.

    int8 is for a CPU; on another device its layers are back in floating point.
    """
    kind = kind_of(folder)
    if kind == "int8" and place.type != "cpu":
        int8.restore(network)
    if kind == "int8" and place.type == "cpu":
        dtype = torch.float32
    elif kind:
        dtype = device.serving_dtype(place)
    else:
        large = sum(weight.numel() for weight in network.parameters()) > LARGE
        dtype = wished or (device.serving_dtype(place) if large else torch.float32)
    return device.moved(network, place, dtype, pictures=pictures).eval()  # type: ignore[no-untyped-call, no-any-return]


def precision(folder: Path, place: torch.device) -> str:
    """For `device.autocast` while a model is measured. A variant is measured as it answers: its weights have their types already."""
    return "fp32" if kind_of(folder) else device.resolve_precision("auto", place)


def make(network: PreTrainedModel, variant: str, source: Path, target: Path, named: str) -> None:
    """Write the variant of the network in `source` to the empty folder `target`. named: the model, for its README; network: is used up.

    Raises UserError `nothing_to_quantise`, `not_finite`, or `already_variant`.
    """
    if kind_of(source):
        raise UserError("already_variant", "this is a variant already", "Make variants of the model version itself.")
    shutil.copytree(source, target, ignore=shutil.ignore_patterns(*LEFT_OUT), copy_function=shutil.copyfile, dirs_exist_ok=True)
    layers: list[str] = []
    if variant == "int8":
        layers = int8.quantised(network)
        int8.save(network, target)
    else:
        network.to(torch.bfloat16).save_pretrained(target)  # type: ignore[arg-type]
    said = {"variant": variant, "architecture": type(network).__name__, "layers": layers}
    (target / ABOUT).write_text(json.dumps(said, indent=1), encoding="utf-8")
    (target / "README.md").write_text(card(variant, type(network).__name__, named), encoding="utf-8")


def card(variant: str, architecture: str, named: str) -> str:
    """README.md of a variant: what it is and how to open it."""
    return (INT8 if variant == "int8" else BF16).format(named=named, architecture=architecture)


BF16 = """# {named}, bf16

A variant of {named}: every weight is kept in bfloat16, in half the bytes. Nothing was trained again.

```python
from transformers import {architecture}

model = {architecture}.from_pretrained(".")
```
"""
INT8 = """# {named}, int8

A variant of {named} for CPUs: the matrices of its linear layers and its word vectors are kept as whole numbers of eight bits with one fp32
scale per row, all else in fp32. Nothing was trained again. While it answers, the activations of each token are rounded to eight bits
as well.

`from_pretrained` does not open it. This puts the weights back into floating point:

```python
import json
from pathlib import Path

from safetensors.torch import load_file
from transformers import AutoConfig, {architecture}
from transformers.pytorch_utils import Conv1D

folder = Path(".")
model = {architecture}(AutoConfig.from_pretrained(folder))
weights = load_file(folder / "int8.safetensors")
for layer in json.loads((folder / "variant.json").read_text())["layers"]:
    if f"{{layer}}.weight" in weights:  # layers that share their weights are kept once
        matrix = weights[f"{{layer}}.weight"] * weights.pop(f"{{layer}}.scale")[:, None]
        weights[f"{{layer}}.weight"] = matrix.T if isinstance(model.get_submodule(layer), Conv1D) else matrix
model.load_state_dict(weights, strict=False)
model.eval()
```
"""
