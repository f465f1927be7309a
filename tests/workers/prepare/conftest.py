"""The door of the reader: a run folder with an order goes in, its result or its error comes out of a process of its own."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).resolve().parents[3]
# One interpreter with the readers imported and nothing else done; every run is a fork of it that limits itself.
SERVER = """
import json, os, sys
from pathlib import Path
from workers.prepare import __main__ as door, pipeline, model_import
for line in sys.stdin:
    sys.stdout.flush()
    child = os.fork()
    if not child:
        try:
            os._exit(door.main(Path(line.strip())))
        except BaseException:
            import traceback
            traceback.print_exc()
            os._exit(1)
    _, status, usage = os.wait4(child, 0)
    print(json.dumps([os.waitstatus_to_exitcode(status), usage.ru_maxrss * 1024, usage.ru_utime + usage.ru_stime]), flush=True)
"""


@dataclass
class Outcome:
    """What a run left. status: exit status, negative for a signal; peak: bytes of resident memory; seconds: of processor time, which
    tells the same on a busy machine."""

    folder: Path
    status: int
    peak: int = 0
    seconds: float = 0.0
    result: dict[str, Any] = field(default_factory=dict)
    error: dict[str, Any] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)

    @property
    def code(self) -> str | None:
        return self.error.get("code")

    def rows(self, split: str) -> list[dict[str, Any]]:
        """All rows of a split, in order."""
        files = self.result["shards"].get(split, [])
        return [row for file in files for row in pq.read_table(self.folder / "shards" / file["name"]).to_pylist()]

    def all_rows(self) -> list[dict[str, Any]]:
        return [row for split in self.result["splits"] for row in self.rows(split)]

    @property
    def log(self) -> str:
        return "\n".join(event["data"]["text"] for event in self.events if event["type"] == "log")


def collect(folder: Path, status: int, peak: int, seconds: float = 0.0) -> Outcome:
    def load(name: str) -> Any:
        path = folder / name
        return json.loads(path.read_bytes()) if path.exists() else {}

    lines = (folder / "events.jsonl").read_text().splitlines() if (folder / "events.jsonl").exists() else []
    return Outcome(folder, status, peak, seconds, load("result.json"), load("error.json"), [json.loads(line) for line in lines])


class Door:
    def __init__(self, tmp: Path) -> None:
        self._tmp, self._count = tmp, 0
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
        command = [sys.executable, "-c", SERVER]
        self._server = subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def order(self, work: dict[str, Any], files: dict[str, bytes | Path]) -> Path:
        """A run folder with an order for these files: user's name -> bytes, or where they lie."""
        self._count += 1
        base = self._tmp / str(self._count)
        (folder := base / "run").mkdir(parents=True)
        refs = []
        for number, (name, content) in enumerate(files.items()):
            path = content if isinstance(content, Path) else base / f"upload-{number}"
            if isinstance(content, bytes):
                path.write_bytes(content)
            refs.append({"name": name, "uri": f"upload/{number}", "path": str(path), "size": path.stat().st_size})
        order = {"workspace": "w", "job": "1", "attempt": 1, "work": {**work, "files": refs}}
        (folder / "order.json").write_text(json.dumps(order))
        return folder

    def run(self, folder: Path) -> Outcome:
        assert self._server.stdin
        assert self._server.stdout
        self._server.stdin.write(f"{folder}\n")
        self._server.stdin.flush()
        return collect(folder, *json.loads(self._server.stdout.readline()))

    def close(self) -> None:
        assert self._server.stdin
        self._server.stdin.close()
        self._server.wait(10)


@pytest.fixture(scope="session")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    door = Door(tmp_path_factory.mktemp("prepare"))
    yield door
    door.close()


Prepare = Callable[..., Outcome]


@pytest.fixture(scope="session")
def prepare(door: Door) -> Prepare:
    """prepare({name: bytes}, **options) -> Outcome."""

    def run(files: dict[str, bytes | Path], **options: Any) -> Outcome:
        return door.run(door.order({"kind": "prepare", "options": options}, files))

    return run


@pytest.fixture(scope="session")
def bring(door: Door) -> Prepare:
    """bring({name: bytes}) -> Outcome of importing a model."""

    def run(files: dict[str, bytes | Path], **work: Any) -> Outcome:
        return door.run(door.order({"kind": "import", "task": "text-classification", **work}, files))

    return run


def alone(folder: Path) -> Outcome:
    """The same order in a fresh interpreter, as the shepherd starts it. Its peak is polled: rusage would count pytest's own memory."""
    peak = 0
    with subprocess.Popen([sys.executable, "-m", "workers.prepare", str(folder)], cwd=ROOT) as process:
        while process.poll() is None:
            status = Path(f"/proc/{process.pid}/status").read_text()
            own = "workers.prepare" in Path(f"/proc/{process.pid}/cmdline").read_text()
            peak = max([peak, *(int(line.split()[1]) * 1024 for line in status.splitlines() if own and line.startswith("VmHWM"))])
            time.sleep(0.02)
    return collect(folder, process.returncode, peak)
