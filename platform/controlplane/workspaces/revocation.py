"""Tells every process at once that somebody lost access. Only a hint: caches also expire by themselves, sockets also look by themselves."""

import json
import logging
from collections.abc import Sequence
from functools import cache

import redis

from workers.contract.home import redis_url

CHANNEL = "slipway.revoked"
log = logging.getLogger(__name__)


@cache
def client() -> redis.Redis:
    return redis.Redis.from_url(redis_url(), socket_timeout=1, socket_connect_timeout=1)


def announce(*, tokens: Sequence[str] = (), user: int | None = None, workspace: int | None = None) -> None:
    """Publishes `{"tokens": [sha256, …], "user": id, "workspace": id}` (what is known of it) on the Redis channel `slipway.revoked`.

    tokens: these keys are dead · user: forget what is remembered of this person · workspace: in this workspace (absent: in all).
    """
    what = {"tokens": list(tokens), "user": user, "workspace": workspace}
    try:
        client().publish(CHANNEL, json.dumps({key: value for key, value in what.items() if value}))
    except redis.RedisError as error:
        log.warning("revocation was not announced, caches end it within their time: %s", error)
