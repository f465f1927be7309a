"""Exports of ready versions: a limited child writes, the web process passes on what it reads, piece by piece."""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import orjson

from controlplane import artifacts
from controlplane.data.models import DatasetVersion
from controlplane.data.preview import child_command, on_disk, splits_of
from controlplane.errors import Problem, nearest
from workers.contract.names import MiB

logger = logging.getLogger(__name__)

TYPES = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl; charset=utf-8"}
PIECE_SECONDS = 60.0
EXPORTS_AT_ONCE = 4
_running = 0


def check_split(version: DatasetVersion, split: str | None) -> None:
    """Raises 422 naming the splits there are."""
    if split is not None and split not in version.shards:
        known = splits_of(version)
        detail = f"{version} has no split `{split[:40]}`."
        raise Problem(422, "unknown_split", detail, nearest(split, known), [{"loc": ["query", "split"], "msg": detail}])


def export_path(version: DatasetVersion, form: str, split: str | None) -> str:
    """Where the export can be fetched for an hour: a path without host."""
    check_split(version, split)
    refs = [ref for name in ([split] if split else splits_of(version)) for ref in version.shards[name]]
    if form != "parquet":
        return "/files/" + artifacts.token({"x": [version.pk, form, split]})
    if len(refs) != 1:
        raise Problem(
            422, "several_files", f"These rows lie in {len(refs)} Parquet files.", "Choose one `split`, or list them with `…/files`."
        )
    name = f"{version.dataset.name}-{version.version}{f'-{split}' if split else ''}.parquet"
    return artifacts.file_path(refs[0]["uri"], filename=name, content_type="application/vnd.apache.parquet")


def shards(version: DatasetVersion, split: str | None) -> list[dict[str, Any]]:
    """Every shard on this disk, in order."""
    names = [split] if split else splits_of(version)
    return [{"path": str(on_disk(ref["uri"])), "split": name} for name in names for ref in version.shards.get(name, [])]


async def stream(files: list[dict[str, Any]], features: dict[str, str], form: str) -> AsyncIterator[bytes]:
    """The export's bytes. The child ends with the reader of this iterator."""
    global _running
    if _running >= EXPORTS_AT_ONCE:
        raise Problem(503, "exports_busy", "Several exports are being written just now.", "Try again in a minute.")
    _running += 1
    command, options = child_command("controlplane.data.exporter")
    child = None
    try:
        pipe = asyncio.subprocess.PIPE
        child = await asyncio.create_subprocess_exec(*command, **options, stdin=pipe, stdout=pipe, limit=MiB)
        if child.stdin is None or child.stdout is None:
            raise RuntimeError("the exporter has no pipes")
        child.stdin.write(orjson.dumps({"shards": files, "features": features, "format": form}) + b"\n")
        child.stdin.close()
        while piece := await asyncio.wait_for(child.stdout.read(MiB), PIECE_SECONDS):
            yield piece
        if await child.wait() != 0:
            raise RuntimeError("the exporter ended early")  # the answer is cut off, so that nobody takes a part for the whole
    finally:
        _running -= 1
        if child is not None and child.returncode is None:
            child.kill()
            await child.wait()
