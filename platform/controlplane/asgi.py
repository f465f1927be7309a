"""The one entry: HTTP to the gateway, the uploads, the files, the static files or Django; websockets to `live`."""

# ruff: noqa: E402 (Django must be set up before the rooms are imported)
import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.settings")

import django

django.setup(set_prefix=False)

from django.conf import settings
from django.core.asgi import get_asgi_application

from controlplane import live, uploads
from controlplane.gateway.app import application as gateway
from controlplane.guard import App, Message, Receive, Scope, Send, guarded
from controlplane.statics import Statics
from controlplane.threads import shared

pages: App = shared(get_asgi_application())
statics = Statics()


def app_for(path: str) -> App:
    """Who answers at this address, behind the gate."""
    if uploads.matches(path):
        return uploads.application
    return statics if path.startswith(settings.STATIC_URL) else pages


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """The ASGI application."""
    if scope["type"] == "http":
        path: str = scope["path"]
        if path.startswith("/v1/") or path == "/v1":
            await gateway(scope, receive, send)  # keeps the gate by itself, and speaks its own errors
        else:
            await guarded(app_for(path), scope, receive, send)
    elif scope["type"] == "websocket":
        await live.application(scope, receive, send)
    else:
        await lifespan(scope, receive, send)


async def lifespan(scope: Scope, receive: Receive, send: Send) -> None:
    """The gateway starts and stops with the process; what live pages share ends before it."""

    async def told() -> Message:
        message = await receive()
        if message["type"] == "lifespan.shutdown":
            await live.shutdown()
        return message

    await gateway(scope, told, send)
