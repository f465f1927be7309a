"""A model somebody brings, as an archive of a Hugging Face folder or by hub id, becomes a folder that holds data only.

Files are let in by name and by what they prove to be when parsed, never by a scan for bad ones. Weights are safetensors whose header
we read ourselves. Not covered: whether the weights fit the architecture, which loading them shows.
"""

import os
import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NoReturn

from workers.contract.names import ARCHIVE_UNPACKED_MAX, MiB
from workers.contract.orders import FileRef, ImportWork
from workers.events import EventWriter
from workers.prepare import archives, detect, hubs, model_config, safetensors_header
from workers.prepare.problems import excerpt, refuse
from workers.prepare.shards import sha256

ALLOWED = ("*.safetensors", "*.json", "*.txt", "*.model", "*.jinja", "README.md", "LICENSE*", "NOTICE*")
UNSAFE = detect.UNSAFE_ENDINGS
CARD_MAX = 4 * MiB
_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")


def import_model(work: ImportWork, folder: Path, events: EventWriter) -> dict[str, Any]:
    """Check the model into `<folder>/model/`; the answer is the result of its End: {files, card, config}."""
    (folder / "spool").mkdir(exist_ok=True)
    if work.hub_id:
        hubs.fetch(work.hub, work.hub_id, folder / "hub" / "files", ALLOWED)
    found = plain_files(folder / "hub" / "files") if work.hub_id else _unpack(work.files, folder / "spool")
    files = _root(found, events)
    config, tensors = check(files)
    events.log(f"{len(files)} files, {tensors} tensors, {config.get('model_type', 'unknown')} architecture")
    card = _card(files.get("README.md"))
    return {"files": [file.model_dump(exclude={"url"}) for file in _settle(files, folder / "model")], "card": card, "config": config}


def check(files: dict[str, Path]) -> tuple[dict[str, Any], int]:
    """(config.json, number of tensors) of a model's folder, after every file in it was proved to hold data only. Raises UserError."""
    _check_complete(files)
    tensors = {name: safetensors_header.check(path, name) for name, path in files.items() if name.endswith(".safetensors")}
    parsed = {name: model_config.load(path, name) for name, path in files.items() if name.endswith(".json")}
    _check_index(parsed, tensors)
    return parsed["config.json"], sum(map(len, tensors.values()))


def _unpack(files: list[FileRef], spool: Path) -> dict[str, Path]:
    """Every allowed file of the archives (or given as it is), under a name of our own: user's path -> file."""
    found: dict[str, Path] = {}
    for file in files:
        if file.path is None:
            refuse("missing_file", f"{file.name} has not been brought here", "upload it once more", file=file.name)
        path = Path(file.path)
        if file.sha256 and sha256(path) != file.sha256:
            refuse("damaged_file", f"{file.name} is not what was uploaded: its sha256 differs", "upload it once more", file=file.name)
        head = detect.read_head(path)
        kind = None if detect.ending(file.name) == ".safetensors" else detect.container(head)
        _refuse_unsafe(file.name)
        if kind is None:
            found[file.name] = path
            continue
        detect.refuse_packed(kind, file.name)
        for member in archives.members(path, file.name, kind):
            if archives.JUNK.search(member.name):
                continue
            _refuse_unsafe(member.name)
            head = member.file.peek(512)[:512]  # type: ignore[attr-defined]
            if detect.ending(member.name) != ".safetensors":
                archives.refuse_member(member.name, head, file.name)
            target = spool / f"file-{len(found):06d}"
            archives.save(member, target, ARCHIVE_UNPACKED_MAX, file.name)
            found[member.name] = target
    if not found:
        refuse("missing_file", "the archive holds no files", "pack a Hugging Face model folder")
    return found


def _refuse_unsafe(name: str) -> None:
    if detect.ending(name) in UNSAFE:
        message = f"{excerpt(name)} may run code when it is opened"
        refuse("unsafe_format", message, "upload safetensors: model.save_pretrained(folder) writes them", file=name)


def _root(found: dict[str, Path], events: EventWriter) -> dict[str, Path]:
    """The files of the model's own folder: where the uppermost config.json lies. What is left out is logged."""
    configs = sorted((name for name in found if name.rsplit("/", 1)[-1] == "config.json"), key=lambda name: (name.count("/"), name))
    if not configs:
        _missing("config.json", "it tells the architecture; model.save_pretrained(folder) writes it")
    root = configs[0][: -len("config.json")]
    kept = {}
    for name, path in found.items():
        inner = name.removeprefix(root)
        good = name.startswith(root) and _SAFE_NAME.fullmatch(inner) and any(fnmatchcase(inner, pattern) for pattern in ALLOWED)
        if good:
            kept[inner] = path
        else:
            events.log(f"{excerpt(name)} is left out", "warning")
    return kept


def _check_complete(files: dict[str, Path]) -> None:
    if "config.json" not in files:
        _missing("config.json", "it tells the architecture; model.save_pretrained(folder) writes it")
    if not any(name.endswith(".safetensors") for name in files):
        _missing("model.safetensors", "upload safetensors: model.save_pretrained(folder) writes them")


def _check_index(parsed: dict[str, dict[str, Any]], tensors: dict[str, set[str]]) -> None:
    """Every tensor an index promises is in the file it names."""
    for name, content in parsed.items():
        if not name.endswith(".safetensors.index.json"):
            continue
        promised = content.get("weight_map")
        for tensor, file in promised.items() if isinstance(promised, dict) else ():
            if file not in tensors:
                _missing(str(file), f"{name} names it")
            if tensor not in tensors[file]:
                message = f"{file} lacks the tensor {excerpt(tensor)} that {name} promises"
                refuse("damaged_file", message, "save the model again", file=str(file))


def _missing(name: str, hint: str) -> NoReturn:
    refuse("missing_file", f"the model has no {excerpt(name)}", hint, file=name)


def _card(path: Path | None) -> str:
    return path.read_bytes()[:CARD_MAX].decode("utf-8", "replace") if path else ""


def _settle(files: dict[str, Path], model: Path) -> list[FileRef]:
    """Put the files in place: moved where they are ours, copied where they are the user's upload."""
    model.mkdir(exist_ok=True)
    settled = []
    for name, path in sorted(files.items()):
        target = model / name
        if path.parent == model.parent / "spool":
            path.rename(target)
        else:
            _copy(path, target)
        settled.append(FileRef(name=name, uri="", size=target.stat().st_size, sha256=sha256(target), path=str(target)))
    return settled


def _copy(source: Path, target: Path) -> None:
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with open(source, "rb") as read, os.fdopen(handle, "wb") as write:
        while piece := read.read(MiB):
            write.write(piece)


def plain_files(folder: Path) -> dict[str, Path]:
    """Name -> file of what lies right in a folder; no links, no folders."""
    return {path.name: path for path in folder.iterdir() if path.is_file() and not path.is_symlink()}
