"""Tells the web processes that a job has news. Says only how far it is; readers take the rest from the store."""

import asyncio
import logging
import threading
import time
from typing import Any

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import transaction

from controlplane import dispatch

log = logging.getLogger(__name__)
MERGE_SECONDS = 0.15
_last: dict[int, float] = {}
_lock = threading.Lock()


def ring(job: int, cursor: int, *, always: bool = False) -> None:
    """Ring once the transaction is through; at most a few times a second for one job, unless `always`.

    A ring that is left out or lost costs at most the reader's own look every two seconds.
    """
    now = time.monotonic()
    with _lock:
        if not always and now - _last.get(job, 0.0) < MERGE_SECONDS:
            return
        _last[job] = now
        if len(_last) > 10_000:
            _last.clear()
    transaction.on_commit(lambda: _send({"type": "job.news", "job": job, "cursor": cursor}))


def _send(message: dict[str, Any]) -> None:
    layer = get_channel_layer()
    if layer is None:
        return

    async def send() -> None:
        async with asyncio.timeout(1):
            await layer.group_send(f"job.{message['job']}", message)

    try:
        dispatch.ask("doorbell", async_to_sync(send))
    except Exception as error:  # the doorbell may break in any way Redis can; the store has the news all the same
        log.warning("doorbell: %s", error)
