"""From the shepherd to a child: fork, own session, log, limits; then the recipe's code, or a fresh interpreter for users' bytes.

The child is forked before the shepherd has any thread and waits for a word, so that its inputs can be fetched meanwhile.
"""

import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from workers import groups, sandbox
from workers.contract.home import ROOT, slipway_home
from workers.contract.orders import Order
from workers.folder import RunFolder

FRESH = {"prepare": "workers.prepare", "import": "workers.prepare"}
KEPT_VARIABLES = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH", "LD_PRELOAD", "MALLOC_ARENA_MAX", "SLIPWAY_REPLICA_HOST")
HUB_VARIABLES = ("HF_ENDPOINT", "HF_MIRROR", "MODELSCOPE_ENDPOINT")  # other addresses of the hubs, for who may fetch


@dataclass
class Child:
    """pid: also its session · inherited: resident bytes it shares with the zygote (0 in a fresh interpreter)."""

    pid: int
    name: str
    pidfd: int
    inherited: int
    _go: int

    def go(self) -> None:
        """Inputs and order are in place: work."""
        try:
            os.write(self._go, b"g")
        except BrokenPipeError:
            pass  # it has died already; the shepherd will see
        os.close(self._go)

    def terminate(self) -> None:
        try:
            os.kill(self.pid, signal.SIGTERM)
        except ProcessLookupError:
            pass


def module_of(order: Order) -> str | None:
    """The module a fresh interpreter runs for this order, None for a fork of the zygote."""
    if order.network == "hub" and order.work.kind not in FRESH:
        return "workers.child"  # the zygote has its libraries set offline at import
    return FRESH.get(order.work.kind)


def start(folder: RunFolder, order: Order) -> Child:
    """A child that waits for `go()`. Must be called while this process has one thread."""
    shepherd, module = os.getpid(), module_of(order)
    inherited = 0 if module else groups.own_resident_bytes()
    read, write = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        os.close(write)
        _be_child(folder, order, shepherd, read, module)
    os.close(read)
    return Child(pid, groups.name_of(pid), os.pidfd_open(pid), inherited, write)


def _be_child(folder: RunFolder, order: Order, shepherd: int, read: int, module: str | None) -> NoReturn:
    status = 1
    try:
        os.setsid()
        sandbox.die_with_parent(shepherd)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        signal.set_wakeup_fd(-1)
        _to_log(folder.log)
        os.chdir(folder.path)
        if os.read(read, 1) != b"g":
            os._exit(0)
        os.close(read)
        env = environment(folder, order)
        if module:
            env["PYTHONPATH"] = str(ROOT)
            os.execve(sys.executable, [sys.executable, "-m", module, str(folder.path)], env)  # noqa: S606 (no shell; nothing of a user's)
        os.environ.clear()
        os.environ.update(env)
        from workers import child

        status = child.work(folder, confined=True)
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _to_log(path: Path) -> None:
    """stdin from nothing, stdout and stderr to the log file."""
    null, log = os.open(os.devnull, os.O_RDONLY), os.open(path, os.O_WRONLY | os.O_APPEND)
    os.dup2(null, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(null)
    os.close(log)
    sys.stdout = open(1, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115


def environment(folder: RunFolder, order: Order) -> dict[str, str]:
    """What a child may know of its surroundings: no token, no password, no address of anything."""
    kept = (*KEPT_VARIABLES, *(HUB_VARIABLES if order.network == "hub" else ()))
    env = {name: os.environ[name] for name in kept if name in os.environ}
    threads, tmp = str(order.threads), str(folder.tmp)
    offline = "0" if order.network == "hub" else "1"
    cache = slipway_home() / "cache"
    env |= {"HOME": tmp, "TMPDIR": tmp, "XDG_CACHE_HOME": tmp, "SLIPWAY_HOME": str(slipway_home()), "SLIPWAY_RUN": folder.path.name}
    env |= {
        "OMP_NUM_THREADS": threads,
        "OMP_WAIT_POLICY": "passive",
        "RAYON_NUM_THREADS": threads,
        "TOKENIZERS_PARALLELISM": "true" if order.threads > 1 else "false",
    }
    env |= {"HF_HUB_OFFLINE": offline, "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HOME": str(cache / "hub"), "DO_NOT_TRACK": "1"}
    env |= {"CUDA_CACHE_PATH": str(cache / "cuda"), "TORCHINDUCTOR_CACHE_DIR": f"{tmp}/inductor"}
    kind, _, index = order.device.partition(":")
    return env | {"CUDA_VISIBLE_DEVICES": (index or "0") if kind == "cuda" else ""}
