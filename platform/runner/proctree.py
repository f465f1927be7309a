"""The processes of this machine as /proc tells them: whose child is whose, and who carries a mark. Linux and standard library only.

The runner needs it to leave nothing behind: a grandchild in a session of its own escapes a signal to its parent's group.
"""

import ctypes
import os
import signal
from collections.abc import Iterable
from pathlib import Path

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
_libc = ctypes.CDLL(None, use_errno=True)


def become_subreaper() -> None:
    """Orphans among this process's descendants become its own children, so that the tree below it stays complete."""
    if _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER) was refused")


def die_with_parent() -> None:
    """In a child before exec: ask the kernel for a SIGTERM when the parent dies, also by kill -9."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def parents() -> dict[int, int]:
    """pid -> parent's pid of every process that still runs (zombies are left out)."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
            except OSError:
                continue  # ended while we looked
            if state != "Z":
                found[int(entry.name)] = int(parent)
    return found


def below(roots: Iterable[int], *, tree: dict[int, int] | None = None) -> set[int]:
    """All running descendants of `roots`, the roots themselves not included."""
    tree = parents() if tree is None else tree
    known = set(roots)
    found: set[int] = set()
    while fresh := {pid for pid, parent in tree.items() if parent in known and pid not in found} - known:
        found |= fresh
        known |= fresh
    return found


def marked(variable: str, value: str) -> set[int]:
    """Processes of this user started with `variable=value` in the environment, and everything below them, but not this one."""
    needle = f"{variable}={value}".encode()
    found = set()
    for pid in parents():
        try:
            if needle in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                found.add(pid)
        except OSError:
            continue  # ended, or another user's
    return (found | below(found)) - {os.getpid()}


def send(pids: Iterable[int], number: signal.Signals) -> None:
    """Signal each process; one that has ended meanwhile is passed over."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue
