"""Worker hosts: they join, say every few seconds that they live, and are told what to end."""

import math
from datetime import datetime
from typing import Any

from django.db import transaction

from controlplane.audit.services import record
from controlplane.errors import Problem
from controlplane.jobs.models import Allocation, Worker, WorkerSample
from controlplane.jobs.scheduler import ONLINE, schedule
from controlplane.jobs.transitions import newest, now
from workers.contract.names import HEARTBEAT_SECONDS

KEPT_MINUTES = 7 * 24 * 60


def join(*, name: str, token_hash: str, contract: int, devices: list[dict[str, Any]], cpus: int, memory_bytes: int, address: str) -> Worker:
    """A host's row, new or renewed; its older token ends."""
    fields = {
        "token_hash": token_hash,
        "contract": contract,
        "devices": devices,
        "cpus": cpus,
        "memory_bytes": memory_bytes,
        "host": address,
        "seen_at": now(),
    }
    worker, created = Worker.objects.update_or_create(name=name, defaults=fields)
    if created:
        record(action="worker.join", target=worker, data={"devices": [d.get("id") for d in devices]})
    schedule()
    return worker


def heartbeat(*, worker: Worker, load: dict[str, Any], running: list[int]) -> dict[str, Any]:
    """{drain, kill, heartbeat}. kill: allocations running there that are not theirs to run any more."""
    at = now()
    was_away = (at - worker.seen_at).total_seconds() > 5 * HEARTBEAT_SECONDS
    if minute_of(at) != minute_of(worker.seen_at):
        sample(worker, minute_of(at), load)
    Worker.objects.filter(pk=worker.pk).update(seen_at=now(), load=load)
    if was_away:
        schedule()
    return {"drain": worker.draining, "kill": stale(worker, running), "heartbeat": HEARTBEAT_SECONDS}


@transaction.atomic
def remove(*, worker: Worker) -> None:
    """Forget a host that is gone: its row, its load, and which jobs ran there. Raises Problem 409 while it is online or has something."""
    worker = Worker.objects.select_for_update().get(pk=worker.pk)
    if worker.seen_at >= now() - ONLINE:
        raise Problem(409, "worker_online", f"Worker {worker.name} is online.", hint="Stop its processes first, else it joins again.")
    placed = worker.allocations.filter(released_at=None).count()
    if placed:
        hint = "They are given to another worker once their time has run out; stop them if none is there."
        raise Problem(409, "worker_in_use", f"{placed} jobs or replicas are placed on {worker.name}.", hint=hint)
    record(action="worker.remove", target=worker, data={"devices": [device.get("id") for device in worker.devices]})
    worker.allocations.all().delete()
    worker.delete()


def minute_of(at: datetime) -> int:
    return int(at.timestamp()) // 60


def sample(worker: Worker, minute: int, load: dict[str, Any]) -> None:
    """Keep this minute's figures, and let go of those older than a week."""
    available, use = finite(load.get("memory_available")), finite(load.get("use"))
    known = [device for device in worker.devices if isinstance(load.get("devices"), dict) and device["id"] in load["devices"]]
    devices = {device["id"]: {key: finite(load["devices"][device["id"]].get(key)) for key in ("use", "memory_used")} for device in known}
    used = max(0, worker.memory_bytes - int(available)) if available is not None else None
    fields = {"use": use, "memory_used": used, "devices": devices}
    WorkerSample.objects.get_or_create(worker=worker, minute=minute, defaults=fields)
    if minute % 60 == 0:
        WorkerSample.objects.filter(worker=worker, minute__lt=minute - KEPT_MINUTES).delete()


def device_load(worker: Worker, device: str) -> dict[str, Any]:
    """{use, memory_used, memory_bytes} of a graphics device as its host last said; empty for processors and unknown devices."""
    known = next((one for one in worker.devices if one["id"] == device and one["kind"] != "cpu"), None)
    if known is None:
        return {}
    told = worker.load.get("devices")
    figures = told.get(device) if isinstance(told, dict) else None
    figures = figures if isinstance(figures, dict) else {}
    return {key: finite(figures.get(key)) for key in ("use", "memory_used")} | {"memory_bytes": known.get("memory_bytes")}


def finite(value: Any) -> float | None:
    """A host may say anything; only figures are kept."""
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def stale(worker: Worker, running: list[int]) -> list[int]:
    """Which of these allocations have been overtaken by a newer attempt, or were never this host's."""
    known = {a.pk: a for a in Allocation.objects.filter(pk__in=running, worker=worker).select_related("attempt__job")}
    return [pk for pk in running if pk not in known or newest(known[pk].attempt.job) != known[pk].attempt.number]


def set_draining(*, worker: Worker, draining: bool) -> None:
    """A draining host gets nothing new and finishes what it has."""
    Worker.objects.filter(pk=worker.pk).update(draining=draining)
    record(action="worker.drain" if draining else "worker.resume", target=worker)
    schedule()
