"""The walls: what a reader that was taken over could do, tried from inside one."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.workers.prepare import makers
from tests.workers.prepare.conftest import ROOT, alone

PROBE = """
import json, os, resource, socket, sys
from pathlib import Path
from workers.prepare import sandbox
folder, secret, given = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
sandbox.limit(0)
weaker = sandbox.isolate(folder, [given], network=False)
def attempt(what):
    try:
        what()
    except MemoryError:
        return "MemoryError"
    except OSError as error:
        return type(error).__name__
    return "done"
def connect():
    socket.create_connection(("127.0.0.1", int(sys.argv[4])), 2)
print(json.dumps({
    "weaker": weaker,
    "write inside": attempt(lambda: (folder / "x").write_text("x")),
    "write outside": attempt(lambda: open(secret + ".new", "w")),
    "read secret": attempt(lambda: open(secret).read()),
    "read given": attempt(lambda: given.read_bytes()),
    "change given": attempt(lambda: open(given, "a")),
    "link": attempt(lambda: os.symlink(secret, folder / "link")),
    "repository": attempt(lambda: os.listdir(sys.argv[5])),
    "connect": attempt(connect),
    "memory": attempt(lambda: bytearray(4 << 30)),
    "core": resource.getrlimit(resource.RLIMIT_CORE)[1],
    "cpu": resource.getrlimit(resource.RLIMIT_CPU)[1],
}))
"""


@pytest.fixture(scope="module")
def probe(tmp_path_factory):
    import socket

    base = tmp_path_factory.mktemp("walls")
    (run := base / "run").mkdir()
    (secret := base / "secret").write_text("secret")
    (given := base / "given").write_text("given")
    with socket.create_server(("127.0.0.1", 0)) as server:
        command = [sys.executable, "-c", PROBE, str(run), str(secret), str(given), str(server.getsockname()[1]), str(ROOT)]
        return json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout)


def test_A23_limits(probe):
    assert probe["memory"] == "MemoryError"
    assert probe["core"] == 0
    assert 0 < probe["cpu"] <= 60


def test_A23_files_and_network(probe):
    landlock = not any("Landlock:" in note for note in probe["weaker"])
    assert probe["write inside"] == probe["read given"] == "done"
    if landlock:
        denied = ("write outside", "read secret", "change given", "link", "repository")
        assert {name: probe[name] for name in denied} == dict.fromkeys(denied, "PermissionError")
    assert probe["connect"] != "done" or not landlock


def test_a_fresh_interpreter_does_the_same(door):
    folder = door.order({"kind": "prepare"}, {"a.csv": makers.csv()})
    outcome = alone(folder)
    assert outcome.status == 0
    assert outcome.result["splits"] == {"train": 32, "validation": 4, "test": 4}
    assert sorted(path.name for path in folder.iterdir()) == ["events.jsonl", "order.json", "result.json", "shards"]
    assert [event["seq"] for event in outcome.events] == list(range(1, len(outcome.events) + 1))


def test_a_fresh_interpreter_refuses(door):
    outcome = alone(door.order({"kind": "prepare"}, {"a.csv": b""}))
    assert (outcome.status, outcome.code) == (3, "empty_file")


def test_nothing_heavy_is_imported():
    code = (
        "import sys, workers.prepare.__main__, workers.prepare.pipeline, workers.prepare.model_import;"
        "print([m for m in ('torch', 'datasets', 'transformers', 'pandas', 'django', 'scipy') if sys.modules.get(m)])"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip() == "[]"


def test_A23_a_reader_killed_by_its_limits_leaves_no_result(door):
    """What the shepherd sees: a death by signal, no result and no error."""
    folder = door.order({"kind": "prepare"}, {"a.csv": makers.csv(300_000)})
    process = subprocess.Popen([sys.executable, "-m", "workers.prepare", str(folder)], cwd=ROOT)
    while not (folder / "events.jsonl").exists():
        assert process.poll() is None
    os.kill(process.pid, signal.SIGXCPU)
    assert process.wait(20) == -signal.SIGXCPU
    assert not (folder / "result.json").exists()
    assert not (folder / "error.json").exists()


def test_A23_out_of_memory_is_a_damaged_file(door):
    folder = door.order({"kind": "prepare"}, {"a.json": b'[{"a": "' + b"x" * 15_000_000 + b'"}]'})
    order = json.loads((folder / "order.json").read_text())
    order["resources"] = {"memory_bytes": 170 * 2**20}
    (folder / "order.json").write_text(json.dumps(order))
    outcome = alone(folder)
    assert outcome.status < 0 or outcome.code == "damaged_file"


def test_the_probe_is_what_it_says(tmp_path: Path):
    """Without the walls the same probe would succeed: the test above tests something."""
    (tmp_path / "secret").write_text("x")
    assert (tmp_path / "secret").read_text() == "x"
