"""Who is acting right now: set where a request or a background task begins, read by `audit.services.record`."""

from contextvars import ContextVar
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Acting:
    """actor_id None = the platform itself; token = prefix of the API token used."""

    actor_id: int | None = None
    actor: str = "slipway"
    token: str = ""
    ip: str | None = None
    request_id: str = ""


_PLATFORM = Acting()
_acting: ContextVar[Acting | None] = ContextVar("acting", default=None)


def begin(*, ip: str | None, request_id: str) -> None:
    """A request came in; nobody is known yet."""
    _acting.set(Acting(actor="anonymous", ip=ip, request_id=request_id))


def identify(*, actor_id: int, actor: str, token: str = "") -> None:
    """The request's person is known from here on."""
    _acting.set(replace(current(), actor_id=actor_id, actor=actor, token=token))


def as_platform() -> None:
    """The request is a worker's, who has shown its token: what follows from it is the platform's own doing."""
    _acting.set(replace(current(), actor_id=None, actor=_PLATFORM.actor))


def current() -> Acting:
    return _acting.get() or _PLATFORM
