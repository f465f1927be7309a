"""What the replicas of an endpoint use of their hosts: a row a minute of each, averaged to the points of a chart."""

from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

from django.db.models.functions import Mod
from django.utils import timezone

from controlplane.jobs.models import Allocation, Job
from controlplane.jobs.schemas import when
from controlplane.jobs.workers import device_load
from controlplane.serving.models import Endpoint, Replica, ReplicaMinute

KEPT_MINUTES = 31 * 24 * 60
LOOKS = 12  # minutes that are read for each point of a long range
FIELDS = ("cpu", "memory", "memory_limit", "gpu", "gpu_memory", "gpu_memory_whole")


def measured(*, job: Job, allocation: Allocation, cpu: float | None, memory: int | None) -> None:
    """Keep the first heartbeat of each minute. cpu: processors busy over the past minute · memory: resident bytes."""
    minute = int(timezone.now().timestamp()) // 60
    replica = Replica.objects.filter(job=job).values_list("id", "revision__endpoint_id").first()
    if replica is None or cpu is None:
        return
    which = {"endpoint_id": replica[1], "replica": replica[0], "minute": minute}
    if ReplicaMinute.objects.filter(**which).exists():
        return
    gpu = device_load(allocation.worker, allocation.device)
    limit = job.resources.get("memory_bytes")
    own = {"cpu": cpu, "memory": memory, "memory_limit": limit}
    on = {"gpu": gpu.get("use"), "gpu_memory": gpu.get("memory_used"), "gpu_memory_whole": gpu.get("memory_bytes")}
    ReplicaMinute.objects.get_or_create(**which, defaults=own | on)
    if minute % 60 == 0:
        ReplicaMinute.objects.filter(endpoint_id=replica[1], minute__lt=minute - KEPT_MINUTES).delete()


def over_time(*, endpoint: Endpoint, start: datetime, end: datetime, step: int) -> list[dict[str, Any]]:
    """One point for each step in which replicas were measured: the mean of one replica. Of a long step some minutes are looked at."""
    low, high = int(start.timestamp()) // 60, int(end.timestamp()) // 60 + 1
    stride = max(1, step // 60 // LOOKS)
    rows = ReplicaMinute.objects.filter(endpoint=endpoint, minute__gte=low, minute__lt=high)
    if stride > 1:
        rows = rows.annotate(looked=Mod("minute", stride)).filter(looked=0)
    points: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
    for minute, *figures in rows.values_list("minute", "replica", *FIELDS).iterator():
        points[minute * 60 // step * step].append(tuple(figures))
    return [_point(at, points[at]) for at in sorted(points)]


def _point(at: int, rows: list[tuple[Any, ...]]) -> dict[str, Any]:
    cpu, memory, limit, gpu, gpu_memory, whole = (_mean([row[place] for row in rows]) for place in range(1, 7))
    return {
        "time": when(datetime.fromtimestamp(at, UTC)),
        "replicas": len({row[0] for row in rows}),
        "cpu_percent": _rounded(cpu, 100),
        "memory_bytes": _whole(memory),
        "memory_limit_bytes": _whole(limit),
        "gpu_percent": _rounded(gpu, 100),
        "gpu_memory_bytes": _whole(gpu_memory),
        "gpu_memory_total_bytes": _whole(whole),
    }


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _rounded(value: float | None, unit: float) -> float | None:
    return None if value is None else round(value * unit, 2)


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)
