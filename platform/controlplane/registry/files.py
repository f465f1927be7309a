"""The files of a model version: which may be part of one, and how they are kept."""

import posixpath
from collections.abc import Iterable
from typing import Any

import orjson

from controlplane import artifacts
from controlplane.errors import Problem
from workers.contract.names import MiB
from workers.contract.orders import FileRef

PICKLES = (".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle", ".joblib", ".npy", ".npz", ".h5", ".keras", ".msgpack", ".py", ".so")
JSON_MAX = 8 * MiB


def checked(files: Iterable[dict[str, Any] | FileRef], *, below: str) -> list[dict[str, Any]]:
    """Files a job reported, as they are kept: {name, uri, size, sha256}, by name.

    below: the key prefix of that job; a key outside it, a name that leaves the folder or a format that can run code is refused (422).
    """
    kept: dict[str, dict[str, Any]] = {}
    for given in files:
        ref = given if isinstance(given, FileRef) else FileRef.model_validate(given)
        name = posixpath.normpath(ref.name)
        if name != ref.name or name.startswith(("/", "..")) or "\\" in name or name in kept:
            raise Problem(422, "unsafe_path", f"The model folder has a file with a bad name: {ref.name[:100]!r}.")
        if name.lower().endswith(PICKLES):
            hint = "Save the weights as safetensors."
            raise Problem(422, "unsafe_format", f"{name} is of a format that can run code when it is opened.", hint)
        if not ref.uri.startswith(below):
            raise Problem(422, "foreign_file", f"{name} was not stored by this job.")
        kept[name] = {"name": name, "uri": ref.uri, "size": ref.size, "sha256": ref.sha256}
    if not kept:
        raise Problem(422, "no_model", "The job left no model.", "See the end of its log.")
    return [kept[name] for name in sorted(kept)]


def inside(files: Iterable[dict[str, Any]], folder: str) -> list[dict[str, Any]]:
    """The files below `folder/`, with names relative to it."""
    prefix = f"{folder}/"
    return [{**file, "name": file["name"][len(prefix) :]} for file in files if file["name"].startswith(prefix)]


def keep(files: list[dict[str, Any]], folder: str) -> list[dict[str, Any]]:
    """The same files under keys of their own below `folder`, so that they outlive what they were taken from."""
    moved = [{**file, "uri": f"{folder}/{file['name']}"} for file in files]
    artifacts.copy_all([(old["uri"], new["uri"]) for old, new in zip(files, moved, strict=True)])
    return moved


def read_json(files: list[dict[str, Any]], name: str) -> dict[str, Any]:
    """A JSON file of the folder; empty when it is absent, too large or not an object."""
    found = next((file for file in files if file["name"] == name), None)
    if found is None:
        return {}
    try:
        value = orjson.loads(artifacts.read_bytes(found["uri"], JSON_MAX))
    except (ValueError, FileNotFoundError):
        return {}
    return value if isinstance(value, dict) else {}


def has_chat_template(files: list[dict[str, Any]]) -> bool:
    """Whether messages can be turned into a prompt by the model's own template."""
    return any(file["name"] == "chat_template.jinja" for file in files) or "chat_template" in read_json(files, "tokenizer_config.json")
