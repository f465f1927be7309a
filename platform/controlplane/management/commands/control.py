"""The loops of the control plane: schedule, resend, reap, scale, settle, tidy. One process; several do no harm."""

import logging
import signal
import threading
import time
import urllib.request
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand
from django.db import close_old_connections

from controlplane import artifacts, outcomes
from controlplane.data import services as data
from controlplane.jobs import leases, scheduler, store
from controlplane.jobs.models import EventChunk, Job
from controlplane.notifications import services as notifications
from controlplane.serving import services as serving
from controlplane.serving import usage
from controlplane.workspaces import idempotency
from workers.contract.home import door_url
from workers.contract.names import LEASE_SECONDS
from workers.contract.states import FINAL

log = logging.getLogger(__name__)
FOLD_ABOVE = 8  # chunks of an ended job
JUMP_SECONDS = 2.0


class Sight:
    """Since when, on the monotonic clock, both the database and the door have been seen without a break and the clock was not set.

    Leases run out only while workers could renew them; so the reaper waits a lease after either was away, and after the time of day
    has jumped, for what was written down before that does not fit it.
    """

    def __init__(self) -> None:
        self.since: float | None = None
        self.ahead = time.time() - time.monotonic()  # of the time of day against the clock that is never set

    def look(self) -> bool:
        """Whether all was well for a whole lease."""
        ahead, before = time.time() - time.monotonic(), self.ahead
        self.ahead = ahead
        if abs(ahead - before) > JUMP_SECONDS:
            log.warning("the clock was set by %+.0f s; leases are judged again in %.0f s", ahead - before, LEASE_SECONDS)
            self.since = None
        try:
            with urllib.request.urlopen(door_url() + "/health", timeout=2):  # noqa: S310 - our own address
                pass
        except OSError:
            self.since = None
            return False
        self.since = self.since or time.monotonic()
        return time.monotonic() - self.since >= LEASE_SECONDS

    def lost(self) -> None:
        self.since = None


def reap(sight: Sight) -> int:
    """Give up attempts whose lease ran out."""
    if not sight.look():
        return 0
    late = leases.overdue()
    for attempt in late:
        log.warning("attempt %s of job %s is lost: its lease ran out", attempt.number, attempt.job_id)
        outcomes.attempt_lost(attempt)
    return len(late)


def fold() -> int:
    """Merge the small chunks of ended jobs, a few jobs at a time."""
    ended = Job.objects.filter(state__in=FINAL, folded=False).order_by("finished_at").only("pk", "log_lines")[:5]
    for job in ended:
        if EventChunk.objects.filter(job=job).count() > FOLD_ABOVE:
            store.fold(job.pk)
        Job.objects.filter(pk=job.pk).update(folded=True)
    return len(ended)


class Loop:
    """One verb, called again and again. A failure is logged and waited out, never fatal."""

    def __init__(self, name: str, verb: Callable[[], Any], every: float, sight: Sight) -> None:
        self.name, self.verb, self.every, self.sight = name, verb, every, sight
        self.due = 0.0

    def tick(self, at: float) -> None:
        if at < self.due:
            return
        self.due = at + self.every
        try:
            self.verb()
        except Exception:
            self.sight.lost()
            self.due = at + max(self.every, 2.0)
            log.exception("%s failed; it is tried again", self.name)
        finally:
            close_old_connections()


class Command(BaseCommand):
    help = "Run the control loops until stopped."
    requires_system_checks = []  # they would import every page and the operators' view, a third of this process

    def handle(self, *args: Any, **options: Any) -> None:
        sight, stop = Sight(), threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        loops = [
            Loop("schedule", scheduler.schedule, 1.0, sight),
            Loop("scale", serving.tick, 1.0, sight),
            Loop("settle", outcomes.settle_all, 1.0, sight),
            Loop("resend", leases.resend, 2.0, sight),
            Loop("reap", lambda: reap(sight), 2.0, sight),
            Loop("fold", fold, 5.0, sight),
            Loop("expire uploads", data.expire_uploads, 60.0, sight),
            Loop("forget old calls", idempotency.forget_old_calls, 600.0, sight),
            Loop("forget old news", notifications.forget_old, 3600.0, sight),
            Loop("forget old minutes", usage.forget_old_minutes, 3600.0, sight),
            Loop("sweep", lambda: artifacts.sweep(older_than=time.time() - 86400), 3600.0, sight),
        ]
        while not stop.is_set():
            at = time.monotonic()
            for loop in loops:
                loop.tick(at)
            stop.wait(0.5)
