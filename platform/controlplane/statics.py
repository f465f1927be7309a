"""Static files straight from where they lie, without a collecting step and without Django: hashed names are kept for ever.

Files are found when the process starts, and again after a new build; the compressed twins (`.br`, `.gz`) beside them are used when
the browser takes them.
"""

import re
import time
from pathlib import Path
from typing import Any, cast

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from whitenoise.base import WhiteNoise
from whitenoise.responders import Redirect, Response, StaticFile

from controlplane.guard import Receive, Scope, Send

HASHED = re.compile(r"[.-][A-Za-z0-9_-]{8,}\.[a-z0-9]+$")
PIECE = 64 * 1024
AGAIN_SECONDS = 2  # between two scans that a missing file of a build sets off


class Statics:
    """An ASGI app for everything under STATIC_URL."""

    def __init__(self) -> None:
        self.prefix: str = settings.STATIC_URL
        dist = str(Path(settings.VITE_DIST))
        self.shelf: Any = WhiteNoise(
            None,
            max_age=3600,
            allow_all_origins=False,
            immutable_file_test=lambda path, url: path.startswith(dist) and HASHED.search(url) is not None,
            add_headers_function=lambda headers, path, url: headers.add_header("X-Content-Type-Options", "nosniff"),
        )
        self.scan()

    def scan(self) -> None:
        """Find every file there is; those of an older build stay known as long as they lie there."""
        self.scanned = time.monotonic()
        for finder in get_finders():
            for name, storage in finder.list(None):
                below = getattr(storage, "prefix", None)
                url = f"{self.prefix}{below}/{name}" if below else f"{self.prefix}{name}"
                if not name.endswith((".map", ".gz", ".br")):
                    self.shelf.add_file_to_dictionary(url, storage.path(name))

    def find(self, path: str) -> StaticFile | Redirect | None:
        """The file at this address; only names a scan has found can match, so no address can leave the folders."""
        if path not in self.shelf.files and path.startswith(self.prefix + "built/") and time.monotonic() - self.scanned > AGAIN_SECONDS:
            self.scan()
        return cast(StaticFile | Redirect | None, self.shelf.files.get(path))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = self.find(scope["path"])
        if found is None or scope["method"] not in {"GET", "HEAD"}:
            await _say(send, 404 if found is None else 405)
            return
        wanted = {f"HTTP_{key.decode('latin-1').upper().replace('-', '_')}": value.decode("latin-1") for key, value in scope["headers"]}
        try:
            response: Response = await sync_to_async(found.get_response, thread_sensitive=False)(scope["method"], wanted)
        except OSError:  # gone since the process started: a new build has taken its place
            await _say(send, 404)
            return
        headers = [(key.lower().encode("latin-1"), value.encode("latin-1")) for key, value in response.headers]
        await send({"type": "http.response.start", "status": response.status.value, "headers": headers})
        await _pour(response, send)


async def _pour(response: Response, send: Send) -> None:
    """The body in pieces; small files, which nearly all are, in one."""
    if response.file is not None:
        try:
            while piece := await sync_to_async(response.file.read, thread_sensitive=False)(PIECE):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        finally:
            response.file.close()
    await send({"type": "http.response.body", "body": b""})


async def _say(send: Send, status: int) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"text/plain; charset=utf-8")]})
    await send({"type": "http.response.body", "body": b"Not found\n" if status == 404 else b"Method not allowed\n"})
