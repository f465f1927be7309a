"""The walls around a reader of user files, put up by the process itself before it opens one of them.

Limits on memory and CPU time that grow with the bytes given, no core dumps; no network (a network namespace of its own
where the system permits, else Landlock's ban on TCP); with Landlock, writing only inside the run folder and reading only there,
from the inputs and from Python's own files. What a kernel cannot do is returned in words, to be logged. Not covered: system calls
are not filtered, and without Landlock the file system is as open as the user's rights.
"""

import os
import resource
import sys
from collections.abc import Iterable
from pathlib import Path

from workers import sandbox as walls
from workers.contract.names import PARSER_BYTES_PER_CPU_SECOND, PARSER_CPU_SECONDS, PARSER_MEMORY, GiB

_SYSTEM = (
    "/usr",
    "/lib",
    "/lib64",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/dev/null",
    "/dev/urandom",
    "/proc/self",
    "/sys/devices/system/cpu",
)
_HUB = ("/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/ssl", "/etc/gai.conf", "/etc/host.conf", "/run/systemd/resolve")


def limit(input_bytes: int, memory_bytes: int | None = None) -> None:
    """Set the resource limits of this process. input_bytes: size of all files given; memory_bytes: a smaller or larger order."""
    memory = memory_bytes or PARSER_MEMORY + min(input_bytes // 8, 3 * GiB)
    cpu = PARSER_CPU_SECONDS + input_bytes // PARSER_BYTES_PER_CPU_SECOND
    _tidy_malloc()
    walls.no_core_dump()
    walls.cap(resource.RLIMIT_DATA, memory)
    walls.cap(resource.RLIMIT_CPU, cpu)


def _tidy_malloc() -> None:
    """Give large blocks back at once: glibc would keep those that Arrow's threads free (the numbers are mallopt's)."""
    if hasattr(walls.libc, "mallopt"):
        for parameter, value in ((-3, 256 * 1024), (-1, 1024 * 1024), (-8, 2)):  # mmap threshold, trim threshold, arenas
            walls.libc.mallopt(parameter, value)


def isolate(folder: Path, inputs: Iterable[Path], *, network: bool) -> list[str]:
    """Cut this process off from the network and from files that are not its own; returns what could not be done."""
    missing = []
    if not network and not walls.leave_network():
        missing.append("no network namespace: TCP is refused by Landlock only, if at all")
    if not walls.confine([*inputs, *_readable(network)], [folder], network, parses_only=True):
        missing.append("no Landlock: files are guarded by the user's rights alone")
    return missing


def _readable(network: bool) -> list[Path]:
    """Python, its packages and our own code. Never the repository as a whole: the platform's state may lie inside it."""
    code = Path(__file__).resolve().parents[1]
    places = {sys.prefix, sys.base_prefix, sys.exec_prefix, *(path for path in sys.path if path.endswith("-packages")), str(code)}
    return [Path(place) for place in [*places, *_SYSTEM, *(_HUB if network else ())] if os.path.exists(place)]
