"""The only door to the Celery queues and to Redis: hints, doorbells, watchers. Nothing here is a record; all may be lost.

Every call is bounded in time and never raises for a broker that is away: the database says what is to be done,
and the control loop sends hints again.
"""

import logging
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import redis
from celery import Celery
from kombu.exceptions import KombuError

from workers.contract.home import redis_url
from workers.contract.names import queue_of

log = logging.getLogger(__name__)
SOCKET_OPTIONS = {"socket_timeout": 1, "socket_connect_timeout": 1, "socket_keepalive": True, "health_check_interval": 10}
QUEUE = "control"  # the control plane's own background work
AWAY_SECONDS = 3.0
_away_until = 0.0  # while the broker is known to be away, calls return at once instead of waiting for a timeout each


@lru_cache
def client() -> "redis.Redis":
    """One pooled client for each process."""
    options = {k: v for k, v in SOCKET_OPTIONS.items() if k != "socket_keepalive" or not redis_url().startswith("unix")}
    return redis.Redis.from_url(redis_url(), **options)


@lru_cache
def celery() -> Celery:
    app = Celery("controlplane", broker=celery_url())
    app.conf.update(
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        broker_transport_options={"socket_timeout": 1, "socket_connect_timeout": 1},
        broker_connection_retry=False,
        task_publish_retry=False,
    )
    return app


def celery_url() -> str:
    """Kombu's spelling of a unix socket differs from redis-py's."""
    return redis_url().replace("unix://", "redis+socket://", 1)


def ask(what: str, call: Callable[[], Any], otherwise: Any = None) -> Any:
    """`call()`, which speaks to Redis; `otherwise` while Redis is away, full or silent. Never raises for it, and seldom waits."""
    global _away_until
    if time.monotonic() < _away_until:
        return otherwise
    try:
        return call()
    except (redis.RedisError, OSError, KombuError) as error:
        _away_until = time.monotonic() + AWAY_SECONDS
        log.warning("%s: the broker is away (%s)", what, error)
        return otherwise


def _send(name: str, queue: str, *args: Any) -> bool:
    """Whether the broker took the message. Asked first whether it is there: kombu waits for three timeouts to find out."""
    client().ping()
    celery().send_task(name, args=list(args), queue=queue, retry=False)
    return True


def hint(worker: str, allocation: int) -> None:
    """Tell a worker host that an allocation is its. Lost hints are sent again by the control loop."""
    ask("hint", lambda: _send("workers.wake", queue_of(worker), allocation))


def task(name: str, *args: str) -> bool:
    """Queue a task of the control plane's own; False when the broker did not take it."""
    return bool(ask(name, lambda: _send(name, QUEUE, *args)))


def backlog() -> int:
    """How many of our own tasks nobody has taken yet; 0 while the broker is away."""
    return int(ask("backlog", lambda: client().llen(QUEUE), 0))


def watched(job: int) -> bool:
    """Whether somebody looks at this job right now; then its worker reports ten times a second."""
    return bool(ask("watched", lambda: client().exists(f"watch:job.{job}")))
