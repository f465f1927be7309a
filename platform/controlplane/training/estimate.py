"""How long a training takes and how much memory it needs, before it runs: from earlier jobs of the same recipe, else a guess."""

from dataclasses import dataclass
from typing import Any

from controlplane.jobs.models import Job, Worker
from workers.contract.names import MiB
from workers.contract.recipe import Spec
from workers.contract.states import JobState

LIBRARIES = 700 * MiB  # of a training process before it holds a model
COPIES = 4  # of the weights while training: weights, gradients and the optimiser's two moments
TIGHT = 0.8  # of a device's memory; beyond it a little more data may be too much
JOBS = 5  # earlier ones that are looked at


@dataclass(frozen=True)
class Past:
    """rates: seconds for one row read once, of each earlier job · peaks: base model as requests name it → most memory one of them took."""

    rates: list[float]
    peaks: dict[str, int]


def past(workspace: Any, spec: type[Spec]) -> Past:
    """What earlier jobs of the workspace with this recipe say."""
    rates: list[float] = []
    peaks: dict[str, int] = {}
    earlier = Job.objects.filter(workspace=workspace, recipe=spec.recipe, state=JobState.SUCCEEDED).order_by("-number")
    for job in earlier.prefetch_related("attempts")[:JOBS]:
        if job.started_at and job.finished_at:
            done = sum((job.work.get("dataset") or {}).get("rows", {}).values()) or 1
            rates.append((job.finished_at - job.started_at).total_seconds() / done / epochs(job.work.get("params") or {}))
        base = str(job.request.get("base_model") or "")
        peaks[base] = max([peaks.get(base, 0), *(attempt.peak_bytes or 0 for attempt in job.attempts.all())])
    return Past(rates, peaks)


def epochs(params: dict[str, Any]) -> float:
    return float(params.get("epochs") or 1)


def seconds(spec: type[Spec], params: dict[str, Any], rows: int, before: Past) -> list[float]:
    """[low, high]."""
    work = rows * epochs(params)
    if before.rates:
        return [round(0.8 * min(before.rates) * work, 1), round(1.3 * max(before.rates) * work + 1, 1)]
    if spec.method() == "majority":
        return [1, 5]
    return [round(10 + 0.0012 * work), round(30 + 0.012 * work)]


def memory(spec: type[Spec], base: str, base_bytes: int, before: Past) -> int:
    """Bytes at the most."""
    return before.peaks.get(base) or LIBRARIES + COPIES * base_bytes


def capacity(device: str) -> int:
    """Memory of the largest device of this kind on any host; 0 when there is none."""
    sizes = [
        worker.memory_bytes if device == "cpu" else int(each.get("memory_bytes") or 0)
        for worker in Worker.objects.all()
        for each in worker.devices
        if each.get("kind") == device
    ]
    return max(sizes, default=0)


def verdict(need: int, room: int) -> str:
    """fits | tight | big; empty when no device is known."""
    if not room:
        return ""
    return "fits" if need <= TIGHT * room else "tight" if need <= room else "big"
