"""The one entry: HTTP to the gateway, the uploads, the files, the static files or Django; websockets to `live`."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.settings")

import django

django.setup(set_prefix=False)

from django.conf import settings
from django.core.asgi import get_asgi_application

from controlplane import gateway, live, uploads
from controlplane.guard import App, Receive, Scope, Send, guarded
from controlplane.statics import Statics
from controlplane.threads import shared

pages: App = shared(get_asgi_application())
statics = Statics()


def app_for(path: str) -> App:
    """Who answers at this address."""
    if path == "/v1" or path.startswith("/v1/"):
        return gateway.application
    if uploads.matches(path):
        return uploads.application
    if path.startswith(settings.STATIC_URL):
        return statics
    return pages


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """The ASGI application."""
    if scope["type"] == "http":
        await guarded(app_for(scope["path"]), scope, receive, send)
    elif scope["type"] == "websocket":
        await live.application(scope, receive, send)
    elif scope["type"] == "lifespan":
        await lifespan(receive, send)


async def lifespan(receive: Receive, send: Send) -> None:
    """Starts and stops what the process holds open beside requests."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await gateway.startup()
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            await live.shutdown()
            await gateway.shutdown()
            await send({"type": "lifespan.shutdown.complete"})
            return
