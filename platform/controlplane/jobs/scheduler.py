"""Who gets which place: priority, fair share, fit. One pass runs right where a job is created; the control loop is the backstop.

Slots: train and optimize take a device whole; prepare, import, evaluate and predict have light slots; serve reserves memory only.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from django.db import connection, transaction

from controlplane import dispatch
from controlplane.jobs.models import Allocation, Attempt, Job, Worker
from controlplane.jobs.transitions import move, newest, now, set_reason
from workers.contract.names import HEARTBEAT_SECONDS, GiB
from workers.contract.states import JobState

WHOLE = frozenset({"train", "optimize"})
LIGHT = frozenset({"prepare", "import", "evaluate", "predict"})
LIGHT_SLOTS = 2
SERVE_DEFAULT_BYTES = GiB
ONLINE = timedelta(seconds=5 * HEARTBEAT_SECONDS)
PASS = 200  # jobs looked at in one pass
LOCK = 0x51EE


@contextmanager
def exclusive() -> Iterator[None]:
    """One scheduling pass at a time: SQLite's immediate transaction is the lock, PostgreSQL takes an advisory one."""
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        yield


@dataclass
class Host:
    """A worker's free room during one pass."""

    worker: Worker
    whole: set[str] = field(default_factory=set)
    light: int = 0
    memory: int = 0

    def devices(self, kind: str) -> list[str]:
        return [d["id"] for d in self.worker.devices if d["kind"] == kind]

    def place(self, job: Job, kind: str = "") -> tuple[str, str, int] | None:
        """(device, slot, memory) for this job here, or None. kind: of device, instead of the one it asks for."""
        kind = kind or job.resources.get("device", "cpu")
        need = job.resources.get("memory_bytes") or (SERVE_DEFAULT_BYTES if job.kind == "serve" else 0)
        if self.memory + need > self.worker.memory_bytes:
            return None
        if job.kind in WHOLE:
            free = next((d for d in self.devices(kind) if d not in self.whole), None)
            return (free, "whole", need) if free else None
        if job.kind == "serve":
            devices = self.devices(kind)
            return (devices[0], "memory", need) if devices else None
        return ("cpu", "light", need) if self.light < LIGHT_SLOTS else None

    def take(self, device: str, slot: str, memory: int) -> None:
        self.memory += memory
        if slot == "whole":
            self.whole.add(device)
        elif slot == "light":
            self.light += 1


def hosts(*, draining: bool = False) -> list[Host]:
    """Online, not draining (or only those that are), emptiest first."""
    rows = {w.pk: Host(w) for w in Worker.objects.filter(seen_at__range=(now() - ONLINE, now() + ONLINE), draining=draining)}
    for a in Allocation.objects.filter(released_at=None, worker_id__in=rows):
        rows[a.worker_id].take(a.device, a.slot, a.memory_bytes)
    return sorted(rows.values(), key=lambda h: (len(h.whole), h.light, h.memory))


def schedule() -> int:
    """Grant what fits; returns how many. Jobs that stay say why in `reason`."""
    if not Job.objects.filter(state=JobState.QUEUED).exists():
        return 0
    granted = 0
    with exclusive():
        places = hosts()
        for job in queue():
            if grant(job, places):
                granted += 1
            else:
                explain(job, places)
    return granted


def queue() -> list[Job]:
    """Queued jobs in the order they are served: priority, then workspaces with less running, then their turn."""
    busy = Counter(
        Job.objects.filter(state__in=[JobState.STARTING, JobState.RUNNING, JobState.CANCELLING]).values_list("workspace_id", flat=True)
    )
    waiting = list(Job.objects.filter(state=JobState.QUEUED).order_by("-priority", "turn")[:PASS])
    seen: Counter[int] = Counter()
    ranked = []
    for job in waiting:  # the n-th job of a workspace waits behind the (n-1)-th of every other
        ranked.append((-job.priority, busy[job.workspace_id] + seen[job.workspace_id], job.turn, job.pk, job))
        seen[job.workspace_id] += 1
    return [row[-1] for row in sorted(ranked)]


def grant(job: Job, places: list[Host]) -> bool:
    """Write down the first fitting place and hint its worker once the transaction is through."""
    for host in places:
        place = host.place(job)
        if place is None:
            continue
        device, slot, memory = place
        at = now()
        move(job, JobState.STARTING)
        attempt = Attempt.objects.create(job=job, number=newest(job) + 1, granted_at=at)
        allocation = Allocation.objects.create(
            attempt=attempt, worker=host.worker, device=device, slot=slot, memory_bytes=memory, granted_at=at, hinted_at=at
        )
        host.take(device, slot, memory)
        transaction.on_commit(partial(dispatch.hint, host.worker.name, allocation.pk))
        return True
    return False


def explain(job: Job, places: list[Host]) -> None:
    """Why this job waits."""
    wanted = job.resources.get("device", "cpu")
    if not places:
        set_reason(job, "no_worker", "No worker host is online.")
    elif job.kind in WHOLE and not any(h.devices(wanted) for h in places):
        set_reason(job, "no_device", f"No online worker has a {wanted} device.")
    elif job.kind in WHOLE and all(set(h.devices(wanted)) <= h.whole for h in places):
        set_reason(job, "waiting_for_device", "Every device is in use; it starts when one is free.")
    elif job.kind in LIGHT:
        set_reason(job, "waiting_for_slot", "Every slot is in use; it starts when one is free.")
    else:
        set_reason(job, "waiting_for_memory", "No worker has enough free memory; it starts when some is free.")


def position(job: Job) -> dict[str, object]:
    """Place in the queue (1 = next) with its reason; position None once it has left the queue."""
    if job.state != JobState.QUEUED:
        return {"position": None, "wait_seconds": 0, "reason": job.reason}
    order = [other.pk for other in queue()]
    place = order.index(job.pk) + 1 if job.pk in order else PASS + 1
    return {"position": place, "wait_seconds": None, "reason": job.reason}
