"""The control plane alone, with rows written straight into its database: pages of any size, without a worker and without training.

    with site() as it:
        it.workspace, it.user, it.server.base, it.desk(browser)

It must be entered before anything of Django is imported: the environment names its own home.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "platform"), str(ROOT)]


@dataclass
class Site:
    """workspace: `bench`, owned by user."""

    server: Any
    workspace: Any
    user: Any

    def link(self) -> str:
        """A one-time sign-in link."""
        from controlplane.accounts.services import create_signin_code

        return f"{self.server.base}/signin/{create_signin_code(user=self.user)}"

    def desk(self, browser: Any) -> Any:
        """The owner's browser, signed in."""
        from tests.browser.pages import Desk

        context = browser.new_context()
        page = context.new_page()
        page.goto(self.link())
        page.goto(f"{self.server.base}/w/bench")
        state = context.storage_state()
        context.close()
        return Desk(browser, self.server.base, state)


@contextmanager
def site() -> Iterator[Site]:
    home = Path(tempfile.mkdtemp(prefix="slipway-bench-"))
    os.environ.update(SLIPWAY_HOME=str(home), DJANGO_SETTINGS_MODULE="controlplane.settings", DJANGO_ALLOW_ASYNC_UNSAFE="1")
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    broker = _broker(home)
    try:
        from controlplane.accounts.services import create_person
        from controlplane.workspaces.services import create_workspace

        from tests.server import Server

        user = create_person(email="mei@example.org", name="Mei Lin")
        workspace = create_workspace(user=user, slug="bench", title="Bench")
        with Server() as server:
            yield Site(server, workspace, user)
    finally:
        broker.send_signal(signal.SIGTERM)
        broker.wait(10)
        shutil.rmtree(home, ignore_errors=True)


def _broker(home: Path) -> "subprocess.Popen[bytes]":
    from runner import broker

    from workers.contract.home import runtime_dir, secret

    password = secret("redis_password")
    process = subprocess.Popen(broker.command(runtime_dir(), home, password), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 10
    while not broker.answers(runtime_dir(), password):
        if process.poll() is not None or time.monotonic() > end:
            raise RuntimeError("the broker did not start")
        time.sleep(0.02)
    return process


def spread(name: str, seconds: list[float]) -> None:
    """One line: median, 95th percentile, extremes, in milliseconds."""
    values = sorted(1000 * value for value in seconds)
    middle, late = values[len(values) // 2], values[min(len(values) - 1, round(0.95 * (len(values) - 1)))]
    print(f"{name}: median {middle:.0f} ms, p95 {late:.0f} ms, min {values[0]:.0f}, max {values[-1]:.0f}, n {len(values)}", flush=True)
