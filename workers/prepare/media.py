"""Images and sounds, packed in class folders: their paths give label and split, their bytes are checked and set down in a spool."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from workers.contract.names import MiB
from workers.contract.options import Split
from workers.prepare import audio, detect, images
from workers.prepare.casting import MEDIA
from workers.prepare.images import Damaged
from workers.prepare.problems import refuse
from workers.prepare.spool import Spool

BATCH_BYTES = 8 * MiB
BATCH_ROWS = 4096
LISTED = 1000  # rejected files that are named; the others are only counted
_SCHEMA = pa.schema([("media", MEDIA), ("folder", pa.string())])


class Range:
    """Least, greatest and mean of a figure."""

    def __init__(self) -> None:
        self.count, self.total, self.low, self.high = 0, 0.0, float("inf"), float("-inf")

    def add(self, value: float) -> None:
        self.count, self.total = self.count + 1, self.total + value
        self.low, self.high = min(self.low, value), max(self.high, value)

    def report(self) -> dict[str, float | None]:
        return {"min": self.low, "max": self.high, "mean": self.total / self.count} if self.count else dict.fromkeys(("min", "max", "mean"))


class Collection:
    """Media of one kind, gathered file by file, then read as tables: one for each split their folders name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._tables: dict[Split | None, MediaTable] = {}
        self._kinds: Counter[str] = Counter()
        self._ranges = {"image": {"width": Range(), "height": Range()}, "audio": {"rate": Range(), "seconds": Range()}}
        self._words = {
            "image": {"modes": Counter[str](), "formats": Counter[str]()},
            "audio": {"channels": Counter[str](), "formats": Counter[str]()},
        }
        self.rejected: list[dict[str, str]] = []
        self.rejected_count = 0
        self.size = 0

    def add(self, name: str, data: bytes) -> None:
        """Check one file and keep it. A damaged one is listed; one that only malice makes raises UserError."""
        kind = detect.media(data[:512]) or ("audio" if detect.ending(name) in detect.AUDIO_ENDINGS else "image")
        try:
            self._look(kind, name, data)
        except Damaged as error:
            self.reject(name, "damaged_file", str(error))
            return
        self._kinds[kind] += 1
        self.size += len(data)
        split, folders = class_folders(name)
        if split not in self._tables:
            stem = self._folder / f"media-{split or 'all'}"
            self._tables[split] = MediaTable(self, split, Spool(stem))
        self._tables[split].add(data, name, "/".join(folders))

    def _look(self, kind: str, name: str, data: bytes) -> None:
        if kind == "audio":
            sound = audio.listen(data, name)
            figures: dict[str, float] = {"rate": sound.rate, "seconds": sound.seconds}
            words = {"channels": str(sound.channels), "formats": sound.format}
        else:
            image = images.look(data, name)
            figures, words = {"width": image.width, "height": image.height}, {"modes": image.mode, "formats": image.format}
        for key, value in figures.items():
            self._ranges[kind][key].add(value)
        for key, word in words.items():
            self._words[kind][key][word] += 1

    def reject(self, name: str, code: str, message: str) -> None:
        self.rejected_count += 1
        if len(self.rejected) < LISTED:
            self.rejected.append({"file": name, "code": code, "message": message})

    def tables(self, archive: str) -> "list[MediaTable]":
        """What was gathered. Raises UserError when nothing is left or kinds are mixed."""
        if len(self._kinds) > 1:
            refuse("mixed_files", f"{archive} holds both images and sounds", "make one dataset of each", file=archive)
        damaged = [row for row in self.rejected if row["code"] == "damaged_file"]
        if not self._kinds and damaged:
            message = f"no image or sound of {archive} can be read; {damaged[0]['file']}: {damaged[0]['message']}"
            refuse("damaged_file", message, "pack whole files and upload them once more", file=archive)
        folders = {tuple(folder.split("/")) if folder else () for table in self._tables.values() for folder in table.folders}
        prefix = common_folders(folders)
        for table in self._tables.values():
            table.settle(archive, prefix, labelled=any(len(folder) > prefix for folder in folders))
        return list(self._tables.values())

    @property
    def kind(self) -> str:
        return next(iter(self._kinds), "image")

    def report(self) -> dict[str, Any]:
        """Figures for the version's statistics."""
        found: dict[str, Any] = {"kind": self.kind, "files": self._kinds[self.kind]}
        found |= {key: range.report() for key, range in self._ranges[self.kind].items()}
        return found | {key: dict(words) for key, words in self._words[self.kind].items()}


class MediaTable:
    """A repeatable source: the media column, and label when folders tell classes."""

    untyped = False

    def __init__(self, owner: Collection, split: Split | None, spool: Spool) -> None:
        self._owner, self.split, self._spool = owner, split, spool
        self.folders: set[str] = set()
        self.name, self._prefix, self._labelled = "", 0, False
        self.size = 0
        self._held: list[tuple[bytes, str, str]] = []
        self._bytes = 0

    @property
    def format(self) -> str:
        return "audio" if self._owner.kind == "audio" else "images"

    def add(self, data: bytes, path: str, folder: str) -> None:
        self.folders.add(folder)
        self._held.append((data, path, folder))
        self._bytes += len(data)
        self.size += len(data)
        if self._bytes >= BATCH_BYTES or len(self._held) >= BATCH_ROWS:
            self._flush()

    def _flush(self) -> None:
        if self._held:
            data, paths, folders = zip(*self._held, strict=True)
            media = pa.StructArray.from_arrays(
                [pa.array(data, pa.binary()), pa.array(map(excerpt_path, paths), pa.string())], fields=list(MEDIA)
            )
            self._spool.write(pa.RecordBatch.from_arrays([media, pa.array(folders, pa.string())], schema=_SCHEMA))
            self._held, self._bytes = [], 0

    def settle(self, name: str, prefix: int, labelled: bool) -> None:
        """All files are known. prefix: folders all paths begin with; labelled: some path has a folder beyond them."""
        self._flush()
        self.name, self._prefix, self._labelled = name, prefix, labelled

    def batches(self) -> Iterator[pa.RecordBatch]:
        """All files, in the archive's order."""
        for batch in self._spool.read():
            columns = {self._owner.kind: batch.column(0)}
            if self._labelled:
                columns["label"] = pa.array([self._label(folder) for folder in batch.column(1).to_pylist()], pa.string())
            yield pa.RecordBatch.from_pydict(columns)

    def _label(self, folder: str) -> str | None:
        parts = folder.split("/") if folder else []
        return parts[-1] if len(parts) > self._prefix else None


def excerpt_path(path: str) -> str:
    """A path as it is kept: text that UTF-8 can hold, at most 1024 characters from its end."""
    return path.encode("utf-8", "replace").decode()[-1024:]


def common_folders(folders: set[tuple[str, ...]]) -> int:
    """How many leading folders all paths share."""
    first, *others = folders or {()}
    length = len(first)
    for other in others:
        length = next((i for i in range(min(length, len(other))) if first[i] != other[i]), min(length, len(other)))
    return length


def class_folders(name: str) -> tuple[Split | None, tuple[str, ...]]:
    """(the split a path's folders name, its other folders)."""
    parts = name.split("/")[:-1]
    split = next((word for part in parts if (word := detect.split_word(part))), None)
    return split, tuple(part for part in parts if part != "." and not (split and detect.split_word(part) == split))
