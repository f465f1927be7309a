"""Texts packed one a file in class folders (`train/pos/17.txt`): each file is a row, its folder the label."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from workers.contract.names import LINE_MAX
from workers.contract.options import Split
from workers.prepare.detect import TEXT_ENDINGS, ending
from workers.prepare.encoding import as_utf8
from workers.prepare.json_table import Rows
from workers.prepare.media import class_folders, common_folders
from workers.prepare.problems import excerpt, refuse
from workers.prepare.spool import Spool

FILES_PER_FOLDER = 3  # with fewer on average the files are taken for texts of many rows


class TextFolders:
    """A repeatable source of text and label, for the files of one split."""

    untyped = False
    format = "txt"

    def __init__(self, name: str, split: Split | None, size: int, spool: Spool) -> None:
        self.name, self.split, self.size = name, split, size
        self._spool = spool

    def batches(self) -> Iterator[pa.RecordBatch]:
        """All files, in the archive's order."""
        yield from self._spool.read()


def are_classes(names: list[str]) -> bool:
    """Whether these are texts in at least two class folders with several files each."""
    if not all(ending(name) in TEXT_ENDINGS for name in names):
        return False
    folders = {class_folders(name)[1] for name in names}
    shared = common_folders(folders)
    nested = all(len(folder) > shared for folder in folders)
    return nested and len({folder[-1] for folder in folders}) >= 2 and len(names) >= FILES_PER_FOLDER * len(folders)


def read(files: list[tuple[Path, str]], archive: str, encoding: str | None, stem: Path) -> list[TextFolders]:
    """The files as tables, one for each split. stem: beside which spools are set down."""
    tables: dict[Split | None, Rows] = {}
    for number, (path, name) in enumerate(files):
        text = as_utf8(path, name, encoding, stem.with_name(f"{stem.name}-{number:06d}"))
        if text.size > LINE_MAX:
            refuse("line_too_long", f"{excerpt(name)} is longer than {LINE_MAX} bytes", "split it into several files", file=name)
        split, folders = class_folders(name)
        if split not in tables:
            tables[split] = Rows(Spool(stem.with_name(f"{stem.name}-{split or 'all'}")), archive)
        content = text.head(LINE_MAX).decode("utf-8").strip().replace("\r\n", "\n")
        tables[split].add({"text": content, "label": folders[-1]}, text.size)
    for rows in tables.values():
        rows.flush()
    return [TextFolders(archive, split, rows.spool.rows, rows.spool) for split, rows in tables.items()]
