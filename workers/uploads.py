"""Files of an attempt on their way to storage: slots from the door, bytes, then the word that they are there.

Checkpoints go up in a thread of their own while training goes on; one that was overtaken while the door was away is skipped.
"""

import threading
from collections.abc import Callable
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from workers import checkpoints
from workers.contract.events import UploadAsk, UploadSlot
from workers.contract.orders import FileRef
from workers.door import AttemptDoor, Away, backoff
from workers.folder import RunFolder, read_json
from workers.reporter import Reporter
from workers.storage import DiskFull, Expired, sha256_of, store

ASK_MAX = 500


class GivenUp(Exception):
    """Nobody wants the files any more."""


def refs_of(folder: Path) -> list[FileRef]:
    """The files of `folder` with size and SHA-256, the manifest (whose hashes are taken over) last; uri still empty."""
    manifest = read_json(folder / checkpoints.MANIFEST) or {"files": {}}
    refs = []
    for path in checkpoints.files_of(folder):
        name = path.relative_to(folder).as_posix()
        digest = manifest["files"].get(name, {}).get("sha256") or sha256_of(path)
        refs.append(FileRef(name=name, uri="", size=path.stat().st_size, sha256=digest))
    path = folder / checkpoints.MANIFEST
    if path.is_file():
        refs.append(FileRef(name=path.name, uri="", size=path.stat().st_size, sha256=sha256_of(path)))
    return refs


def all_refs(folder: Path) -> list[FileRef]:
    """The same for a folder of shards, whose kinds are not judged here."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return [FileRef(name=p.relative_to(folder).as_posix(), uri="", size=p.stat().st_size, sha256=sha256_of(p)) for p in paths]


class Carrier:
    """Stores files of one attempt through its door. give_up: nobody wants them any more; note: (text, level) to the job's log."""

    def __init__(self, door: AttemptDoor, give_up: threading.Event, note: Callable[[str, str], None]) -> None:
        self.door, self.give_up, self.note = door, give_up, note

    def store_folder(self, name: str, folder: Path, refs: list[FileRef]) -> list[FileRef]:
        """Put every file below `folder` into the attempt's folder `name`; the refs with their URIs. Tries for as long as it takes.

        Raises GivenUp; FileNotFoundError when a file went away meanwhile; door.Stale and door.Refused.
        """
        stored = []
        for start in range(0, len(refs), ASK_MAX):
            part = refs[start : start + ASK_MAX]
            slots = self._slots(name, part)
            for ref in part:
                slot = self._store(name, folder / ref.name, ref, slots[ref.name])
                stored.append(ref.model_copy(update={"uri": slot.uri}))
        return stored

    def _slots(self, name: str, refs: list[FileRef]) -> dict[str, UploadSlot]:
        ask = UploadAsk(folder=name, files=refs)
        slots: dict[str, UploadSlot] = self._patiently(lambda: {slot.name: slot for slot in self.door.uploads(ask)})
        return slots

    def _store(self, name: str, path: Path, ref: FileRef, slot: UploadSlot) -> UploadSlot:
        def attempt() -> UploadSlot:
            nonlocal slot
            try:
                store(path, slot)
            except Expired:
                slot = self._slots(name, [ref])[ref.name]
                store(path, slot)
            return slot

        stored: UploadSlot = self._patiently(attempt)
        return stored

    def _patiently(self, call: Callable[[], Any]) -> Any:
        tries = 0
        while not self.give_up.is_set():
            try:
                return call()
            except DiskFull as full:
                if not tries:
                    self.note(f"paused: disk full; {full.needed} bytes needed, {full.free} bytes free in the store", "error")
                self.give_up.wait(2.0)
            except (Away, Expired) as away:
                if tries == 3:
                    self.note(f"storage is away, still trying: {away}", "warning")
                self.give_up.wait(backoff(tries))
            tries += 1
        raise GivenUp


class CheckpointUploader(threading.Thread):
    """Takes `checkpoint` events of the child, stores their files, then has them reported with URIs."""

    def __init__(self, carrier: Carrier, folder: RunFolder, reporter: Reporter) -> None:
        super().__init__(name="uploader", daemon=True)
        self.carrier, self.folder, self.reporter = carrier, folder, reporter
        self._waiting: SimpleQueue[dict[str, Any] | None] = SimpleQueue()

    def submit(self, data: dict[str, Any]) -> None:
        """data: {step, metrics, best, folder} as the child says it."""
        self._waiting.put(data)

    def finish(self) -> None:
        """Store what is still waiting, then end."""
        self._waiting.put(None)

    def run(self) -> None:
        last = False
        while not last:
            waiting = [self._waiting.get()]
            while True:
                try:
                    waiting.append(self._waiting.get_nowait())
                except Empty:
                    break
            last = None in waiting
            for data in self._wanted([data for data in waiting if data]):
                try:
                    self._carry(data)
                except GivenUp:
                    return
                except Exception as error:
                    if not self._folder_of(data).is_dir():
                        continue  # the child has made newer ones meanwhile and let this one go
                    self.carrier.note(f"the checkpoint of step {data.get('step')} could not be stored: {error}", "error")

    def _wanted(self, waiting: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Of those that piled up: those the child keeps, in order."""
        best = next((data for data in reversed(waiting) if data.get("best")), None)
        last = waiting[-checkpoints.KEEP_LAST :]
        return [data for data in waiting if data is best or any(data is one for one in last)]

    def _folder_of(self, data: dict[str, Any]) -> Path:
        return self.folder.checkpoints / f"{int(data['step']):08d}"

    def _carry(self, data: dict[str, Any]) -> None:
        step, folder = int(data["step"]), self._folder_of(data)
        files = self.carrier.store_folder(f"checkpoints/{step}", folder, refs_of(folder))
        event = {"step": step, "metrics": data.get("metrics") or {}, "best": bool(data.get("best"))}
        self.reporter.say("checkpoint", {**event, "files": [ref.model_dump(include={"name", "uri", "size", "sha256"}) for ref in files]})


def store_result(carrier: Carrier, kind: str, folder: RunFolder) -> dict[str, Any]:
    """`result.json` with the files it speaks of stored. Raises ValueError when the child left something else than its kind asks for.

    train, import, optimize: the folder `model` becomes `files` · train, evaluate: the folder `evaluation` becomes `answers` ·
    prepare: the entries of `shards` get their URIs · predict: the folder `predictions` becomes `files`.
    """
    result = read_json(folder.result)
    if not isinstance(result, dict):
        raise ValueError("the child ended well but left no result")
    if kind in ("train", "import", "optimize"):
        refs = refs_of(folder.model)
        if not refs:
            raise ValueError("the child ended well but left no model")
        result["files"] = _as_json(carrier.store_folder("model", folder.model, refs))
    elif kind == "prepare":
        root = folder.path / "shards"
        stored = {ref["name"]: ref for ref in _as_json(carrier.store_folder("shards", root, all_refs(root)))}
        for split, shards in result.get("shards", {}).items():
            result["shards"][split] = [stored[Path(shard["name"]).as_posix()] for shard in shards]
    elif kind == "predict":
        root = folder.path / "predictions"
        result["files"] = _as_json(carrier.store_folder("predictions", root, all_refs(root)))
    if kind in ("train", "evaluate") and (refs := all_refs(folder.evaluation)):
        result["answers"] = _as_json(carrier.store_folder("evaluation", folder.evaluation, refs))
    return result


def _as_json(refs: list[FileRef]) -> list[dict[str, Any]]:
    return [ref.model_dump(include={"name", "uri", "size", "sha256"}) for ref in refs]
