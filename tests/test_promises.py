"""The page of promises names only tests that exist, and every number it must speak of."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "promises.md"
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
NUMBERS = {f"A{n}" for n in range(1, 31)} | {f"I{n}" for n in range(1, 67)} | {f"F{n}" for n in range(1, 26)}


def functions(path: Path) -> set[str]:
    """The names of the tests in a file."""
    return {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_test_named_exists() -> None:
    named = NAMED.findall(PAGE.read_text())
    assert len(named) > 150
    missing = [f"{file}::{name}" for file, name in named if not (ROOT / file).is_file() or name not in functions(ROOT / file)]
    assert missing == []


def test_every_number_is_spoken_of() -> None:
    """Proved, or honestly listed as not covered yet."""
    assert NUMBERS - set(re.findall(r"\b[AFI]\d+\b", PAGE.read_text())) == set()


def test_every_row_has_a_test_of_its_number_or_says_which() -> None:
    for line in PAGE.read_text().splitlines():
        if re.match(r"\| [AFI]\d+ \|", line):
            assert NAMED.search(line), line
