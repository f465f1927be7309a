"""The embedded Valkey of one machine: its configuration and its answer. Standard library only.

Its process title is left alone: writing it would wipe the mark in its environment by which leftovers are known.
The password stands in a file only this user can read, never in a command line. No TCP port is opened.
"""

import os
import socket
from pathlib import Path

import find

CONFIG = """port 0
loglevel warning
set-proc-title no
unixsocket {socket}
unixsocketperm 700
requirepass {password}
dir {folder}
appendonly yes
appendfsync everysec
save ""
maxmemory-policy noeviction
"""


def command(runtime: Path, home: Path, password: str) -> list[str]:
    """Write the configuration (0600) and return the command that starts the server on `runtime`/redis.sock."""
    folder, config = home / "redis", runtime / "valkey.conf"
    folder.mkdir(mode=0o700, exist_ok=True)
    config.unlink(missing_ok=True)
    with open(os.open(config, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(CONFIG.format(socket=runtime / "redis.sock", password=password, folder=f'"{folder}"'))
    return [str(find.valkey()), str(config)]


def answers(runtime: Path, password: str) -> bool:
    """Whether the server takes our password and answers PING, i.e. has loaded its file."""
    try:
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(1)
            line.connect(str(runtime / "redis.sock"))
            line.sendall(f"AUTH {password}\r\nPING\r\n".encode())
            replies = line.makefile("rb")
            return replies.readline().startswith(b"+OK") and replies.readline().startswith(b"+PONG")
    except OSError:
        return False
