"""Rules a machine can check: who may import whom, what no code may do, how large it may grow."""

import ast
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ("platform", "workers", "deploy", "manage.py")
HEAVY = ("torch", "transformers", "datasets", "numpy", "pyarrow", "tokenizers", "sklearn", "PIL", "pandas")
PICKLES = {"pickle", "cPickle", "_pickle", "dill", "joblib", "cloudpickle", "shelve", "marshal"}
CALLS = {"eval", "exec", "compile", "__import__", "mark_safe"}
MARKUP = ("platform/controlplane/frame/", "platform/controlplane/registry/card_views.py")  # our own icons, and cards after nh3


@cache
def files() -> tuple[Path, ...]:
    """Every Python file we wrote, without migrations."""
    found = [ROOT / "manage.py"]
    for folder in SOURCES[:-1]:
        found += [path for path in (ROOT / folder).rglob("*.py") if "migrations" not in path.parts]
    return tuple(found)


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def found_in(path: Path, *kinds: type[ast.AST]) -> Iterator[ast.AST]:
    return (node for node in ast.walk(tree(path)) if isinstance(node, kinds))


def place(path: Path, node: ast.AST) -> str:
    return f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"


def python(code: str) -> subprocess.CompletedProcess[str]:
    path = f"{ROOT / 'platform'}{os.pathsep}{ROOT}"
    env = {**os.environ, "PYTHONPATH": path}
    return subprocess.run([sys.executable, "-c", code], env=env, cwd=ROOT, capture_output=True, text=True, timeout=120)


def test_rooms_and_planes_know_only_what_they_may() -> None:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-cache"]
    env = {**os.environ, "PYTHONPATH": f"{ROOT / 'platform'}{os.pathsep}{ROOT}"}
    result = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=240)
    assert result.returncode == 0, result.stdout[-6000:] + result.stderr[-2000:]


def test_the_standard_librarys_platform_wins() -> None:
    assert not (ROOT / "platform" / "__init__.py").exists()
    assert python("import platform; platform.system()").returncode == 0


def test_the_web_process_loads_no_ml_library() -> None:
    """Blocked, not only looked for: a lazy import would fail here too."""
    code = f"""
import sys
class Wall:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {HEAVY!r}:
            raise ImportError("not in the control plane: " + name)
sys.meta_path.insert(0, Wall())
import controlplane.asgi
from django.urls import get_resolver
get_resolver().url_patterns  # every page, the operators' too
print(sorted({{*{HEAVY!r}, "django.contrib.postgres.forms"}} & set(sys.modules)))
"""
    result = python(code)
    assert result.returncode == 0, result.stderr[-3000:]
    assert result.stdout.strip().endswith("[]")


def test_every_spec_can_be_read_without_an_ml_library() -> None:
    code = f"""
import sys, importlib, pathlib
class Wall:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {(*HEAVY, "django")!r}:
            raise ImportError("not in a spec: " + name)
sys.meta_path.insert(0, Wall())
names = [p.parent.name for p in pathlib.Path("workers/recipes").glob("*/spec.py")]
specs = [importlib.import_module(f"workers.recipes.{{name}}.spec") for name in names]
print(len(specs))
"""
    result = python(code)
    assert result.returncode == 0, result.stderr[-3000:]
    assert int(result.stdout) >= 1


def test_no_file_is_longer_than_400_lines() -> None:
    long = {str(path.relative_to(ROOT)): lines for path in files() if (lines := len(path.read_text().splitlines())) > 400}
    assert long == {}


def test_functions_stay_short() -> None:
    lengths = []
    for path in files():
        for node in found_in(path, ast.FunctionDef, ast.AsyncFunctionDef):
            lengths.append((node.end_lineno or 0) - node.lineno + 1)  # type: ignore[attr-defined]
    assert statistics.quantiles(lengths, n=10)[8] <= 30


def test_A6_nothing_is_pickled() -> None:
    bad = []
    for path in files():
        for node in found_in(path, ast.Import, ast.ImportFrom):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]  # type: ignore[attr-defined]
            bad += [place(path, node) for name in names if name.split(".")[0] in PICKLES]
        for node in found_in(path, ast.keyword):
            if node.arg == "allow_pickle" and getattr(node.value, "value", True) is not False:  # type: ignore[attr-defined]
                bad.append(place(path, node))
        for node in found_in(path, ast.Attribute):
            base = node.value.id if isinstance(node.value, ast.Name) else ""  # type: ignore[attr-defined]
            if (base, node.attr) in {("torch", "load"), ("yaml", "load"), ("torch", "save")}:  # type: ignore[attr-defined]
                bad.append(place(path, node))
    assert bad == []


def test_A29_no_code_is_made_of_text() -> None:
    bad = []
    for path in files():
        for node in found_in(path, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")  # type: ignore[attr-defined]
            plain = isinstance(node.func, ast.Name) or name == "mark_safe"  # type: ignore[attr-defined]
            ours = name == "mark_safe" and str(path.relative_to(ROOT)).startswith(MARKUP)
            if plain and name in CALLS and not ours:
                bad.append(f"{place(path, node)} {name}")
            for keyword in node.keywords:  # type: ignore[attr-defined]
                if keyword.arg in {"shell", "trust_remote_code"} and getattr(keyword.value, "value", None) is True:
                    bad.append(f"{place(path, node)} {keyword.arg}=True")
    assert bad == []


def test_A28_nothing_is_checked_by_an_assert() -> None:
    """`python -O` drops asserts."""
    assert [place(path, node) for path in files() for node in found_in(path, ast.Assert)] == []


@pytest.mark.parametrize("word", ["TODO", "FIXME", "XXX", "HACK", "for now"])
def test_nothing_is_left_for_later(word: str) -> None:
    """In comments and text alone; a word may stand inside a longer one."""
    import re

    pattern = re.compile(rf"\b{re.escape(word)}\b")
    found = [str(path.relative_to(ROOT)) for path in files() if pattern.search(path.read_text())]
    assert found == []
