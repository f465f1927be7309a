"""The only door to the Celery queues and to Redis: hints, doorbells, watchers. Nothing here is a record; all may be lost.

Every call is bounded in time and never raises for a broker that is away: the database says what is to be done,
and the control loop sends hints again.
"""

import logging
import time
from functools import lru_cache

import redis
from celery import Celery
from kombu.exceptions import KombuError

from workers.contract.home import redis_url
from workers.contract.names import queue_of

log = logging.getLogger(__name__)
SOCKET_OPTIONS = {"socket_timeout": 2, "socket_connect_timeout": 1, "socket_keepalive": True, "health_check_interval": 10}
QUEUE = "control"  # the control plane's own background work
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
        broker_transport_options={"socket_timeout": 2, "socket_connect_timeout": 1},
        broker_connection_retry=False,
        task_publish_retry=False,
    )
    return app


def celery_url() -> str:
    """Kombu's spelling of a unix socket differs from redis-py's."""
    return redis_url().replace("unix://", "redis+socket://", 1)


def _try(what: str, call: "object") -> object:
    global _away_until
    if time.monotonic() < _away_until:
        return None
    try:
        return call()  # type: ignore[operator]
    except (redis.RedisError, OSError, KombuError) as error:
        _away_until = time.monotonic() + 1.0
        log.warning("%s: the broker is away (%s)", what, error)
        return None


def hint(worker: str, allocation: int) -> None:
    """Tell a worker host that an allocation is its. Lost hints are sent again by the control loop."""
    _try("hint", lambda: celery().send_task("workers.wake", args=[allocation], queue=queue_of(worker), retry=False))


def task(name: str, *args: str) -> bool:
    """Queue a task of the control plane's own; False when the broker did not take it."""
    return _try(name, lambda: celery().send_task(name, args=list(args), queue=QUEUE, retry=False)) is not None


def backlog() -> int:
    """How many of our own tasks nobody has taken yet; 0 while the broker is away."""
    return int(str(_try("backlog", lambda: client().llen(QUEUE)) or 0))


def watched(job: int) -> bool:
    """Whether somebody looks at this job right now; then its worker reports ten times a second."""
    return bool(_try("watched", lambda: client().exists(f"watch:job.{job}")))


def available() -> bool:
    """One round trip to Redis, for /ready."""
    try:
        return bool(client().ping())
    except (redis.RedisError, OSError):
        return False
