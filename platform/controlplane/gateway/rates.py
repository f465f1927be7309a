"""Rate limits: a window of a minute for each token and endpoint, counted in Redis, taken from it in shares.

A window begins with its first request. A process leases a two-hundredth of the limit at a time and spends it locally, so most
requests ask nobody; what processes hold unspent at the end of a window bounds the error (half a percent for each process).
While Redis is away each process counts for itself.
"""

import asyncio
import logging
import time
from dataclasses import dataclass, field

import redis.asyncio as redis
from redis.exceptions import RedisError

from controlplane.errors import Problem
from controlplane.gateway.wire import Headers
from controlplane.limits import limit

log = logging.getLogger(__name__)
WINDOW = 60.0
DEFAULT_PER_MINUTE = limit("predict_requests_per_minute")
AWAY_SECONDS = 2.0
_LEASE = """
local used = tonumber(redis.call('GET', KEYS[1]) or '0')
local limit, want = tonumber(ARGV[1]), tonumber(ARGV[2])
local grant = math.max(0, math.min(want, limit - used))
if grant > 0 then
  redis.call('INCRBY', KEYS[1], grant)
  if used == 0 then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
end
return {grant, limit - used - grant, redis.call('PTTL', KEYS[1])}
"""


@dataclass(slots=True)
class Share:
    """This process's part of one window. left: requests it may still pass · rest: what Redis had left to lease · ends: monotonic."""

    limit: int
    left: int = 0
    rest: int = 0
    ends: float = 0.0
    waiting: int = 0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Rates:
    """Counts requests by key. client: redis.asyncio, or None to count in this process alone."""

    def __init__(self, client: "redis.Redis | None") -> None:
        self._client = client
        self._script = client.register_script(_LEASE) if client is not None else None
        self._shares: dict[str, Share] = {}
        self._away_until = 0.0

    async def spend(self, key: str, limit: int) -> Headers:
        """Count one request; the headers that tell how many are left. Raises Problem 429."""
        share = self._shares.get(key)
        if share is None or share.limit != limit:
            share = self._shares[key] = Share(limit)
            self._tidy()
        if time.monotonic() >= share.ends or (share.left <= 0 and share.rest > 0):
            share.waiting += 1
            try:
                async with share.lock:
                    if time.monotonic() >= share.ends or (share.left <= 0 and share.rest > 0):
                        await self._lease(key, share)
            finally:
                share.waiting -= 1
        seconds = max(1, round(share.ends - time.monotonic() + 0.5))
        if share.left <= 0:
            raise _over(limit, seconds)
        share.left -= 1
        return _headers(limit, share.left + share.rest, seconds)

    async def _lease(self, key: str, share: Share) -> None:
        want = min(share.limit, max(1, share.limit // 200, share.waiting))
        granted = await self._ask(key, share.limit, want)
        now = time.monotonic()
        if granted is None:  # Redis is away: this process has the whole window
            fresh = now >= share.ends
            share.left, share.rest = (share.limit if fresh else share.left + share.rest), 0
            share.ends = now + WINDOW if fresh else share.ends
            return
        grant, rest, milliseconds = granted
        left = share.left if now < share.ends else 0
        share.left, share.rest = left + grant, rest
        share.ends = now + (milliseconds / 1000 if milliseconds > 0 else 1.0)

    async def _ask(self, key: str, limit: int, want: int) -> tuple[int, int, int] | None:
        if self._script is None or time.monotonic() < self._away_until:
            return None
        try:
            async with asyncio.timeout(0.5):
                grant, rest, milliseconds = await self._script(keys=[f"slipway:rate:{key}"], args=[limit, want, int(WINDOW * 1000)])
            return int(grant), int(rest), int(milliseconds)
        except (RedisError, OSError, TimeoutError) as error:
            self._away_until = time.monotonic() + AWAY_SECONDS
            log.warning("rate limits are counted in this process alone: Redis is away (%s)", type(error).__name__)
            return None

    def _tidy(self) -> None:
        if len(self._shares) > 10_000:
            now = time.monotonic()
            self._shares = {key: share for key, share in self._shares.items() if share.ends > now or share.waiting}


def _headers(limit: int, remaining: int, seconds: int) -> Headers:
    return [
        (b"x-ratelimit-limit", b"%d" % limit),
        (b"x-ratelimit-remaining", b"%d" % max(0, remaining)),
        (b"x-ratelimit-reset", b"%d" % seconds),
    ]


def _over(limit: int, seconds: int) -> Problem:
    headers = {name.decode(): value.decode() for name, value in _headers(limit, 0, seconds)}
    detail = f"This token has made {limit} requests to this endpoint in the last minute, which is the limit."
    return Problem(429, "rate_limited", detail, f"Try again in {seconds} s.", headers={"Retry-After": str(seconds), **headers})
