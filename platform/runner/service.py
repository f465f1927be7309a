"""One child process of the runner, its log file, and the combined log on the terminal. Standard library only.

Children write to files under `SLIPWAY_HOME/logs`, which the runner follows: a paused terminal or a killed runner never blocks or
breaks them.
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from runner import proctree

LOG_CAP = 10_000_000  # bytes of one log file; one older copy is kept beside it


def say(text: str, name: str = "slipway", colour: int = 1) -> None:
    """One line of the combined log on stdout; control characters of a child's line never reach the terminal."""
    clean = re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", "·", text.rstrip())
    coloured = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    prefix = f"\x1b[{colour}m{name:>8} │\x1b[0m" if coloured else f"{name:>8} │"
    try:
        print(prefix, clean, flush=True)
    except OSError:
        pass  # the terminal is gone; the files still have every line


class Service:
    """One child process that shall run: its command, its log file, and when to start it again."""

    def __init__(self, name: str, command: list[str], colour: int, *, folder: Path, env: dict[str, str], phase: int, once: bool) -> None:
        self.name, self.command, self.colour, self.phase, self.once, self.env = name, command, colour, phase, once, env
        self.path = folder / f"{name}.log"
        self.pid = self.failures = 0
        self.status: int | None = None
        self.started = self.due = 0.0
        self.rest = b""
        self.position = self.path.stat().st_size if self.path.exists() else 0

    def start(self) -> None:
        """Start the process in a session of its own, so that Ctrl-C in the terminal reaches only the runner."""
        with open(self.path, "ab") as log:
            self.pid = subprocess.Popen(
                self.command, env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, preexec_fn=proctree.die_with_parent,
            ).pid  # fmt: skip
        self.started = time.monotonic()

    def ended(self, status: int) -> None:
        """Note the end and when to start again: after 1, 2, 4 … 30 s, from 1 s again after a healthy minute."""
        if self.pid:  # what it left behind, several web processes say, would hold its port against the next one
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
        self.status, self.pid = os.waitstatus_to_exitcode(status), 0
        lived = time.monotonic() - self.started
        self.failures = 0 if lived >= 60 else self.failures
        self.due = time.monotonic() + min(2.0**self.failures, 30.0)
        self.failures += 1

    def obituary(self) -> str:
        """How it ended and when it starts again, in one sentence."""
        how = f"was killed by signal {-self.status}" if self.status and self.status < 0 else f"ended with status {self.status}"
        return f"{self.name} {how}; it starts again in {max(self.due - time.monotonic(), 0):.0f} s"

    def follow(self) -> None:
        """Show what was written since the last look; keep the file under its cap, with one older copy."""
        with open(self.path, "ab+") as file:
            file.seek(self.position)
            lines = (self.rest + file.read()).split(b"\n")
            self.rest, self.position = lines.pop(), file.tell()
            if self.position > LOG_CAP:
                shutil.copyfile(self.path, self.path.with_suffix(".log.1"))
                file.truncate(0)
                self.position = 0
        for line in lines:
            say(line.decode(errors="replace"), self.name, self.colour)
