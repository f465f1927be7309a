"""The claim on one home and one port, before anything is started: one runner a home, and nothing left of a killed one."""

import fcntl
import os
import signal
import socket
import sys
import time
from pathlib import Path
from typing import IO, NoReturn

from runner import proctree
from runner.service import say


def refuse(text: str) -> NoReturn:
    """End before anything was started, with the remedy."""
    sys.exit(f"Slipway did not start: {text}")


def claim_home(home: Path, runtime: Path, mark: str, address: str) -> IO[str]:
    """Lock the home for this process's life and clear what a killed runner left. Returns the locked file, to be kept open."""
    lock = open(os.open(home / "up.lock", os.O_RDWR | os.O_CREAT, 0o600), "r+")  # noqa: SIM115 (the caller keeps it)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        refuse(f"it already runs on {home} ({lock.read(200)}). Stop that one, or choose another SLIPWAY_HOME and PORT.")
    lock.truncate(0)
    lock.write(f"process {os.getpid()}, {address}")
    lock.flush()
    while left := proctree.marked(mark, str(home)):
        say(f"ending {len(left)} processes that an earlier run left behind")
        proctree.send(left, signal.SIGKILL)
        time.sleep(0.2)
    for path in runtime.rglob("*"):
        if path.is_socket():
            path.unlink()
    return lock


def check_port(port: int) -> None:
    """Refuse a port that another program holds, before anything is started."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as fault:
            refuse(f"port {port} cannot be used ({fault.strerror}). Choose another, for example: PORT={port + 1} make up")
