"""The cache of sign-in limits: in Redis, where every web process sees it, and in this process while Redis is away."""

import time
from collections.abc import Callable
from typing import Any

from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

AWAY_SECONDS = 3.0


class PatientCache(RedisCache):
    """A cache whose loss must not close the door: what Redis cannot answer is answered from memory."""

    _away_until = 0.0

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        options = {"socket_timeout": 1, "socket_connect_timeout": 1, **params.get("OPTIONS", {})}
        super().__init__(server, {**params, "OPTIONS": options})
        self._spare = LocMemCache("spare", params)

    def _either(self, name: str, *args: Any, **kwargs: Any) -> Any:
        main: Callable[..., Any] = getattr(super(), name)
        if time.monotonic() >= PatientCache._away_until:
            try:
                return main(*args, **kwargs)
            except RedisError:
                PatientCache._away_until = time.monotonic() + AWAY_SECONDS  # nobody waits for a timeout at each call
        return getattr(self._spare, name)(*args, **kwargs)

    def add(self, *args: Any, **kwargs: Any) -> Any:
        return self._either("add", *args, **kwargs)

    def get(self, *args: Any, **kwargs: Any) -> Any:
        return self._either("get", *args, **kwargs)

    def set(self, *args: Any, **kwargs: Any) -> Any:
        return self._either("set", *args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> Any:
        return self._either("delete", *args, **kwargs)

    def touch(self, *args: Any, **kwargs: Any) -> Any:
        return self._either("touch", *args, **kwargs)
