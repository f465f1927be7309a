"""A Valkey of the tests' own, reached through a relay that can fall silent without a word, as a cut cable does."""

import os
import selectors
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import Self

from runner import broker

PASSWORD = "a-password-of-the-tests"


class Relay(threading.Thread):
    """Passes bytes between `path` and `target`, both unix sockets. freeze(): every line there is goes silent for ever, and new ones
    too until thaw(); nobody gets a reset."""

    def __init__(self, path: Path, target: Path) -> None:
        super().__init__(daemon=True)
        self.target = target
        self.frozen = False
        self._selector = selectors.DefaultSelector()
        self._open: set[socket.socket] = set()
        self._silent: set[socket.socket] = set()
        self._door = socket.socket(socket.AF_UNIX)
        self._door.bind(str(path))
        self._door.listen(128)
        self._selector.register(self._door, selectors.EVENT_READ, None)

    def freeze(self) -> None:
        self._silent |= self._open
        self.frozen = True

    def thaw(self) -> None:
        self.frozen = False

    def run(self) -> None:
        while True:
            for key, _ in self._selector.select():
                try:
                    self._take() if key.data is None else self._pass(key.fileobj, key.data)  # type: ignore[arg-type]
                except OSError:
                    if key.data is not None:
                        self._drop(key.fileobj, key.data)  # type: ignore[arg-type]

    def _take(self) -> None:
        line, _ = self._door.accept()
        if self.frozen:
            self._silent.add(line)
            return
        far = socket.socket(socket.AF_UNIX)
        try:
            far.connect(str(self.target))
        except OSError:
            far.close()
            line.close()
            return
        for near, other in ((line, far), (far, line)):
            self._open.add(near)
            self._selector.register(near, selectors.EVENT_READ, other)

    def _pass(self, line: socket.socket, other: socket.socket) -> None:
        if line in self._silent:
            self._selector.unregister(line)
        elif data := line.recv(65536):
            other.sendall(data)
        else:
            self._drop(line, other)

    def _drop(self, *lines: socket.socket) -> None:
        for line in lines:
            if line in self._open:
                self._open.discard(line)
                try:
                    self._selector.unregister(line)
                except KeyError:
                    pass
                line.close()


class Broker:
    """The server and the relay before it; `url` is what the platform is given."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="slw-"))
        self.relay = Relay(self.folder / "relay.sock", self.folder / "redis.sock")
        self.relay.start()
        self.url = f"unix://:{PASSWORD}@{self.folder}/relay.sock"

    def start(self) -> Self:
        command = broker.command(self.folder, self.folder, PASSWORD)
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 10
        while not broker.answers(self.folder, PASSWORD):
            if time.monotonic() > end:
                raise RuntimeError("Valkey did not start")
            time.sleep(0.02)
        return self

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def say(self, *words: str) -> bytes:
        """One command straight to the server; the first line of its answer."""
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(5)
            line.connect(os.fspath(self.folder / "redis.sock"))
            line.sendall(f"AUTH {PASSWORD}\r\n{' '.join(words)}\r\n".encode())
            replies = line.makefile("rb")
            replies.readline()
            return replies.readline().strip()

    def stop(self) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
