"""Processes of one session: who they are, what they hold in memory, how they end. Linux /proc.

A process is named by pid *and* its start tick and the boot's id, so that a pid used again is never mistaken for the old one.
A child's session is its own; descendants that made another session are found through the parent links.
"""

import contextlib
import os
import signal
import time
from collections.abc import Iterable
from functools import cache
from pathlib import Path

PROC = Path("/proc")


@cache
def boot_id() -> str:
    return (PROC / "sys/kernel/random/boot_id").read_text().strip()


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/<pid>/stat from the state on (index 0 = state, 1 = parent, 3 = session, 19 = start tick)."""
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None


def name_of(pid: int) -> str:
    """`boot:pid:start tick`, or "" when there is no such process or it is a zombie."""
    fields = _stat(pid)
    return f"{boot_id()}:{pid}:{fields[19]}" if fields and fields[0] not in "ZX" else ""


def alive(name: str) -> bool:
    """Whether the process of this name still runs."""
    parts = name.split(":")
    return len(parts) == 3 and name_of(int(parts[1])) == name


def members(session: int) -> set[int]:
    """Live processes of the session, and all their descendants whatever session those made."""
    parents: dict[int, int] = {}
    found: set[int] = set()
    for entry in os.listdir(PROC):
        if entry.isdigit() and (fields := _stat(int(entry))) and fields[0] not in "ZX":
            parents[int(entry)] = int(fields[1])
            if int(fields[3]) == session:
                found.add(int(entry))
    growing = True
    while growing:
        more = {pid for pid, parent in parents.items() if parent in found} - found
        found |= more
        growing = bool(more)
    return found


def family(root: int) -> list[int]:
    """`root` and its descendants, by the kernel's own lists: a few reads where `members` walks all of /proc."""
    found = [root]
    for pid in found:
        try:
            for task in os.listdir(PROC / str(pid) / "task"):
                found += [int(child) for child in (PROC / str(pid) / "task" / task / "children").read_text().split()]
        except OSError:
            continue
    return found


def _sum_of(root: int, file: str, keys: tuple[str, ...]) -> int:
    """Sum of the lines `keys` (kB) of /proc/<pid>/<file> over the family of `root`, in bytes."""
    total = 0
    for pid in family(root):
        with contextlib.suppress(OSError, ValueError):
            for line in (PROC / str(pid) / file).read_text().splitlines():
                if line.startswith(keys):
                    total += int(line.split()[1]) * 1024
    return total


def resident_bytes(root: int, limit: int | None = None, inherited: int = 0) -> int:
    """Resident memory that is the family's own, in bytes. inherited: what `root` shared with the zygote at its fork.

    The cheap sum counts pages shared between a process and its forks again for each; only when that sum is over `limit` is the
    exact, slower proportional sum asked for.
    """
    cheap = max(0, _sum_of(root, "status", ("RssAnon:", "RssShmem:")) - inherited)
    if limit is None or cheap <= limit:
        return cheap
    return min(cheap, _sum_of(root, "smaps_rollup", ("Pss_Anon:", "Pss_Shmem:")))


def processor_seconds(root: int) -> float:
    """Processor time the family of `root` has used so far, with that of its members that have ended and were waited for."""
    ticks = sum(sum(int(count) for count in fields[11:15]) for pid in family(root) if (fields := _stat(pid)))
    return ticks / os.sysconf("SC_CLK_TCK")


def own_resident_bytes() -> int:
    """Resident anonymous memory of this process: what a fork of it inherits."""
    for line in (PROC / "self/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    return 0


def session_of(name: str) -> int:
    """The session a child of this name leads or led; 0 once its pid belongs to a stranger."""
    parts = name.split(":")
    if len(parts) != 3 or parts[0] != boot_id():
        return 0
    return int(parts[1]) if name_of(int(parts[1])) in ("", name) else 0


def kill_all(sessions: Iterable[int], deadline: float = 5.0) -> bool:
    """SIGKILL every member of the sessions until none is left. False when some survive `deadline` seconds."""
    sessions = [session for session in sessions if session > 1]
    end = time.monotonic() + deadline
    while True:
        left = set[int]().union(*(members(session) for session in sessions)) - {os.getpid()}
        if not left:
            return True
        if time.monotonic() > end:
            return False
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)


def oom_kills() -> int:
    """How often the kernel has killed for memory since boot, for telling its SIGKILL from somebody else's."""
    for line in (PROC / "vmstat").read_text().splitlines():
        if line.startswith("oom_kill "):
            return int(line.split()[1])
    return 0
