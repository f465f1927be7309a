"""Checkpoints on the child's disk: a folder is there whole, or it is not there. No pickle goes in.

Order of writing: aside on the same disk → sync each file → `manifest.json` with every SHA-256 last → rename → sync the parent. A folder
without a manifest, or whose bytes are not those of its manifest, does not count.
"""

import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workers.folder import read_json, sync_folder, write_json
from workers.storage import require_room, sha256_of

MANIFEST = "manifest.json"
ALLOWED = frozenset({".safetensors", ".json", ".jsonl", ".txt", ".md", ".model", ".jinja", ".onnx"})
KEEP_LAST = 2


def files_of(folder: Path) -> list[Path]:
    """Regular files below `folder`, the manifest left out, by name. Raises ValueError at a link or a kind that is not allowed."""
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise ValueError(f"{path.relative_to(folder)} is not a regular file")
        if path.is_file() and path.name != MANIFEST:
            if path.suffix not in ALLOWED and path.name not in ("LICENSE", "NOTICE"):
                raise ValueError(
                    f"{path.relative_to(folder)} is not allowed in a model or checkpoint; allowed are {', '.join(sorted(ALLOWED))}"
                )
            found.append(path)
    return found


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def take_over(source: Path, root: Path, step: int, metrics: Mapping[str, float | None], best: bool) -> Path:
    """Make `source` the checkpoint of `step` under `root`; `source` is gone afterwards. Raises ValueError, DiskFull, OSError."""
    files_of(source)
    aside, target = root / f".{step:08d}.{os.getpid()}", root / f"{step:08d}"
    shutil.rmtree(aside, ignore_errors=True)
    if source.stat().st_dev == root.stat().st_dev:
        os.rename(source, aside)
    else:
        require_room(root, size_of(source))
        shutil.copytree(source, aside)
        shutil.rmtree(source)
    entries = {path.relative_to(aside).as_posix(): _sealed(path) for path in files_of(aside)}
    for path in aside.rglob("*"):
        if path.is_dir():
            sync_folder(path)
    manifest = {"step": step, "time": time.time(), "metrics": dict(metrics), "best": best, "files": entries}
    write_json(aside / MANIFEST, manifest)
    sync_folder(aside)
    if target.exists():  # the same step again after a resume
        discard(target)
    os.rename(aside, target)
    sync_folder(root)
    return target


def _sealed(path: Path) -> dict[str, Any]:
    """Sync one file; its size and hash."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())
    return {"size": path.stat().st_size, "sha256": sha256_of(path)}


def manifest_of(folder: Path) -> dict[str, Any] | None:
    """The manifest if every byte is as it says, else None."""
    manifest = read_json(folder / MANIFEST)
    try:
        for name, entry in manifest["files"].items():
            path = folder / name
            if path.stat().st_size != entry["size"] or sha256_of(path) != entry["sha256"]:
                return None
    except (OSError, TypeError, KeyError, AttributeError):
        return None
    return dict(manifest)


def listed(root: Path) -> list[Path]:
    """Checkpoint folders that are complete, oldest first."""
    return sorted(path for path in root.iterdir() if path.name.isdigit() and (path / MANIFEST).is_file())


def best_of(root: Path) -> Path | None:
    """The newest one called best."""
    for path in reversed(listed(root)):
        if (read_json(path / MANIFEST) or {}).get("best"):
            return path
    return None


def prune(root: Path) -> None:
    """Keep the last two and the best. Called once the newest is safely renamed."""
    folders = listed(root)
    best = best_of(root)
    for path in folders[:-KEEP_LAST]:
        if path != best:
            discard(path)


def discard(folder: Path) -> None:
    """Remove a checkpoint so that it is never seen half removed: out of the list first."""
    aside = folder.with_name(f".{folder.name}.gone")
    shutil.rmtree(aside, ignore_errors=True)
    os.rename(folder, aside)
    shutil.rmtree(aside, ignore_errors=True)
