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
EXECUTE = 1 << 0
READ_RIGHTS = EXECUTE | 1 << 2 | 1 << 3  # read file, read folder
FILE_RIGHTS = EXECUTE | 1 << 1 | 1 << 2 | 1 << 14 | 1 << 15  # the rights that mean something on a file
NODE_RIGHTS = 1 << 6 | 1 << 9 | 1 << 10 | 1 << 11 | 1 << 12  # make devices, sockets, pipes, links
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
    cap(resource.RLIMIT_DATA, mapped + extra_bytes)


def no_core_dump() -> None:
    """A core would spill users' data to the disk."""
    cap(resource.RLIMIT_CORE, 0)


def cap(kind: int, value: int) -> None:
    """A resource limit, soft and hard, never above the one in force."""
    hard = resource.getrlimit(kind)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (value, value))


def leave_network() -> bool:
    """Enter an empty network namespace, directly or through a user namespace of our own; False where neither is permitted."""
    uid, gid = os.getuid(), os.getgid()
    if libc.unshare(CLONE_NEWNET) == 0:
        return True
    if libc.unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0:
        return False
    with contextlib.suppress(OSError):
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    return True


def cut_network() -> str:
    """Leave every network, the loopback too. Says by what: `namespace`, or `hook` where namespaces are not permitted."""
    if leave_network():
        return "namespace"
    hook_sockets()
    return "hook"


def hook_sockets() -> None:
    """Refuse internet sockets in Python itself. Weaker: native code can pass it."""

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in {"socket.connect", "socket.bind", "socket.sendto"} and isinstance(arguments[1], tuple):
            raise PermissionError("this job may not use the network")

    sys.addaudithook(hook)


def landlock_abi() -> int:
    """The version of the kernel's Landlock; below 1 where it has none."""
    return int(libc.syscall(LANDLOCK_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint(1)))


def confine(read: Iterable[Path], write: Iterable[Path], tcp: bool, *, parses_only: bool = False) -> bool:
    """Let this process and its descendants see only these files and folders (Landlock). tcp: False also denies TCP.

    parses_only: nothing is executed, no device, socket, pipe or link is made, no process outside is signalled. True when the kernel
    obliged; False where it knows no Landlock, and then nothing is changed. Raises OSError when it refuses a rule.
    """
    abi = landlock_abi()
    if abi < 1:
        return False
    handled = (1 << RIGHTS_BY_ABI.get(abi, 16)) - 1
    withheld = EXECUTE | NODE_RIGHTS if parses_only else 0
    attributes = struct.pack("=QQQ", handled, 0 if tcp else 3, 3 if parses_only else 0)[: 8 if abi < 4 else 16 if abi < 6 else 24]
    ruleset = libc.syscall(LANDLOCK_CREATE, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint(0))
    if ruleset < 0:
        raise OSError(ctypes.get_errno(), "Landlock refused the rules")
    try:
        for rights, paths in ((READ_RIGHTS & handled & ~withheld, read), (handled & ~withheld, write)):
            for path in paths:
                _allow(ruleset, path, rights)
        if not prctl(PR_SET_NO_NEW_PRIVS, 1) or libc.syscall(LANDLOCK_RESTRICT, ruleset, ctypes.c_uint(0)):
            raise OSError(ctypes.get_errno(), "Landlock could not be put in force")
        return True
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
        rule = struct.pack("=Qi", rights, handle)
        if libc.syscall(LANDLOCK_ADD_RULE, ruleset, ctypes.c_int(1), rule, ctypes.c_uint(0)):
            raise OSError(ctypes.get_errno(), f"Landlock refused {path}")
    finally:
        os.close(handle)
