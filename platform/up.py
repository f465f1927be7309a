"""The runner of one machine: starts Slipway's processes in order, restarts what dies, shows one log, stops all of it.

Standard library only. Not covered: several machines (see `deploy/`), and the hang of a process that still lives.
"""

import os
import signal
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "platform"), str(ROOT)]

from runner import broker, claim, proctree  # noqa: E402
from runner.service import Service, say  # noqa: E402

from workers.contract.home import runtime_dir, secret, slipway_home, worker_name  # noqa: E402

HOME, PORT = slipway_home(), int(os.environ.get("PORT") or 8000)
ADDRESS = f"http://127.0.0.1:{PORT}"
MARK = "SLIPWAY_RUNNER"  # in every child's environment, so that what a killed runner leaves behind is known
VENV = ROOT / ".venv/bin/python"
PYTHON = sys.executable if sys.prefix != sys.base_prefix or not VENV.exists() else str(VENV)
PATHS = os.pathsep.join((str(ROOT / "platform"), str(ROOT)))
ENV = os.environ | {"SLIPWAY_HOME": str(HOME), "PORT": str(PORT), "PYTHONPATH": PATHS, "PYTHONUNBUFFERED": "1", MARK: str(HOME)}
WEB = (
    f"-m uvicorn controlplane.asgi:application --app-dir platform --host 127.0.0.1 --port {PORT} --ws websockets-sansio"
    " --no-access-log --no-server-header --timeout-graceful-shutdown 5"
)
WORKER = (
    f"-m celery --quiet -A workers.app worker -n worker@{worker_name()} -Q worker.{worker_name()} --pool solo --concurrency 1"
    " --loglevel WARNING --without-gossip --without-mingle --without-heartbeat"
)
LINK = runtime_dir() / "signin"  # the first sign-in link, between being made and being shown
STOP_SECONDS = 25.0


class Runner:
    """All services of one home, and the loop that keeps them."""

    def __init__(self, *, demo: bool) -> None:
        self.demo, self.stopping, self.ready, self.asked, self.told = demo, 0, False, 0.0, 0.0
        self.services: list[Service] = []
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self.on_signal)

    def on_signal(self, *_: object) -> None:
        """Ask the loop to stop; a second time, to stop waiting."""
        self.stopping += 1

    def add(self, name: str, command: str | list[str], colour: int, *, phase: int, once: bool = False, **env: str) -> Service:
        """Start one more service; a string is arguments for Python. Phases stop in order: 0 workers, 1 web, 2 Valkey."""
        arguments = [PYTHON, *command.split()] if isinstance(command, str) else command
        self.services.append(Service(name, arguments, colour, folder=HOME / "logs", env=ENV | env, phase=phase, once=once))
        self.services[-1].start()
        return self.services[-1]

    def tick(self) -> None:
        """Reap what ended (adopted orphans too), start again what is due, show what was written."""
        time.sleep(0.1)
        try:
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                for service in self.services:
                    if service.pid == ended[0]:
                        service.ended(ended[1])
                        if not (service.once or self.stopping):
                            say(service.obituary(), colour=31)
        except ChildProcessError:
            pass  # no child at all
        for service in self.services:
            service.follow()
            if not (service.pid or service.once or self.stopping) and time.monotonic() >= service.due:
                service.start()

    def run(self) -> int:
        """Start everything in order, keep it until a signal comes or a single task fails, stop it."""
        try:
            self.start()
            while not self.stopping:
                self.tick()
                if not self.ready:
                    self.look()
                if failed := next((service for service in self.services if service.once and service.status), None):
                    say(f"{failed.name} failed; the reason stands above and in {failed.path}", colour=31)
                    return 1
            return 0
        finally:
            self.stop()

    def start(self) -> None:
        """Valkey and the zygote, which imports for seconds, come up while the database is migrated; then everything else at once."""
        own_valkey, password = not os.environ.get("REDIS_URL"), secret("redis_password")
        if own_valkey:
            self.add("valkey", broker.command(runtime_dir(), HOME, password), 35, phase=2)
        begin = ["migrate", "--noinput"] if self.demo else ["begin", str(LINK)]
        migrate = self.add("migrate", [PYTHON, "manage.py", *begin], 36, phase=1, once=True)
        self.add("zygote", "-m workers.zygote", 95, phase=0, OMP_NUM_THREADS="1")
        while migrate.status is None or (own_valkey and not broker.answers(runtime_dir(), password)):
            self.tick()
            if self.stopping or migrate.status:
                return
        self.add("web", WEB, 32, phase=1)
        self.add("control", "manage.py control", 33, phase=1)
        self.add("tasks", "-m controlplane.tasks", 36, phase=1, PYTHONWARNINGS="ignore")
        self.add("celery", WORKER, 34, phase=0, PYTHONWARNINGS="ignore")  # both warn of root at each start

    def look(self) -> None:
        """Ask /ready twice a second; tell once it is, and every 15 s what it waits for."""
        if time.monotonic() - self.asked < 0.5:
            return
        self.ready, answer = fetch("/ready")
        self.asked = time.monotonic()
        if self.ready:
            self.announce()
        elif time.monotonic() - max(self.told, self.services[-1].started) > 15:
            self.told = time.monotonic()
            say(f"still waiting: {answer}")

    def announce(self) -> None:
        """Say where it is, how to stop it, and what the owner opens first; then start the demo if asked, which ends with a link too."""
        say(f"Slipway is ready: {ADDRESS}", colour=1 if LINK.exists() else 32)
        say(f"All state is in {HOME} (logs in {HOME / 'logs'}). Stop with Ctrl-C.")
        if self.demo:
            self.add("demo", "deploy/demo.py", 92, phase=0, once=True)
        elif LINK.exists():
            say(f"Open this link to sign in; it works once, for 15 minutes: {LINK.read_text()}", colour=32)
        LINK.unlink(missing_ok=True)

    def stop(self) -> None:
        """Ask each phase's processes to end, in order; after 25 s in all, or a second signal, kill every descendant."""
        self.stopping, begun = max(self.stopping, 1), time.monotonic()
        for phase, share in enumerate((0.6, 0.85, 1.0)):
            asked: set[int] = set()
            while self.stopping < 2 and time.monotonic() - begun < STOP_SECONDS * share:
                later = {service.pid for service in self.services if service.pid and service.phase > phase}
                mine = {service.pid for service in self.services if service.pid and service.phase == phase}
                left = proctree.below([os.getpid()]) - later - proctree.below(later)
                if not left:
                    break
                proctree.send((mine or left) - asked, signal.SIGTERM)  # the services first, then what they left
                asked |= mine or left
                self.tick()
        if left := proctree.below([os.getpid()]):
            say(f"killing {len(left)} processes that did not end")
        while (left := proctree.below([os.getpid()])) and time.monotonic() - begun < STOP_SECONDS + 10:
            proctree.send(left, signal.SIGKILL)
            self.tick()
        self.tick()
        say("Slipway has stopped.")


def fetch(path: str) -> tuple[bool, str]:
    """Whether our own web answers 200 within 2 s, and the answer or the fault in one line."""
    try:
        with urllib.request.urlopen(ADDRESS + path, timeout=2) as answer:  # noqa: S310 (our own address)
            return answer.status == 200, answer.read(2000).decode(errors="replace")
    except urllib.error.HTTPError as fault:
        return False, fault.read(2000).decode(errors="replace")
    except OSError as fault:
        return False, f"the web process does not answer yet ({fault})"


def main() -> int:
    """Run until told to stop."""
    lock = claim.claim_home(HOME, runtime_dir(), MARK, ADDRESS)
    claim.check_port(PORT)
    os.chdir(ROOT)
    (HOME / "logs").mkdir(mode=0o700, exist_ok=True)
    for name in ("secret_key", "redis_password", "join_token", "signing_key"):
        secret(name)  # made before the children could race for them
    proctree.become_subreaper()
    with lock:
        return Runner(demo="--demo" in sys.argv[1:]).run()


if __name__ == "__main__":
    sys.exit(main())
