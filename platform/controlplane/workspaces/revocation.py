"""Tells every process at once that somebody lost access. Only a hint: caches also expire by themselves, sockets also look by themselves."""

import json
from collections.abc import Sequence

from controlplane.dispatch import ask, client

CHANNEL = "slipway.revoked"
__all__ = ["CHANNEL", "announce", "client"]


def announce(*, tokens: Sequence[str] = (), user: int | None = None, workspace: int | None = None) -> None:
    """Publishes `{"tokens": [sha256, …], "user": id, "workspace": id}` (what is known of it) on the Redis channel `slipway.revoked`.

    tokens: these keys are dead · user: forget what is remembered of this person · workspace: in this workspace (absent: in all).
    """
    what = {"tokens": list(tokens), "user": user, "workspace": workspace}
    said = json.dumps({key: value for key, value in what.items() if value})
    ask("revocation", lambda: client().publish(CHANNEL, said))  # unheard, caches end it within their time
