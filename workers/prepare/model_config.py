"""The JSON files of a model somebody brings: nothing in them may name code, and no figure may ask for the impossible."""

import re
from pathlib import Path
from typing import Any

import orjson

from workers.contract.names import CONFIG_BYTES_MAX, CONFIG_NUMBER_MAX, JSON_DEPTH_MAX, MiB
from workers.prepare.json_values import check_depth
from workers.prepare.problems import excerpt, refuse

TOKENIZER_BYTES_MAX = 256 * MiB
VOCABULARIES = frozenset({"tokenizer.json", "vocab.json", "added_tokens.json"})  # their keys are words of a language
FORBIDDEN = frozenset({"auto_map", "trust_remote_code", "custom_pipelines", "custom_generate", "_target_", "kernel_config", "use_kernels"})
_KEY = re.compile(r"_?[A-Za-z][A-Za-z0-9_.\-]*")
_FREE_FIGURES = re.compile(r"theta|seed|param|flos|max_length|max_new_tokens")  # large by nature, and nothing is allocated by them
_IMPLEMENTATION = re.compile(r"(attn|experts|kernel)\w*_implementation|^_?attn_implementation")


def load(path: Path, name: str) -> dict[str, Any]:
    """A JSON object of a model folder, checked. Raises UserError `bad_json`, `too_deep`, `forbidden_key`, `limit_exceeded`."""
    size, limit = path.stat().st_size, TOKENIZER_BYTES_MAX if name in VOCABULARIES else CONFIG_BYTES_MAX
    if size > limit:
        refuse("limit_exceeded", f"{name} has {size} bytes; {limit} are allowed", "bring a smaller one", file=name)
    raw = path.read_bytes()
    if raw.count(b"[") + raw.count(b"{") > JSON_DEPTH_MAX:
        check_depth(raw, name, 1)
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        line = raw.count(b"\n", 0, error.pos) + 1
        refuse("bad_json", f"line {line} of {name} is not valid JSON: {error.msg}", "write it again", file=name, row=line)
    if name not in VOCABULARIES:
        _check(value, name, "", whole=name == "config.json")
    return value if isinstance(value, dict) else {}


def _check(value: Any, file: str, place: str, whole: bool) -> None:
    """Every key and figure below `place`. whole: figures count too, as in config.json. Depth is bounded by then."""
    if isinstance(value, list):
        for child in value:
            _check(child, file, place, whole)
    elif isinstance(value, dict):
        for key, child in value.items():
            inner = f"{place}.{key}" if place else key
            if key in FORBIDDEN or (not place and not _KEY.fullmatch(key)):
                _forbid(file, inner, "could run code")
            if _IMPLEMENTATION.search(key) and _names_code(child):
                _forbid(file, inner, f"names code to fetch: {excerpt(str(child))}")
            _check(child, file, inner, whole)
    elif whole and type(value) in (int, float) and abs(value) > CONFIG_NUMBER_MAX and not _FREE_FIGURES.search(place):
        message = f"{place} in {file} is {value:g}; at most {CONFIG_NUMBER_MAX} is allowed"
        refuse("limit_exceeded", message, "bring a smaller model", file=file, column=place)


def _names_code(value: Any) -> bool:
    """A slash makes it a place on a hub: kernels are fetched from there."""
    if isinstance(value, dict):
        return any(map(_names_code, value.values()))
    return isinstance(value, str) and ("/" in value or ":" in value)


def _forbid(file: str, key: str, why: str) -> None:
    refuse(
        "forbidden_key", f"{key} in {file} {why}", "remove it; only architectures that transformers knows are loaded", file=file, column=key
    )
