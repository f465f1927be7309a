"""The zygote: one process per host that has the libraries imported and nothing computed, and forks a shepherd per allocation.

A fork starts in milliseconds what an import takes seconds for. So that forks are sound it has one thread, has run no tensor operation and
touched no CUDA. It joins the control plane, says every few seconds that the host lives, and ends what it is told to end.

SIGTERM ends its shepherds (their attempts resume at the next start). If it is killed, shepherds and training go on, and the
next zygote finds them by their keepers' records. Children inherit its memory: its own environment holds no secret.
"""

import contextlib
import gc
import json
import logging
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from workers import groups, host, shepherd, storage
from workers.contract.home import runtime_dir, secret, worker_name
from workers.contract.names import HEARTBEAT_SECONDS
from workers.door import Away, DoorError, HostDoor, backoff, join
from workers.folder import all_folders, sweep

log = logging.getLogger("workers.zygote")

PRELOAD = ("torch", "transformers", "datasets", "pyarrow.parquet", "safetensors.torch", "tokenizers")
KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "PORT", "PYTHONPATH", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "LD_PRELOAD", "SLIPWAY_RUNNER")
KEPT_PREFIXES = ("SLIPWAY_HOME", "SLIPWAY_DOOR", "SLIPWAY_WORKER", "SLIPWAY_REPLICA_HOST", "SLIPWAY_DEBUG", "CUDA_", "NVIDIA_")
JOIN_FD = "SLIPWAY_JOIN_FD"
FLOORS = {"torch": (2, 10), "transformers": (5, 5), "datasets": (4, 0)}  # older ones can be made to run what a file says
SWEEP_SECONDS = 600.0
STOP_SECONDS = 8.0


def reexecute() -> None:
    """Start this program again with a clean environment: what the first environment held can be read in /proc for ever.

    The join token travels through a pipe.
    """
    read, write = os.pipe()
    os.write(write, secret("join_token").encode())
    os.close(write)
    os.set_inheritable(read, True)
    env = {name: value for name, value in os.environ.items() if name in KEPT or name.startswith(KEPT_PREFIXES)}
    env |= {JOIN_FD: str(read), "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1", "PYTHONUNBUFFERED": "1"}
    # Threads that wait shall sleep, not spin: on busy cores two spinning threads were measured 30 times slower than two sleeping ones.
    env |= {"OMP_WAIT_POLICY": "PASSIVE"}
    # Read when OpenMP is loaded, and children cannot load it again: threads that wait spinning cost a busy machine most of its time.
    env["OMP_WAIT_POLICY"] = "passive"
    env |= {"HF_HUB_DISABLE_TELEMETRY": "1", "TRANSFORMERS_NO_ADVISORY_WARNINGS": "1", "PYTHONWARNINGS": "ignore"}
    os.execve(sys.executable, [sys.executable, "-m", "workers.zygote"], env)  # noqa: S606 (no shell)


def preload() -> None:
    """Import what children will want. A recipe that cannot be imported here fails when it is asked for, with its reason in the log."""
    from workers.recipes import FOLDER_OF

    recipes = [f"workers.recipes.{folder}.{part}" for folder in FOLDER_OF.values() for part in ("train", "serve")]
    for name in (*PRELOAD, "workers.child", "workers.replica.server", *recipes):
        try:
            import_module(name)
        except Exception:
            log.exception("%s could not be imported; jobs that need it will fail", name)
    check_floors(sys.modules)
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)
    gc.collect()
    gc.freeze()  # forks shall not copy these pages when their collector looks at them


def check_floors(modules: Mapping[str, Any]) -> None:
    """Ends the host (SystemExit) when a library that opens models or data has known holes; one that is absent is no danger."""
    for name, floor in FLOORS.items():
        if name in modules and numbers(modules[name].__version__) < floor:
            wanted = ".".join(map(str, floor))
            raise SystemExit(
                f"{name} {modules[name].__version__} is older than {wanted}; update it: pip install -r workers/requirements.txt"
            )


def numbers(version: str) -> tuple[int, int]:
    """The first two numbers of a version."""
    major, minor = version.split(".")[:2]
    return int(major), int(minor)


class Zygote:
    """The loop. shepherds: pid -> allocation, own children and adopted ones alike."""

    def __init__(self, join_token: str) -> None:
        self.join_token = join_token
        self.door: HostDoor | None = None
        self.shepherds: dict[int, str] = {}
        self.adopted: dict[int, int] = {}  # pidfd -> pid
        self.draining = self.stopping = False
        self.selector = selectors.DefaultSelector()
        self._beat_due = self._sweep_due = 0.0
        self._failures = 0

    def run(self) -> None:
        self._catch_signals()
        self._listen()
        preload()
        self._adopt()
        log.info("ready: %d MiB resident, %d shepherds adopted", groups.own_resident_bytes() >> 20, len(self.adopted))
        while not self.stopping:
            now = time.monotonic()
            if now >= self._beat_due:
                self._beat()
            if now >= self._sweep_due:
                self._sweep_due = now + SWEEP_SECONDS
                self._sweep()
            for key, _ in self.selector.select(max(0.0, min(self._beat_due, self._sweep_due) - time.monotonic())):
                key.data(key.fileobj)
        self._stop()

    # Signals, sockets ---------------------------------------------------------------------------------------------------

    def _catch_signals(self) -> None:
        self._woken, waker = socket.socketpair()
        self._waker = waker
        for end in (self._woken, waker):
            end.setblocking(False)
        signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask_to_stop)
        self.selector.register(self._woken, selectors.EVENT_READ, self._on_signal)

    def _ask_to_stop(self, *_: object) -> None:
        self.stopping = True

    def _on_signal(self, _: object) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._woken.recv(4096):
                pass
        self._reap()

    def _listen(self) -> None:
        """The socket by which hints come. It queues what comes while the libraries are being imported."""
        path = runtime_dir() / "zygote.sock"
        path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.bind(str(path))
        path.chmod(0o600)
        self._socket.listen(512)
        self._socket.setblocking(False)
        self.selector.register(self._socket, selectors.EVENT_READ, self._on_hint)

    def _on_hint(self, _: object) -> None:
        """One hint: a JSON line {"allocation": id}. Whatever else comes is dropped."""
        try:
            connection, _ = self._socket.accept()
        except BlockingIOError:
            return
        with connection:
            connection.settimeout(0.2)
            try:
                allocation = int(json.loads(connection.recv(4096))["allocation"])
            except (OSError, ValueError, TypeError, KeyError) as error:
                log.warning("a hint could not be read: %s", error)
                return
        self.wake(str(allocation))

    # Shepherds ----------------------------------------------------------------------------------------------------------

    def wake(self, allocation: str) -> None:
        """Fork a shepherd, unless one has this allocation or the host takes nothing new."""
        if self.draining or self.door is None or allocation in self.shepherds.values():
            return
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            self._be_shepherd(allocation, self.door)
        self.shepherds[pid] = allocation

    def _be_shepherd(self, allocation: str, door: HostDoor) -> None:
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
                signal.signal(number, signal.SIG_DFL)
            self.selector.close()
            for end in (self._socket, self._woken, self._waker):
                end.close()
            for pidfd in self.adopted:
                os.close(pidfd)
            os.setsid()
            self.join_token = ""
            shepherd.main(allocation, HostDoor(door.token, door.base))
            status = 0
        except BaseException:
            log.exception("the shepherd of allocation %s failed", allocation)
        finally:
            sys.stderr.flush()
            os._exit(status)

    def _reap(self) -> None:
        while self.shepherds:
            try:
                pid, _ = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self._ended(pid)

    def _ended(self, pid: int) -> None:
        """A shepherd is gone; if it was killed, so shall be what it watched."""
        if self.shepherds.pop(pid, None) is not None:
            self._sweep_due = min(self._sweep_due, time.monotonic() + 1.0)
            for _, record in all_folders():
                if str(record.get("shepherd", "")).split(":")[1:2] == [str(pid)]:
                    groups.kill_all([groups.session_of(str(record.get("child", "")))])

    def _adopt(self) -> None:
        """Find the shepherds of a zygote before this one; end the children of those that have died."""
        for _, record in all_folders():
            name = str(record.get("shepherd", ""))
            if not groups.alive(name):
                groups.kill_all([groups.session_of(str(record.get("child", "")))])
                continue
            pid = int(name.split(":")[1])
            pidfd = os.pidfd_open(pid)
            self.adopted[pidfd] = pid
            self.shepherds[pid] = str(record["allocation"])
            self.selector.register(pidfd, selectors.EVENT_READ, self._on_adopted_end)

    def _on_adopted_end(self, pidfd: object) -> None:
        if isinstance(pidfd, int):
            self.selector.unregister(pidfd)
            os.close(pidfd)
            self._ended(self.adopted.pop(pidfd))

    def _sweep(self) -> None:
        """Old run folders and cached files. A folder without a keeper's record is only just being made."""
        over = {folder.path for folder, record in all_folders() if not groups.alive(str(record.get("shepherd", "")))}
        with contextlib.suppress(OSError):
            sweep(over)
            storage.sweep_cache()

    # The control plane --------------------------------------------------------------------------------------------------

    def _beat(self) -> None:
        """Join, or say that the host lives; obey. A door that is away is asked again with growing patience."""
        try:
            self.door = self.door or self._join()
            answer = self.door.heartbeat(host.load(), list(self.shepherds.values()))
            self.draining, self._failures = bool(answer.get("drain")), 0
            for allocation in answer.get("kill", []):
                self._kill(str(allocation))
            self._beat_due = time.monotonic() + float(answer.get("heartbeat") or HEARTBEAT_SECONDS)
        except DoorError as trouble:
            if not isinstance(trouble, Away):
                self.door = None  # an unknown token: join again
            if self._failures in (0, 5) or self._failures % 60 == 0:
                log.warning("the door at the control plane does not answer: %s", trouble)
            self._failures += 1
            self._beat_due = time.monotonic() + min(HEARTBEAT_SECONDS, backoff(self._failures))

    def _join(self) -> HostDoor:
        door = join(self.join_token, host.about())
        log.info("joined as %s", worker_name())
        return door

    def _kill(self, allocation: str) -> None:
        """The control plane has given this allocation's job to somebody else."""
        log.warning("allocation %s is no longer this host's and is ended", allocation)
        for _, record in all_folders():
            if str(record.get("allocation")) == allocation:
                shepherd.end_recorded(record)

    def _stop(self) -> None:
        """End every shepherd and what it watches; at the latest after STOP_SECONDS, by force."""
        log.info("stopping %d shepherds", len(self.shepherds))
        for pid in self.shepherds:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        end = time.monotonic() + STOP_SECONDS
        while self.shepherds and time.monotonic() < end:
            for key, _ in self.selector.select(0.1):
                key.data(key.fileobj)
        for allocation in list(self.shepherds.values()):
            self._kill(allocation)
        (runtime_dir() / "zygote.sock").unlink(missing_ok=True)


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr)
    if JOIN_FD not in os.environ:
        reexecute()
    handle = int(os.environ.pop(JOIN_FD))
    with os.fdopen(handle) as pipe:
        token = pipe.read()
    os.chdir(Path(__file__).resolve().parents[1])
    Zygote(token).run()


if __name__ == "__main__":
    main()
