"""What this machine has to offer: devices, processors, memory, within its container's limits. Standard library only; no CUDA is touched."""

import os
import shutil
import subprocess
import time
from functools import cache
from pathlib import Path
from typing import Any

from workers.contract.home import worker_name
from workers.contract.names import CONTRACT_VERSION, MiB
from workers.groups import boot_id

MEMORY_SHARE = 0.8  # of the host, for one child that names no limit


def processors() -> int:
    """Processors this process may use, by affinity and cgroup quota; at least 1."""
    count = len(os.sched_getaffinity(0))
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        count = count if quota == "max" else min(count, max(1, int(quota) // int(period)))
    except (OSError, ValueError):
        pass
    return max(1, count)


@cache
def memory_bytes() -> int:
    """Memory of the machine, or of the container when that is less."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        try:
            total = min(total, int((Path("/sys/fs/cgroup") / name).read_text()))
        except (OSError, ValueError):
            continue
    return total


def memory_share() -> int:
    return int(memory_bytes() * MEMORY_SHARE)


def available_bytes() -> int:
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return 0


def processor_name() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return os.uname().machine


def graphics() -> list[dict[str, Any]]:
    """NVIDIA devices by the driver's own tool, in a process of its own: asking torch would make a CUDA context here."""
    tool = shutil.which("nvidia-smi")
    if not tool:
        return []
    query = [tool, "--query-gpu=index,name,memory.total", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    rows = [[cell.strip() for cell in line.split(",")] for line in answer.splitlines() if line.count(",") == 2]
    return [{"id": f"cuda:{index}", "kind": "cuda", "name": name, "memory_bytes": int(memory) * MiB} for index, name, memory in rows]


def about() -> dict[str, Any]:
    """What `join` says."""
    cpu = {"id": "cpu", "kind": "cpu", "name": processor_name(), "memory_bytes": memory_bytes()}
    return {
        "name": worker_name(),
        "contract": CONTRACT_VERSION,
        "devices": [cpu, *graphics()],
        "cpus": processors(),
        "memory_bytes": memory_bytes(),
        "pid_host": f"{os.uname().nodename}:{boot_id()}",
    }


def load() -> dict[str, Any]:
    """What a heartbeat says of this host. use: the busy share of its processors since the last call, 0 to 1."""
    one, five, fifteen = os.getloadavg()
    loads = [round(one, 2), round(five, 2), round(fifteen, 2)]
    return {"cpu": loads, "use": _busy.share(), "memory_available": available_bytes(), "devices": _graphics_load.read()}


class Busy:
    """How busy the processors were between two looks."""

    def __init__(self) -> None:
        self.before = self.ticks()

    @staticmethod
    def ticks() -> tuple[int, int]:
        """(busy, all) since the machine started."""
        try:
            counts = [int(count) for count in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
        except (OSError, ValueError):
            return 0, 0
        return sum(counts) - counts[3] - counts[4], sum(counts)

    def share(self) -> float | None:
        (busy, total), self.before = self.before, self.ticks()
        passed = self.before[1] - total
        return round((self.before[0] - busy) / passed, 3) if passed > 0 else None


class GraphicsLoad:
    """Use, memory and temperature of each NVIDIA device; the tool is asked at most every ten seconds, and never again once it failed."""

    QUERY = "--query-gpu=index,utilization.gpu,memory.used,temperature.gpu"
    EVERY_SECONDS = 10.0

    def __init__(self) -> None:
        self.tool, self.due = shutil.which("nvidia-smi"), 0.0
        self.found: dict[str, dict[str, float]] = {}

    def read(self) -> dict[str, dict[str, float]]:
        if self.tool and time.monotonic() >= self.due:
            self.due = time.monotonic() + self.EVERY_SECONDS
            command = [self.tool, self.QUERY, "--format=csv,noheader,nounits"]
            try:
                self.found = self.parse(subprocess.run(command, capture_output=True, text=True, timeout=2, check=True).stdout)
            except (OSError, subprocess.SubprocessError, ValueError):
                self.tool, self.found = None, {}
        return self.found

    @staticmethod
    def parse(answer: str) -> dict[str, dict[str, float]]:
        """{"cuda:0": {use, memory_used, celsius}}; a figure the device does not tell (`[N/A]`) is left out."""
        found: dict[str, dict[str, float]] = {}
        for row in (line.split(",") for line in answer.splitlines() if line.count(",") == 3):
            index, *figures = (cell.strip() for cell in row)
            scaled = zip(("use", "memory_used", "celsius"), figures, (0.01, MiB, 1), strict=True)
            found[f"cuda:{index}"] = {name: float(figure) * unit for name, figure, unit in scaled if figure.replace(".", "").isdigit()}
        return found


_busy, _graphics_load = Busy(), GraphicsLoad()
