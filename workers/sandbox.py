"""Limits a child puts on itself between fork and work: parent's death, memory, time, network, files. Linux, standard library.

In order of strength: network namespace (root or user namespaces) > Landlock (kernel 6.7 denies TCP) > an audit hook on Python's sockets,
which native code could pass. What was possible is logged by the child, so that a weaker host is seen.
"""

import contextlib
import ctypes
import os
import resource
import signal
import struct
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 1, 36, 38
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
LANDLOCK_CREATE, LANDLOCK_ADD_RULE, LANDLOCK_RESTRICT = 444, 445, 446
READ_RIGHTS = 1 << 0 | 1 << 2 | 1 << 3  # execute, read file, read folder
FILE_RIGHTS = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 14 | 1 << 15  # the rights that mean something on a file
RIGHTS_BY_ABI = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}  # how many file system rights the kernel's Landlock knows

libc = ctypes.CDLL(None, use_errno=True)


def prctl(option: int, value: int) -> bool:
    return bool(libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0) == 0)


def die_with_parent(parent: int) -> None:
    """SIGKILL me when `parent` dies; and whatever I fork dies with me, for the signal is not inherited."""
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)

    def in_fork() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

    os.register_at_fork(after_in_child=in_fork)


def adopt_orphans() -> None:
    """Make this process the parent of descendants whose own parent died, so that none escapes its sight."""
    prctl(PR_SET_CHILD_SUBREAPER, 1)


def limit_memory(extra_bytes: int) -> None:
    """Cap private data at what is mapped now plus `extra_bytes`: one huge request fails cleanly in Python or torch.

    What is mapped is always more than what is resident (stacks, freed and reserved memory), so this bound has to be a loose one; the
    shepherd's sampling is the exact one.
    """
    mapped = 0
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmData:"):
            mapped = int(line.split()[1]) * 1024
    _cap(resource.RLIMIT_DATA, mapped + extra_bytes)


def limit_cpu(seconds: int) -> None:
    """SIGXCPU after so many seconds of processor time."""
    _cap(resource.RLIMIT_CPU, seconds)


def no_core_dump() -> None:
    """A core would spill users' data to the disk."""
    _cap(resource.RLIMIT_CORE, 0)


def _cap(kind: int, value: int) -> None:
    hard = resource.getrlimit(kind)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (value, hard if kind == resource.RLIMIT_CPU else value))


def cut_network() -> str:
    """Leave every network, the loopback too. Says by what: `namespace`, or `hook` where namespaces are not permitted."""
    if libc.unshare(CLONE_NEWNET) == 0:
        return "namespace"
    uid, gid = os.getuid(), os.getgid()
    if libc.unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0:
        with contextlib.suppress(OSError):
            Path("/proc/self/setgroups").write_text("deny")
            Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
            Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
        return "namespace"
    hook_sockets()
    return "hook"


def hook_sockets() -> None:
    """Refuse internet sockets in Python itself. Weaker: native code can pass it."""

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in {"socket.connect", "socket.bind", "socket.sendto"} and isinstance(arguments[1], tuple):
            raise PermissionError("this job may not use the network")

    sys.addaudithook(hook)


def _landlock_abi() -> int:
    return int(libc.syscall(LANDLOCK_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint(1)))


def confine(read: Iterable[Path], write: Iterable[Path], tcp: bool) -> bool:
    """Let this process and its descendants see only these files and folders (Landlock). tcp: False also denies TCP.

    True when the kernel obliged; False where it knows no Landlock, and then nothing is changed.
    """
    abi = _landlock_abi()
    if abi < 1:
        return False
    handled = (1 << RIGHTS_BY_ABI.get(abi, 16)) - 1
    attributes = struct.pack("=QQ", handled, 0 if tcp or abi < 4 else 3) if abi >= 4 else struct.pack("=Q", handled)
    ruleset = libc.syscall(LANDLOCK_CREATE, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint(0))
    if ruleset < 0:
        return False
    try:
        for rights, paths in ((READ_RIGHTS & handled, read), (handled, write)):
            for path in paths:
                _allow(ruleset, path, rights)
        prctl(PR_SET_NO_NEW_PRIVS, 1)
        return bool(libc.syscall(LANDLOCK_RESTRICT, ruleset, ctypes.c_uint(0)) == 0)
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: Path, rights: int) -> None:
    """Add one rule. A path that does not exist needs none."""
    try:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        rights = rights if path.is_dir() else rights & FILE_RIGHTS
        libc.syscall(LANDLOCK_ADD_RULE, ruleset, ctypes.c_int(1), struct.pack("=Qi", rights, handle), ctypes.c_uint(0))
    finally:
        os.close(handle)
