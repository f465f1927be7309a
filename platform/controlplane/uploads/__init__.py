"""Bytes in and out, beside Django: resumable uploads (`tus`) and signed files (`files`), both raw ASGI apps."""

from controlplane.uploads import files, tus
from controlplane.uploads.wire import Receive, Scope, Send


def matches(path: str) -> bool:
    """Whether one of the two answers at this address."""
    return files.matches(path) or tus.matches(path)


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """The ASGI entry of both."""
    app = files.application if files.matches(scope["path"]) else tus.application
    await app(scope, receive, send)
