"""The Celery application of a worker host: one queue, one task of milliseconds. It carries hints and nothing else.

JSON only, acknowledged at receipt, one at a time. A silent broker is noticed by timeouts, keepalive and a canary (see `canary.py`).
"""

from celery import Celery
from celery.signals import worker_ready

from workers.contract.home import redis_url, worker_name
from workers.contract.names import queue_of

SOCKET = {"socket_timeout": 10, "socket_connect_timeout": 5, "health_check_interval": 5}
KEEPALIVE = {} if redis_url().startswith("unix") else {"socket_keepalive": True}

BROKER = redis_url().replace("unix://", "redis+socket://", 1)  # kombu's spelling
# No fixups: one of them would look for Django.
app = Celery("workers", broker=BROKER, include=["workers.tasks"], fixups=set())  # type: ignore[no-untyped-call]
app.conf.update(
    task_serializer="json",
    accept_content=["json"],
    result_backend=None,
    task_ignore_result=True,
    task_acks_late=False,
    task_default_queue=queue_of(worker_name()),
    task_create_missing_queues=True,
    worker_prefetch_multiplier=1,
    worker_pool="solo",
    worker_enable_remote_control=False,
    worker_send_task_events=False,
    worker_hijack_root_logger=True,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    broker_transport_options=SOCKET | KEEPALIVE,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
)


@worker_ready.connect  # type: ignore[untyped-decorator]
def _watch_the_broker(**_: object) -> None:
    from workers import canary

    canary.start(app)
