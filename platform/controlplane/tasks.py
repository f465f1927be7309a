"""The consumer of the queue `control`: the control plane's own short background work, one process, JSON only.

`python -m controlplane.tasks`. A task may run twice and must do no harm then. Without the apps of Django, which mail does not need,
the process stays small; what needs the database runs in the control loop.
"""

import logging
import os
import threading
import time

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.settings")

from celery import Celery, Task
from celery.signals import setup_logging, worker_ready
from cryptography.fernet import InvalidToken
from django.conf import settings
from django.utils.log import configure_logging

from controlplane import dispatch, mail
from workers.contract.home import redis_url

log = logging.getLogger(__name__)
SOCKET = {"socket_timeout": 10, "socket_connect_timeout": 5, "health_check_interval": 5}
KEEPALIVE = {} if redis_url().startswith("unix") else {"socket_keepalive": True}
RETRIES, LONGEST = 12, 1800  # of a mail server that is away; seconds between two tries
PERIOD, SILENT = 10.0, 60.0  # seconds: how often the queue is looked at, and how long it may stand still

app = Celery("controlplane.tasks", broker=dispatch.celery_url(), fixups=set())
app.conf.update(
    task_serializer="json",
    accept_content=["json"],
    result_backend=None,
    task_ignore_result=True,
    task_default_queue=dispatch.QUEUE,
    worker_prefetch_multiplier=1,
    worker_pool="solo",
    worker_enable_remote_control=False,
    worker_send_task_events=False,
    broker_transport_options=SOCKET | KEEPALIVE | {"visibility_timeout": 2 * LONGEST},
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
)
_done = time.monotonic()


@app.task(name=mail.TASK, bind=True, max_retries=RETRIES)  # type: ignore[untyped-decorator]
def send(self: Task, sealed: str) -> None:
    """Send one sealed mail; a mail server that is away is tried again for hours."""
    global _done
    _done = time.monotonic()
    try:
        mail.deliver([mail.unseal(sealed)])
    except InvalidToken:
        log.error("a queued mail was sealed by another installation or is too old; it is not sent")
    except OSError as error:  # smtplib's faults are OSErrors too
        log.warning("the mail server is away: %s", error)
        raise self.retry(exc=error, countdown=min(10 * 2**self.request.retries, LONGEST)) from error


@worker_ready.connect  # type: ignore[untyped-decorator]
def _watch(**_: object) -> None:
    threading.Thread(target=_watch_the_queue, name="watch", daemon=True).start()


def _watch_the_queue() -> None:
    """A consumer that hangs on a dead connection ends itself, and is started again."""
    while True:
        time.sleep(PERIOD)
        if not dispatch.backlog():
            _note()
        elif time.monotonic() - _done > SILENT:
            log.error("nothing was taken from the queue for %d s although something waits; ending", SILENT)
            os._exit(1)


def _note() -> None:
    global _done
    _done = time.monotonic()


@setup_logging.connect  # type: ignore[untyped-decorator]
def _log_like_the_others(**_: object) -> None:
    configure_logging(settings.LOGGING_CONFIG, settings.LOGGING)


def main() -> None:
    """Take tasks until told to stop."""
    quiet = ["--loglevel", "WARNING", "--without-gossip", "--without-mingle", "--without-heartbeat"]
    app.worker_main(["--quiet", "worker", "-n", f"tasks@{os.uname().nodename}", "-Q", dispatch.QUEUE, "--pool", "solo", *quiet])


if __name__ == "__main__":
    from controlplane import tasks  # the module the tasks are registered in, not `__main__`

    tasks.main()
