"""How many replicas an endpoint wants, by how many requests are on the way at once: up at once, down after a quiet minute.

Each gateway process says once a second in Redis how busy each endpoint is; what is silent for a few seconds no longer counts. While
Redis is away nothing changes.
"""

import logging
import math
import time

import orjson
from django.db.models import F
from redis.exceptions import RedisError

from controlplane import dispatch
from controlplane.serving.models import Endpoint

log = logging.getLogger(__name__)
BUSY = "gateway.busy"  # hash: process -> {"time", "busy": {endpoint: requests on the way}}
HEARD_SECONDS = 5.0
PER_REPLICA = 8  # requests on the way that one replica answers without much waiting
QUIET_SECONDS = 60.0


class Scaler:
    """Remembers since when an endpoint would do with fewer replicas."""

    def __init__(self) -> None:
        self._quiet_since: dict[int, float] = {}

    def scale(self) -> set[int]:
        """Adjust every endpoint that may scale; those whose wish has changed."""
        rows = list(Endpoint.objects.filter(desired="ready", replicas_max__gt=F("replicas_min")))
        if not rows:
            return set()
        busy = read_busy()
        if busy is None:
            return set()
        return {row.pk for row in rows if self._adjust(row, busy.get(row.pk, 0))}

    def _adjust(self, endpoint: Endpoint, busy: int) -> bool:
        """Write down what it wants now; whether that is something else than before."""
        now = min(endpoint.replicas_max, max(endpoint.replicas_min, endpoint.replicas_wanted))
        need = min(endpoint.replicas_max, max(endpoint.replicas_min, math.ceil(busy / PER_REPLICA)))
        if need >= now:
            self._quiet_since.pop(endpoint.pk, None)
        elif time.monotonic() - self._quiet_since.setdefault(endpoint.pk, time.monotonic()) < QUIET_SECONDS:
            return False
        if need == now:
            return False
        self._quiet_since.pop(endpoint.pk, None)
        log.info("endpoint %s: %d requests on the way, %d replicas instead of %d", endpoint.name, busy, need, now)
        return bool(Endpoint.objects.filter(pk=endpoint.pk).update(replicas_wanted=need))


def read_busy() -> dict[int, int] | None:
    """{endpoint: requests on the way, in all processes}; None while Redis is away."""
    total: dict[int, int] = {}
    try:
        told: dict[bytes, bytes] = dispatch.client().hgetall(BUSY)  # type: ignore[assignment]
        for process, word in told.items():
            said = orjson.loads(word)
            if time.time() - said["time"] > QUIET_SECONDS:
                dispatch.client().hdel(BUSY, process.decode())  # a process that is gone
            elif time.time() - said["time"] < HEARD_SECONDS:
                for endpoint, busy in said["busy"].items():
                    total[int(endpoint)] = total.get(int(endpoint), 0) + int(busy)
    except (RedisError, OSError):
        return None
    return total
