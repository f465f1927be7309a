"""A real uvicorn inside the test process, so that tests reach the entry, the gate and the websockets as users do."""

import asyncio
import socket
import threading
import time
from typing import Any, Self

import uvicorn


class Server:
    """`with Server() as server:` serves the whole ASGI application on `server.base` from a thread of its own."""

    def __init__(self) -> None:
        from controlplane.asgi import application

        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.port = int(self.socket.getsockname()[1])
        self.host = f"127.0.0.1:{self.port}"
        self.base = f"http://{self.host}"
        settings = {"ws": "websockets-sansio", "log_level": "error", "lifespan": "off", "timeout_graceful_shutdown": 2}
        self.uvicorn = uvicorn.Server(uvicorn.Config(application, **settings))  # type: ignore[arg-type]
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        async def serve() -> None:
            from controlplane import live

            try:
                await self.uvicorn.serve(sockets=[self.socket])
            finally:
                await live.shutdown()

        asyncio.run(serve())

    def __enter__(self) -> Self:
        self.thread.start()
        end = time.monotonic() + 10
        while not self.uvicorn.started:
            if time.monotonic() > end:
                raise RuntimeError("uvicorn did not start")
            time.sleep(0.01)
        return self

    def __exit__(self, *_exc: Any) -> None:
        self.uvicorn.should_exit = True
        self.thread.join(10)
        self.socket.close()
