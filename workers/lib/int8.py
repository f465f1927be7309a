"""Dynamic int8 for a CPU: weights kept as whole numbers with one scale per output, activations rounded token by token while it answers.

Quantised are the matrices of linear layers (`nn.Linear`, GPT-2's `Conv1D`) of at least `LEAST` weights, and the word vectors. All else
stays as it is, in fp32: biases, norms, positions, small heads, convolutions, layers of any other kind.
A processor without VNNI adds pairs of products in 16 bits, which large ones overflow unseen: there the weights lose their last bit.
A token has a scale of its own, so what it is answered does not depend on what else is in the batch.
"""

from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from workers.contract.recipe import UserError

FILE = "int8.safetensors"
LEAST = 16_384  # weights from which on a linear layer is faster in int8
MOST = 127  # of a rounded weight or activation
TINY = 1e-12  # scale of a row of zeros
HINT = "Make the variant again from its model version."

Numbers = Callable[[Tensor], tuple[Tensor, Tensor]]


class Int8Linear(nn.Module):
    """weight: (outputs, inputs) int8 · scale: (outputs,) fp32 · bias: (outputs,) or None. Answers in the type it is asked in."""

    def __init__(self, weight: Tensor, scale: Tensor, bias: nn.Parameter | None) -> None:
        super().__init__()
        self.out_features, self.in_features = weight.shape
        self.weight, self.scale, self.bias = nn.Buffer(weight), nn.Buffer(scale), bias

    def forward(self, values: Tensor) -> Tensor:
        rows = values.reshape(-1, self.in_features).float()
        steps = rows.abs().amax(1, keepdim=True).clamp_(min=TINY).div_(MOST)
        found = torch._int_mm((rows / steps).round_().to(torch.int8), self.weight.t()).float().mul_(steps)
        found = found.mul_(self.scale) if self.bias is None else torch.addcmul(self.bias, found, self.scale)
        return found.to(values.dtype).view(*values.shape[:-1], self.out_features)

    def restored(self) -> nn.Module:
        """The same layer in floating point."""
        layer = nn.Linear(self.in_features, self.out_features, bias=self.bias is not None, device="meta")
        layer.weight = nn.Parameter(self.weight.float() * self.scale[:, None])
        if self.bias is not None:
            layer.bias = self.bias
        return layer


class Int8Embedding(nn.Module):
    """weight: (tokens, width) int8 · scale: (tokens,) fp32."""

    def __init__(self, weight: Tensor, scale: Tensor) -> None:
        super().__init__()
        self.num_embeddings, self.embedding_dim = weight.shape
        self.weight, self.scale = nn.Buffer(weight), nn.Buffer(scale)

    def forward(self, ids: Tensor) -> Tensor:
        return self.weight[ids].float().mul_(self.scale[ids].unsqueeze(-1))

    def restored(self) -> nn.Module:
        return nn.Embedding(self.num_embeddings, self.embedding_dim, _weight=self.weight.float() * self.scale[:, None])


def quantised(network: PreTrainedModel) -> list[str]:
    """Quantise in place; the names of the layers. Raises UserError `nothing_to_quantise` when they hold less than half of the weights."""
    words = _words(network)
    names = [name for name, layer in network.named_modules() if _is_large(layer) or (layer is words and type(layer) is nn.Embedding)]
    layers = {id(weight): weight.numel() for weight in (_matrix(network, name) for name in names)}
    total = sum(weight.numel() for weight in network.parameters())
    if 2 * sum(layers.values()) < total:
        share = 100 * sum(layers.values()) // max(1, total)
        message = f"only {share} % of this model's weights stand in layers that int8 can hold, so it would gain nothing"
        raise UserError("nothing_to_quantise", message, "Make the variant bf16, which halves every layer.")
    _swap(network, names, rounded)
    return names


def rounded(weight: Tensor) -> tuple[Tensor, Tensor]:
    """(rows, columns) -> int8 of that shape, and (rows,) scales. Raises UserError `not_finite`."""
    scale = weight.abs().amax(1).float().clamp(min=TINY) / MOST
    if not bool(scale.isfinite().all()):
        raise UserError("not_finite", "the model has weights that are no numbers", "Train it again with a lower learning rate.")
    return (weight.float() / scale[:, None]).round().to(torch.int8), scale


def empty(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Room for what `rounded` makes."""
    return torch.empty(weight.shape, dtype=torch.int8), torch.empty(len(weight))


def save(network: PreTrainedModel, folder: Path) -> None:
    save_file({name: tensor.contiguous() for name, tensor in stored(network).items()}, str(folder / FILE), {"format": "pt"})


def load(network: PreTrainedModel, names: Iterable[str], folder: Path) -> None:
    """Swap the named layers of a network without weights, and fill it all from the folder. Raises UserError `damaged_variant`."""
    try:
        _swap(network, names, empty)
        found = load_file(str(folder / FILE))
    except (AttributeError, TypeError, OSError, SafetensorError) as error:
        raise UserError("damaged_variant", f"the variant's {FILE} does not fit its variant.json, or cannot be read", HINT) from error
    wanted = stored(network)
    for name in sorted(wanted.keys() ^ found.keys()):
        raise UserError("damaged_variant", f"{FILE} {'lacks' if name in wanted else 'should not have'} {name}", HINT)
    for name, tensor in wanted.items():
        given = found[name]
        if (given.shape, given.dtype) != (tensor.shape, tensor.dtype):
            message = f"{name} of {FILE} is {_shape(given)} instead of {_shape(tensor)}"
            raise UserError("damaged_variant", message, HINT)
        tensor.copy_(given)
    if not adds_exactly():
        halve(network)


@cache
def adds_exactly() -> bool:
    """Whether this processor multiplies the largest whole numbers right."""
    rows, weights = torch.full((33, 256), MOST, dtype=torch.int8), torch.full((64, 256), MOST, dtype=torch.int8)
    return bool((torch._int_mm(rows, weights.t()) == 256 * MOST * MOST).all())


def halve(network: PreTrainedModel) -> None:
    """Take the last bit of every linear layer's weights, in place."""
    done: set[int] = set()
    for layer in network.modules():
        if isinstance(layer, Int8Linear) and layer.weight.data_ptr() not in done:  # shared with the word vectors or another layer
            done.add(layer.weight.data_ptr())
            layer.weight.copy_((layer.weight.float() / 2).round())
            layer.scale.mul_(2)


def stored(network: PreTrainedModel) -> dict[str, Tensor]:
    """What is written of a network: its tensors by name, each once where several layers share it."""
    seen: set[int] = set()
    found: dict[str, Tensor] = {}
    for name, tensor in network.state_dict().items():
        if tensor.data_ptr() not in seen or not tensor.numel():
            found[name] = tensor
        seen.add(tensor.data_ptr())
    return found


def restore(network: PreTrainedModel) -> None:
    """Back to floating point in place, for a device without kernels for int8."""
    made: dict[int, nn.Module] = {}
    for layer in network.modules():
        if isinstance(layer, Int8Linear | Int8Embedding):
            made[id(layer)] = layer.restored()
    _replace(network, made)


def _words(network: PreTrainedModel) -> nn.Module | None:
    try:
        found: nn.Module = network.get_input_embeddings()
    except NotImplementedError:  # networks of pictures
        return None
    return found


def _is_large(layer: nn.Module) -> bool:
    """Kinds derived from these do something else as well."""
    return type(layer) in (nn.Linear, Conv1D) and isinstance(layer.weight, Tensor) and layer.weight.numel() >= LEAST


def _matrix(network: PreTrainedModel, name: str) -> Tensor:
    weight = network.get_submodule(name).weight
    if not isinstance(weight, Tensor):
        raise TypeError(f"{name} has no weights")
    return weight


def _swap(network: PreTrainedModel, names: Iterable[str], numbers: Numbers) -> None:
    """Put int8 layers in the place of the named ones, wherever each stands. Those that shared their weights still do."""
    tensors: dict[int, tuple[Tensor, Tensor]] = {}
    made: dict[int, nn.Module] = {}
    with torch.no_grad():
        for name in names:
            layer, weight = network.get_submodule(name), _matrix(network, name)
            if id(weight) not in tensors:
                tensors[id(weight)] = numbers((weight.t() if type(layer) is Conv1D else weight).contiguous())
            bias: Any = getattr(layer, "bias", None)
            pair = tensors[id(weight)]
            made[id(layer)] = Int8Embedding(*pair) if type(layer) is nn.Embedding else Int8Linear(*pair, bias)
    _replace(network, made)


def _replace(network: PreTrainedModel, made: dict[int, nn.Module]) -> None:
    for parent in list(network.modules()):
        for name, layer in parent.named_children():
            if id(layer) in made:
                setattr(parent, name, made[id(layer)])


def _shape(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {tuple(tensor.shape)}"
