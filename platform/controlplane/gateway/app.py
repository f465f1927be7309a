"""The gateway's entry: a raw ASGI application beside Django for everything under `/v1`. It never goes through Django's handlers.

`application` is mounted by asgi.py, which also passes the lifespan on; without a lifespan it starts itself at the first request.
What it keeps belongs to the running event loop and begins anew with another one.
"""

import asyncio
import logging
import re
from collections.abc import Callable

import redis.asyncio as redis

from controlplane.errors import Problem, standard
from controlplane.gateway import huggingface, openai
from controlplane.gateway.book import Book
from controlplane.gateway.openai_schema import ChatRequest, CompletionRequest
from controlplane.gateway.shapes import refuse
from controlplane.gateway.state import State
from controlplane.gateway.wire import Disconnected, Receive, Request, Scope, Send, check_head
from workers.contract.home import redis_url

log = logging.getLogger(__name__)
_SLUG = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_ENDPOINT = re.compile(f"/v1/endpoints/({_SLUG})/({_SLUG})(/[a-z0-9/]*)?")
_HF = "/v1/endpoints/"


class Gateway:
    """The application of one process. make: a new State."""

    def __init__(self, make: Callable[[], State]) -> None:
        self._make = make
        self._state: State | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def state(self) -> State:
        """What this event loop's requests share."""
        loop = asyncio.get_running_loop()
        if self._state is None or self._loop is not loop:
            self._state, self._loop = self._make(), loop
            self._state.start()
        return self._state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        request = Request(scope, receive, send)
        try:
            check_head(request, scope["headers"])
            await self.route(request)
        except Problem as problem:
            await refuse(request, problem, openai=_speaks_openai(request.path))
        except Disconnected:
            log.debug("client of %s has gone", request.id)
        except Exception:
            log.exception("request %s failed", request.id.decode())
            if request.begun:
                raise
            await refuse(request, standard(500), openai=_speaks_openai(request.path))

    async def route(self, request: Request) -> None:
        """Find who answers. Raises Problem 404 for what is not here, 405 for another method."""
        path = request.path
        if path.startswith(_HF):
            found = _ENDPOINT.fullmatch(path)
            if found is None:
                raise _nowhere(request)
            await self.endpoint(request, found[1], found[2], found[3] or "")
        elif path == "/v1/chat/completions":
            await openai.generate(self.state, _post(request), ChatRequest)
        elif path == "/v1/completions":
            await openai.generate(self.state, _post(request), CompletionRequest)
        elif path == "/v1/models" or path.startswith("/v1/models/"):
            await openai.models(self.state, _get(request), path[len("/v1/models/") :])
        else:
            raise _nowhere(request)

    async def endpoint(self, request: Request, workspace: str, name: str, rest: str) -> None:
        """What lies under an endpoint's own address."""
        if rest in ("", "/"):
            await huggingface.call(self.state, _post(request), workspace, name)
        elif rest in ("/v1/chat/completions", "/chat/completions"):
            await openai.generate(self.state, _post(request), ChatRequest, (workspace, name))
        elif rest in ("/v1/completions", "/completions"):
            await openai.generate(self.state, _post(request), CompletionRequest, (workspace, name))
        elif rest == "/health":
            await huggingface.health(self.state, _get(request), workspace, name)
        elif rest == "/info":
            await huggingface.info(self.state, _get(request), workspace, name)
        else:
            raise _nowhere(request)

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                _ = self.state
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                await self.state.close()
                self._state = None
                await send({"type": "lifespan.shutdown.complete"})
                return


def _post(request: Request) -> Request:
    if request.method != "POST":
        raise Problem(405, "method_not_allowed", "Only POST is answered here.", headers={"Allow": "POST"})
    return request


def _get(request: Request) -> Request:
    if request.method != "GET":
        raise Problem(405, "method_not_allowed", "Only GET is answered here.", headers={"Allow": "GET"})
    return request


def _nowhere(request: Request) -> Problem:
    return Problem(
        404, "unknown_url", f"There is nothing at {request.method} {request.path[:200]}.", "GET /v1/models lists what can be called."
    )


def _speaks_openai(path: str) -> bool:
    return not path.startswith(_HF) or path.endswith("/completions")


def _state() -> State:
    return State(Book(), redis.Redis.from_url(redis_url(), socket_connect_timeout=1, socket_timeout=10))


application = Gateway(_state)
