"""The header of a safetensors file, checked by ourselves before any library maps it: what passes cannot be a pickle in disguise."""

import struct
from math import prod
from pathlib import Path
from typing import Any, NoReturn

from workers.contract.names import SAFETENSORS_HEADER_MAX
from workers.contract.recipe import UserError
from workers.prepare.json_values import decode
from workers.prepare.problems import excerpt, refuse

BITS = {
    **dict.fromkeys(("F64", "I64", "U64", "C64"), 64),
    **dict.fromkeys(("F32", "I32", "U32"), 32),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 16),
    **dict.fromkeys(("BOOL", "I8", "U8", "F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"), 8),
    **dict.fromkeys(("F6_E2M3", "F6_E3M2"), 6),
    "F4": 4,
}
_HINT = "save it again with safetensors.torch.save_file or model.save_pretrained"


def check(path: Path, name: str) -> set[str]:
    """The names of the tensors in `path`. Raises UserError `damaged_file` unless they fill the file exactly, one after another."""
    size = path.stat().st_size
    with open(path, "rb") as file:
        head = file.read(8)
        length = struct.unpack("<Q", head)[0] if len(head) == 8 else 0
        if not 2 <= length <= min(SAFETENSORS_HEADER_MAX, size - 8):
            _damaged(name, f"its header claims {length} bytes of a file of {size}")
        raw = file.read(length)
    if raw[:1] != b"{":
        _damaged(name, "its header is no JSON object")
    try:
        header = decode(raw, name, 1)
    except UserError as error:
        _damaged(name, error.message)
    tensors = {key: value for key, value in header.items() if key != "__metadata__"}
    spans = sorted((*_span(key, value, name), key) for key, value in tensors.items())
    end = 0
    for start, stop, key in spans:
        if start != end:
            _damaged(name, f"tensor {excerpt(key)} {'overlaps another' if start < end else 'leaves a hole before it'}")
        end = stop
    if end != size - 8 - length:
        _damaged(name, f"its tensors need {end} bytes, {size - 8 - length} are there")
    return set(tensors)


def _span(key: str, value: Any, name: str) -> tuple[int, int]:
    """Where a tensor begins and ends in the data."""
    fields: dict[str, Any] = value if isinstance(value, dict) else {}
    shape: Any = fields.get("shape")
    offsets: Any = fields.get("data_offsets")
    bits = BITS.get(str(fields.get("dtype")))
    if bits is None or not _sizes(shape) or not _sizes(offsets) or len(offsets) != 2:
        _damaged(name, f"tensor {excerpt(key)} has no known type, shape or place")
    if (offsets[1] - offsets[0]) * 8 != prod(shape) * bits:
        _damaged(name, f"tensor {excerpt(key)} does not have the bytes of its shape")
    return int(offsets[0]), int(offsets[1])


def _sizes(value: Any) -> bool:
    return isinstance(value, list) and len(value) <= 64 and all(type(size) is int and size >= 0 for size in value)


def _damaged(name: str, reason: str) -> NoReturn:
    refuse("damaged_file", f"{name} is not a whole safetensors file: {reason}", _HINT, file=name)
