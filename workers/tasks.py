"""The one task of a worker host: pass a hint on to the zygote. Repeating it does no harm; losing it neither."""

import json
import logging
import socket

from workers import canary
from workers.app import app
from workers.contract.home import runtime_dir

log = logging.getLogger(__name__)


@app.task(name="workers.wake")  # type: ignore[untyped-decorator, no-untyped-call]
def wake(allocation_id: int) -> None:
    """Tell the zygote that this allocation waits for a claim. Without a zygote the control plane hints again."""
    line = json.dumps({"allocation": int(allocation_id)}).encode() + b"\n"
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(2)
            connection.connect(str(runtime_dir() / "zygote.sock"))
            connection.sendall(line)
    except OSError as error:
        log.warning("the zygote cannot be reached (%s); allocation %s will be hinted again", error, allocation_id)


@app.task(name="workers.canary")  # type: ignore[untyped-decorator, no-untyped-call]
def hear() -> None:
    """A message of our own came back: the consumer is alive."""
    canary.heard()
