"""Cells that are kept from spreadsheets' formulas: `'=1+1` stands for `=1+1`, as our own exports write it.

Believed of a file only when every cell that begins like a formula has its apostrophe; one bare cell, and nothing is taken off.
"""

import mmap
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

MARKS = (b"'=", b"'+", b"'-", b"'@", b"'\t", b"'\r")
KEPT = r"^'('*[=+\-@\t\r])"
FORMULA = r"^[=+\-@\t\r]"
NUMBER = r"^[+-]\d+(\.\d*)?([eE][+-]?\d+)?$"


def may_hold(path: Path) -> bool:
    """Whether the file's bytes hold such a beginning anywhere: a look that costs next to nothing."""
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return any(data.find(mark) >= 0 for mark in MARKS)


def bare(cells: pa.Array) -> bool:
    """Whether a cell begins like a formula and is no number."""
    formula = pc.match_substring_regex(cells, FORMULA)
    return bool(pc.any(pc.and_(formula, pc.invert(pc.match_substring_regex(cells, NUMBER)))).as_py())


def kept(cells: pa.Array) -> bool:
    """Whether a cell has the apostrophe."""
    return bool(pc.any(pc.match_substring_regex(cells, KEPT)).as_py())


def taken_off(cells: pa.Array) -> pa.Array:
    """The cells as they were before they were exported."""
    return pc.replace_substring_regex(cells, KEPT, r"\1")
