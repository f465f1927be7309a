"""The Celery worker of a host as a real process on a real Redis-protocol server: hints pass, pickles do not."""

import base64
import json
import os
import pickle
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator

import psutil
import pytest
from controlplane import dispatch

from workers.contract.home import ROOT, runtime_dir, worker_name
from workers.contract.names import queue_of

ARGUMENTS = "--pool solo --concurrency 1 --without-gossip --without-mingle --without-heartbeat --loglevel WARNING"


@pytest.fixture
def zygote() -> Iterator[socket.socket]:
    """A socket where the zygote's would be."""
    path = runtime_dir() / "zygote.sock"
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen()
        listener.settimeout(20)
        yield listener
    path.unlink()


@pytest.fixture
def worker() -> Iterator[subprocess.Popen[bytes]]:
    dispatch.client().delete(queue_of(worker_name()))
    command = [sys.executable, "-m", "celery", "-A", "workers.app", "worker", "-Q", queue_of(worker_name()), *ARGUMENTS.split()]
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT), "C_FORCE_ROOT": "1"})
    yield process
    process.kill()
    process.wait()


def heard(listener: socket.socket) -> dict[str, int]:
    connection, _ = listener.accept()
    with connection:
        hint: dict[str, int] = json.loads(connection.recv(4096))
        return hint


def test_hints_reach_the_zygote_in_milliseconds(zygote: socket.socket, worker: subprocess.Popen[bytes]) -> None:
    dispatch.hint(worker_name(), 41)
    assert heard(zygote) == {"allocation": 41}
    begun = time.monotonic()
    dispatch.hint(worker_name(), 42)
    assert heard(zygote) == {"allocation": 42}
    assert time.monotonic() - begun < 0.5
    assert psutil.Process(worker.pid).memory_full_info().pss < 90e6


def test_A30_a_pickle_in_the_queue_is_never_opened(zygote: socket.socket, worker: subprocess.Popen[bytes], tmp_path: object) -> None:
    canary = f"{tmp_path}/opened"

    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (canary,)

    body = base64.b64encode(pickle.dumps([[Evil()], {}, {}])).decode()
    one = str(uuid.uuid4())
    headers = {"task": "workers.wake", "id": one, "lang": "py", "argsrepr": "", "kwargsrepr": ""}
    delivery = {"exchange": "", "routing_key": queue_of(worker_name())}
    properties = {"body_encoding": "base64", "delivery_tag": one, "delivery_info": delivery, "delivery_mode": 2, "correlation_id": one}
    message = {"body": body, "content-type": "application/x-python-serialize", "content-encoding": "binary", "headers": headers}
    dispatch.client().lpush(queue_of(worker_name()), json.dumps({**message, "properties": properties}))
    dispatch.hint(worker_name(), 43)
    assert heard(zygote) == {"allocation": 43}
    assert worker.poll() is None
    assert not os.path.exists(canary)


def test_without_a_zygote_a_hint_is_dropped(worker: subprocess.Popen[bytes]) -> None:
    dispatch.hint(worker_name(), 44)
    end = time.monotonic() + 20
    while dispatch.client().llen(queue_of(worker_name())) and time.monotonic() < end:
        time.sleep(0.05)
    assert worker.poll() is None
