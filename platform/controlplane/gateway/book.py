"""The gateway's way to the database: a few threads of its own, so that the event loop never waits and Django's are left alone."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from django.db import close_old_connections
from django.db.utils import DatabaseError, InterfaceError

from controlplane.gateway import meter
from controlplane.gateway.access import Access, access_of
from controlplane.gateway.cache import SourceAway
from controlplane.serving.routes import EndpointRoute, route_of, routes_in
from controlplane.workspaces.tokens import mark_exposed

T = TypeVar("T")


class Book:
    """What the gateway looks up and writes down. Every method raises SourceAway when the database cannot be asked."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="gateway-db")

    async def access(self, token_hash: str) -> Access:
        return await self._ask(access_of, token_hash)

    async def route(self, key: tuple[str, str]) -> EndpointRoute | None:
        return await self._ask(route_of, *key)

    async def endpoints(self, workspaces: list[str]) -> list[EndpointRoute]:
        return await self._ask(routes_in, workspaces)

    async def exposed(self, token: str) -> None:
        await self._ask(mark_exposed, token)

    async def write(self, counts: dict[meter.Key, meter.Counts]) -> None:
        await self._ask(meter.write, counts)

    def close(self) -> None:
        self._threads.shutdown(wait=False)

    async def _ask(self, call: Callable[..., T], *args: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, _guarded, call, args)


def _guarded(call: Callable[..., T], args: tuple[Any, ...]) -> T:
    close_old_connections()
    try:
        return call(*args)
    except (DatabaseError, InterfaceError, TimeoutError) as error:
        raise SourceAway(type(error).__name__) from error
    finally:
        close_old_connections()
