"""The way from the event loop to the database: a few threads of its own, so that live pages never hold Django's up."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from django.db import close_old_connections

from controlplane.jobs.store import read_events
from controlplane.live.feed import Frame

P = ParamSpec("P")
T = TypeVar("T")
_threads = ThreadPoolExecutor(3, thread_name_prefix="live-db")


async def ask(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Runs a function that reads the database."""

    def call() -> T:
        close_old_connections()
        try:
            return function(*args, **kwargs)
        finally:
            close_old_connections()

    return await asyncio.get_running_loop().run_in_executor(_threads, call)


async def frames(job: int, after: int, limit: int) -> list[Frame]:
    """Frames ready to be sent: decoded once for all sockets."""

    def read() -> list[Frame]:
        return [(cursor, text.decode()) for cursor, text in read_events(job, after, limit)]

    return await ask(read)
