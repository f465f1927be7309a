"""The walls around a reader of user files, put up by the process itself before it opens one of them.

Limits on memory and CPU time that grow with the bytes given, no core dumps; no network (a network namespace of its own
where the system permits, else Landlock's ban on TCP); with Landlock, writing only inside the run folder and reading only there,
from the inputs and from Python's own files. What a kernel cannot do is returned in words, to be logged. Not covered: system calls
are not filtered, and without Landlock the file system is as open as the user's rights.
"""

import ctypes
import os
import resource
import sys
from collections.abc import Iterable
from pathlib import Path

from workers.contract.names import PARSER_BYTES_PER_CPU_SECOND, PARSER_CPU_SECONDS, PARSER_MEMORY, GiB

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same numbers on x86-64 and arm64
_PATH_BENEATH = 1
_NO_NEW_PRIVS = 38
_NEWUSER, _NEWNET = 0x10000000, 0x40000000
_READ = (1 << 2) | (1 << 3)  # read file, read folder
_RIGHTS_BY_ABI = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
_FILE_RIGHTS = (1 << 1) | (1 << 2) | (1 << 14)  # write, read, truncate: those that make sense on a single file
_MAKE_NODES = (1 << 6) | (1 << 9) | (1 << 10) | (1 << 11) | (1 << 12)  # devices, sockets, pipes, symlinks: never needed
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


class _Ruleset(ctypes.Structure):
    _fields_ = [("fs", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64)]


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = [("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32)]


def limit(input_bytes: int, memory_bytes: int | None = None) -> None:
    """Set the resource limits of this process. input_bytes: size of all files given; memory_bytes: a smaller or larger order."""
    memory = memory_bytes or PARSER_MEMORY + min(input_bytes // 8, 3 * GiB)
    cpu = PARSER_CPU_SECONDS + input_bytes // PARSER_BYTES_PER_CPU_SECOND
    _tidy_malloc()
    for kind, value in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_DATA, memory), (resource.RLIMIT_CPU, cpu)):
        hard = resource.getrlimit(kind)[1]
        bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (bound, bound))


def _tidy_malloc() -> None:
    """Give large blocks back at once: glibc would keep those that Arrow's threads free (the numbers are mallopt's)."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        for parameter, value in ((-3, 256 * 1024), (-1, 1024 * 1024), (-8, 2)):  # mmap threshold, trim threshold, arenas
            libc.mallopt(parameter, value)


def isolate(folder: Path, inputs: Iterable[Path], *, network: bool) -> list[str]:
    """Cut this process off from the network and from files that are not its own; returns what could not be done."""
    libc = ctypes.CDLL(None, use_errno=True)
    missing = []
    if not network and not _leave_network(libc):
        missing.append("no network namespace: TCP is refused by Landlock only, if at all")
    abi = libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(1))
    if abi < 1:
        return [*missing, "no Landlock: files are guarded by the user's rights alone"]
    _landlock(libc, abi, folder, list(inputs), network=network)
    return missing


def _leave_network(libc: ctypes.CDLL) -> bool:
    """Enter an empty network namespace, directly or through a user namespace of our own."""
    return bool(libc.unshare(_NEWNET) == 0 or libc.unshare(_NEWUSER | _NEWNET) == 0)


def _landlock(libc: ctypes.CDLL, abi: int, folder: Path, inputs: list[Path], *, network: bool) -> None:
    rights = _RIGHTS_BY_ABI[max(known for known in _RIGHTS_BY_ABI if known <= abi)]
    rules = _Ruleset(rights, 0 if network else 3, 3)
    size = 8 if abi < 4 else 16 if abi < 6 else 24
    ruleset = libc.syscall(_CREATE_RULESET, ctypes.byref(rules), ctypes.c_size_t(size), ctypes.c_uint32(0))
    if ruleset < 0:
        raise OSError(ctypes.get_errno(), "Landlock refused the rules")
    try:
        _allow(libc, ruleset, folder, rights & ~_MAKE_NODES & ~1)
        for path in [*inputs, *_readable(network)]:
            _allow(libc, ruleset, path, _READ & rights)
        if libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.syscall(_RESTRICT_SELF, ruleset, ctypes.c_uint32(0)):
            raise OSError(ctypes.get_errno(), "Landlock could not be put in force")
    finally:
        os.close(ruleset)


def _readable(network: bool) -> list[Path]:
    """Python, its packages and our own code. Never the repository as a whole: the platform's state may lie inside it."""
    code = Path(__file__).resolve().parents[1]
    places = {sys.prefix, sys.base_prefix, sys.exec_prefix, *(path for path in sys.path if path.endswith("-packages")), str(code)}
    return [Path(place) for place in [*places, *_SYSTEM, *(_HUB if network else ())] if os.path.exists(place)]


def _allow(libc: ctypes.CDLL, ruleset: int, path: Path, rights: int) -> None:
    handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        allowed = rights if path.is_dir() else rights & _FILE_RIGHTS
        rule = _PathBeneath(allowed, handle)
        if libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.byref(rule), ctypes.c_uint32(0)):
            raise OSError(ctypes.get_errno(), f"Landlock refused {path}")
    finally:
        os.close(handle)
