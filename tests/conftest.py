# ruff: noqa: E402 (the environment comes before Django)
"""What every test stands on: a home of its own, a real Valkey, a real database (SQLite, or PostgreSQL with TEST_DATABASE=postgres).

The environment is set before Django reads its settings. Nothing of a developer's own installation is touched.
"""

import atexit
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.people import People
    from tests.server import Server
    from tests.stack import Stack

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "platform"), str(ROOT)]

HOME = Path(tempfile.mkdtemp(prefix="slipway-tests-"))
OURS = ("SLIPWAY_", "REDIS_URL", "DATABASE_URL", "STORAGE_URL", "SIGNUP", "EMAIL_", "PORT")
for name in [name for name in os.environ if name.startswith(OURS)]:
    del os.environ[name]
os.environ.update(SLIPWAY_HOME=str(HOME), DJANGO_SETTINGS_MODULE="controlplane.settings", HF_HUB_OFFLINE="1")
if os.environ.get("TEST_DATABASE") == "postgres":
    from tests.postgres import start_postgres

    os.environ["DATABASE_URL"] = start_postgres()
atexit.register(shutil.rmtree, HOME, ignore_errors=True)

import django

django.setup()


@pytest.fixture(scope="session", autouse=True)
def valkey() -> Iterator[subprocess.Popen[bytes]]:
    """The Redis-protocol server of this run, started the way the platform's runner starts it."""
    from runner import broker

    from workers.contract.home import runtime_dir, secret

    password = secret("redis_password")
    process = subprocess.Popen(broker.command(runtime_dir(), HOME, password), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 10
    while not broker.answers(runtime_dir(), password):
        if process.poll() is not None or time.monotonic() > end:
            raise RuntimeError("Valkey did not start")
        time.sleep(0.02)
    yield process
    process.send_signal(signal.SIGTERM)
    process.wait(10)
    shutil.rmtree(runtime_dir(), ignore_errors=True)


@pytest.fixture
def people(db: Any) -> "People":
    """Alice owns acme, Bob owns bobs and is in acme as nothing, Charlie edits acme; each has a token. See people.py.

    In a transaction that is rolled back, unless the test asks for `server` or `transactional_db`: for threads, mail and announcements.
    `db` is asked for by name: pytest-django makes a database only where a collected test names it.
    """
    from tests.people import People

    return People()


@pytest.fixture
def server(transactional_db: Any) -> "Iterator[Server]":
    """A real uvicorn in this process, on a free port, over the test's own database."""
    from tests.server import Server

    with Server() as running:
        yield running


@pytest.fixture(scope="session")
def stack() -> "Iterator[Stack]":
    """The whole platform with a worker, as `make up` starts it; one for all tests that need it."""
    from tests.stack import Stack

    running = Stack().start(120)
    yield running
    running.stop()
