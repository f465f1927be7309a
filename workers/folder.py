"""The run folder: everything one rank of one attempt leaves on this host's disk. Standard library only.

runs/<workspace>-<job>-<attempt>-<rank>/
  order.json     the order with local paths, no links: `python -m workers.child <folder>` replays it
  keeper.json    who watches and who works, so that a later process can find and end them
  events.jsonl   what the child says · log.txt what it prints
  stop           there once somebody asked it to stop
  inputs/ checkpoints/ model/ evaluation/ tmp/ · result.json or error.json, written last
"""

import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from workers.contract.home import slipway_home

HEAVY = ("inputs", "checkpoints", "model", "evaluation", "tmp")
KEEP_SECONDS = 3 * 86400
KEEP_COUNT = 100


def write_json(path: Path, value: Any) -> None:
    """Write aside, sync, rename: a reader sees the whole file or none."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    with open(aside, "w", encoding="utf-8") as file:
        json.dump(value, file, ensure_ascii=False, indent=1)
        file.flush()
        os.fsync(file.fileno())
    os.replace(aside, path)


def read_json(path: Path) -> Any:
    """The file's value, None when it is absent or unreadable."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def sync_folder(path: Path) -> None:
    """Make renames inside `path` durable."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class RunFolder:
    """Names inside one run folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.order, self.keeper = path / "order.json", path / "keeper.json"
        self.events, self.log = path / "events.jsonl", path / "log.txt"
        self.stop = path / "stop"
        self.inputs, self.checkpoints, self.model, self.evaluation, self.tmp = (path / name for name in HEAVY)
        self.result, self.error = path / "result.json", path / "error.json"

    @classmethod
    def create(cls, name: str) -> "RunFolder":
        """A fresh empty folder. One of the same name, left by a process that died, is replaced."""
        path = runs_dir() / name
        shutil.rmtree(path, ignore_errors=True)
        folder = cls(path)
        for sub in (path, *(path / heavy for heavy in HEAVY)):
            sub.mkdir(mode=0o700)
        folder.events.touch(mode=0o600)
        folder.log.touch(mode=0o600)
        return folder

    def ask_to_stop(self, how: str) -> None:
        self.stop.write_text(how)

    def trim(self) -> None:
        """Let go of what is heavy; order, events and log stay to be read."""
        for name in HEAVY:
            shutil.rmtree(self.path / name, ignore_errors=True)

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)


def runs_dir() -> Path:
    path = slipway_home() / "runs"
    path.mkdir(mode=0o700, exist_ok=True)
    return path


def all_folders() -> Iterator[tuple[RunFolder, dict[str, Any]]]:
    """Every run folder on this host that somebody has claimed, with its keeper's record."""
    for path in sorted(runs_dir().iterdir()):
        folder = RunFolder(path)
        record = read_json(folder.keeper)
        if isinstance(record, dict):
            yield folder, record


def sweep(over: set[Path]) -> None:
    """Trim the folders that are `over` (their keeper has ended), and remove them when they are old or many, the oldest first."""
    ended = sorted(over, key=lambda path: path.stat().st_mtime)
    horizon = time.time() - KEEP_SECONDS
    for index, path in enumerate(ended):
        if path.stat().st_mtime < horizon or index < len(ended) - KEEP_COUNT:
            RunFolder(path).remove()
        else:
            RunFolder(path).trim()
