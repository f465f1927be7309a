"""What one process of the gateway keeps: who may call, where endpoints are, what was used; and the two loops that keep it true."""

import asyncio
import contextlib
import logging
import secrets
import time

import orjson
import redis.asyncio as redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from controlplane.errors import Problem
from controlplane.gateway.access import Access, bearer, digest, token_in_url, unusable
from controlplane.gateway.book import Book
from controlplane.gateway.cache import Cache, SourceAway
from controlplane.gateway.meter import Meter
from controlplane.gateway.rates import DEFAULT_PER_MINUTE, Rates
from controlplane.gateway.replicas import Balance, Replicas
from controlplane.gateway.wire import Headers, Request
from controlplane.serving.routes import CHANNEL, EndpointRoute
from controlplane.serving.scaling import BUSY
from controlplane.workspaces import revocation

log = logging.getLogger(__name__)
FRESH_SECONDS = 5.0
NOT_READY_SECONDS = 0.5  # an endpoint that cannot answer is looked at more often
FLUSH_SECONDS = 1.0
SILENT_SECONDS = 2.0  # then the line to Redis is asked whether it still lives


class State:
    """Everything a request needs. client: Redis for rate limits and pushed changes, None to go without."""

    def __init__(self, book: Book, client: "redis.Redis | None") -> None:
        self.book, self.client = book, client
        self.meter = Meter()
        self.rates = Rates(client)
        self.replicas = Replicas()
        self.balance = Balance()
        self.access: Cache[str, Access] = Cache(book.access, fresh=lambda _: FRESH_SECONDS)
        self.routes: Cache[tuple[str, str], EndpointRoute | None] = Cache(self._route, fresh=_route_fresh)
        self._tasks: list[asyncio.Task[None]] = []
        self.name = secrets.token_hex(8)  # of this process, among those that tell how busy they are
        self.peak: dict[int, int] = {}  # the most requests on the way to an endpoint at once, since it was told last
        self._told_busy = False

    def start(self) -> None:
        """Begin the loops on the running event loop, once."""
        if not self._tasks:
            loop = asyncio.get_running_loop()
            self._tasks = [loop.create_task(self._flushing())]
            if self.client is not None:
                self._tasks.append(loop.create_task(self._listening(self.client)))

    async def close(self) -> None:
        """End the loops and write down what was used."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        await self.flush()
        self.replicas.close()
        if self.client is not None:
            with contextlib.suppress(RedisError, OSError):
                await self.client.aclose()
        self.book.close()

    # Admission

    async def who(self, request: Request) -> Access:
        """Whoever calls. Raises Problem 400 (token in the URL), 401, 403 (scope), 503 (database away and key not known)."""
        in_url, token = token_in_url(request.query)
        if in_url:
            if token:
                with contextlib.suppress(SourceAway):
                    await self.book.exposed(token)
            hint = "Send it as `Authorization: Bearer …`, and replace this one: addresses end up in logs."
            raise Problem(400, "token_in_url", "A secret stands in the address.", hint)
        try:
            access = await self.access.get(digest(bearer(request)))
        except SourceAway as error:
            raise Problem(503, "database_away", "Keys cannot be checked right now.", headers={"Retry-After": "2"}) from error
        if access.refusal or (access.expires and access.expires <= time.time()):
            raise unusable(access.refusal or "expired")
        if "predict" not in access.scopes:
            raise Problem(403, "scope_too_small", "This needs the scope `predict`.", "Make another token.")
        return access

    async def endpoint(self, access: Access, workspace: str, name: str) -> EndpointRoute:
        """The endpoint as `access` may see it. Raises Problem 404, the same for foreign and unknown ones."""
        route = None
        if workspace in access.roles:
            try:
                route = await self.routes.get((workspace, name))
            except SourceAway as error:
                raise Problem(503, "database_away", "The endpoint cannot be looked up right now.", headers={"Retry-After": "2"}) from error
        if route is None:
            hint = "Names are `workspace/endpoint`; GET /v1/models lists yours."
            raise Problem(404, "endpoint_not_found", f"There is no endpoint {workspace}/{name} that you can call.", hint)
        return route

    async def spend(self, access: Access, route: EndpointRoute) -> Headers:
        """Count the request against the limit of this token on this endpoint. Raises Problem 429."""
        limit = int(route.limits.get("requests_per_minute") or DEFAULT_PER_MINUTE)
        return await self.rates.spend(f"{route.id}:{access.token}", limit)

    async def again(self, route: EndpointRoute) -> EndpointRoute:
        """The endpoint asked for anew, because a replica did not answer; the old one when that is not possible."""
        key = (route.workspace, route.name)
        self.routes.forget(lambda known, _: known == key)
        try:
            return await self.routes.get(key) or route
        except SourceAway:
            return route

    async def _route(self, key: tuple[str, str]) -> EndpointRoute | None:
        route = await self.book.route(key)
        self.replicas.settle(key, (replica.id for revision in (route.revisions if route else ()) for replica in revision.replicas))
        return route

    # Loops

    async def flush(self) -> None:
        counts = self.meter.take()
        if counts:
            try:
                await self.book.write(counts)
            except SourceAway:
                self.meter.put_back(counts)

    async def tell_busy(self) -> None:
        """Say how many requests are on the way to each endpoint, for the scaling of those that may scale."""
        busy, self.peak = self.peak, {}
        if self.client is None or (not busy and not self._told_busy):
            return
        self._told_busy = bool(busy)
        word = orjson.dumps({"time": time.time(), "busy": {str(endpoint): count for endpoint, count in busy.items()}})
        try:
            async with asyncio.timeout(0.5):
                await self.client.hset(BUSY, self.name, word)  # type: ignore[misc]
                await self.client.expire(BUSY, 60)
        except (RedisError, OSError, TimeoutError):
            self._told_busy = True

    async def _flushing(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            try:
                await self.flush()
                await self.tell_busy()
            except Exception:
                log.exception("usage could not be written down")

    async def _listening(self, client: "redis.Redis") -> None:
        """Hear of revoked keys and changed endpoints. After a silence nothing is trusted to be fresh."""
        while True:
            try:
                async with client.pubsub() as channel:
                    await channel.subscribe(CHANNEL, revocation.CHANNEL)
                    self.access.expire()
                    self.routes.expire()
                    await self._hear(channel)
            except (RedisError, OSError, TimeoutError):
                await asyncio.sleep(1.0)

    async def _hear(self, channel: "PubSub") -> None:
        """Until the line breaks; one that leaves a ping without an answer is broken too (TimeoutError)."""
        asked = False
        while True:
            message = await channel.get_message(timeout=SILENT_SECONDS)
            if message is None and asked:
                raise TimeoutError
            asked = message is None
            if asked:
                await channel.ping()
            elif message["type"] == "message":
                self.changed(message["data"])

    def changed(self, message: bytes) -> None:
        """A pushed change: {"endpoint": [workspace, name]}, or {"tokens": [sha256], "user": id} of who lost access."""
        try:
            what = orjson.loads(message)
        except orjson.JSONDecodeError:
            return
        if "endpoint" in what:
            key = tuple(what["endpoint"])
            self.routes.forget(lambda known, _: known == key)
            return
        dead, user = set(what.get("tokens") or ()), what.get("user")
        self.access.forget(lambda token, access: token in dead or (user is not None and access.user == user))


def _route_fresh(route: EndpointRoute | None) -> float:
    return FRESH_SECONDS if route is not None and route.ready else NOT_READY_SECONDS
