"""A worker that no longer hears its queue ends itself, and is started again.

Every ten seconds a thread sends a message to this worker's own queue. If sending works and yet nothing comes back three times in
a row, the consumer hangs on a connection that died without a word. While the broker is away nothing is concluded.
"""

import logging
import os
import threading
import time

from celery import Celery

log = logging.getLogger(__name__)
PERIOD_SECONDS = 10.0
MISSES = 3
_last_heard = time.monotonic()


def heard() -> None:
    """Called by the task that receives the canary."""
    global _last_heard
    _last_heard = time.monotonic()


def start(app: Celery) -> None:
    heard()
    threading.Thread(target=_watch, args=(app,), name="canary", daemon=True).start()


def _watch(app: Celery) -> None:
    sent = 0
    while True:
        time.sleep(PERIOD_SECONDS)
        if time.monotonic() - _last_heard < PERIOD_SECONDS * 1.5:
            sent = 0
        if sent >= MISSES:
            log.error("this worker's queue has been silent for %d s although the broker answers; ending", time.monotonic() - _last_heard)
            os._exit(1)
        try:
            app.send_task("workers.canary", retry=False, expires=PERIOD_SECONDS * MISSES)  # type: ignore[no-untyped-call]
            sent += 1
        except Exception as error:
            sent = 0
            log.warning("the broker is away: %s", error)
