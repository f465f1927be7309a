"""One allocation from hint to end, with real processes at a fake door."""

import json
import os
import signal
import subprocess
import time

from tests.workers.fake_door import FakeDoor
from tests.workers.hosts import Host, gone
from tests.workers.toys import order_of
from workers import groups
from workers.folder import runs_dir


def test_trains_reports_and_stores(host: Host, door: FakeDoor) -> None:
    door.grant("1", order_of("1", steps=5, every=2, lines=3))
    host.wake("1")
    end = door.ended("1")
    assert end["outcome"] == "succeeded", end
    assert end["result"]["metrics"] == {"train/loss": 0.2, "test/steps": 5.0}
    assert end["result"]["card"] == "A toy."
    (file,) = end["result"]["files"]
    assert file["name"] == "config.json"
    assert json.loads((door.store / "1/model/config.json").read_text())["steps"] == 5
    assert [data["step"] for data in door.of_type("1", "checkpoint")] == [2, 4]
    assert all(file["uri"] and file["sha256"] for data in door.of_type("1", "checkpoint") for file in data["files"])
    printed = [text for text in door.texts("1") if text.startswith("step ")]
    assert printed == [f"step {step} line {line}" for step in range(1, 6) for line in range(3)]
    assert [event["seq"] for event in door.events["1"]] == list(range(1, len(door.events["1"]) + 1))
    assert end["peak_bytes"] is None or end["peak_bytes"] > 0


def test_A30_walls_are_told_in_the_first_line(host: Host, door: FakeDoor) -> None:
    door.grant("1", order_of("1"))
    host.wake("1")
    door.ended("1")
    assert door.texts("1")[0].startswith("started on 1 thread of cpu; network: none, by ")


def test_F18_many_hints_one_run(host: Host, door: FakeDoor) -> None:
    door.grant("1", order_of("1", steps=3, seconds=0.1))
    for _ in range(5):
        host.wake("1")
    door.ended("1")
    host.wake("1")
    time.sleep(0.5)
    assert door.claimed == ["1"]
    assert len([text for text in door.texts("1") if text == "step 1 line 0"]) == 1


def test_user_error_keeps_its_code_and_place(host: Host, door: FakeDoor) -> None:
    door.grant("1", order_of("1", fail="user"))
    host.wake("1")
    end = door.ended("1")
    assert (end["outcome"], end["error"]["code"], end["error"]["loc"]) == ("failed", "bad_label", {"row": 3})


def test_settings_of_another_release_are_named_as_such(host: Host, door: FakeDoor) -> None:
    door.grant("1", order_of("1", warmth=3, steps="many"))
    host.wake("1")
    end = door.ended("1")
    assert (end["outcome"], end["error"]["code"]) == ("failed", "recipe_versions_differ")
    assert "toy/steps (version 1) cannot take steps, warmth" in end["error"]["message"]
    assert "Update the worker host" in end["error"]["hint"]


def test_an_order_of_another_release_is_named_as_such(host: Host, door: FakeDoor) -> None:
    door.grant("1", order_of("1"))
    door.of_a_later_release["1"] = {"gravity": 9.81}
    host.wake("1")
    end = door.ended("1")
    assert (end["outcome"], end["error"]["code"]) == ("failed", "recipe_versions_differ")
    assert "order.gravity" in end["error"]["message"]


def test_crash_names_its_last_line_and_logs_the_stack(host: Host, door: FakeDoor) -> None:
    door.grant("1", order_of("1", fail="crash"))
    host.wake("1")
    end = door.ended("1")
    assert end["error"]["code"] == "crashed"
    assert end["error"]["message"] == "RuntimeError: it broke"
    assert {"level": "error", "text": "Traceback (most recent call last):"} in door.of_type("1", "log")


def test_a_fault_of_its_own_is_no_loss(host: Host, door: FakeDoor) -> None:
    door.grant("1", order_of("1", fail="segv"))
    host.wake("1")
    end = door.ended("1")
    assert (end["outcome"], end["error"]["code"]) == ("failed", "crashed")
    assert "SIGSEGV" in end["error"]["message"]


def test_polite_stop_keeps_a_checkpoint(host: Host, door: FakeDoor) -> None:
    door.grant("1", order_of("1", steps=1000, seconds=0.05))
    host.wake("1")
    door.wait(lambda: "step 3 line 0" in door.texts("1"))
    door.stop["1"] = "keep"
    end = door.ended("1")
    assert end["outcome"] == "cancelled"
    steps = [data["step"] for data in door.of_type("1", "checkpoint")]
    assert len(steps) == 1
    assert steps[0] >= 3


def test_a_heartbeat_tells_memory_and_processors(host: Host, door: FakeDoor) -> None:
    door.grant("1", order_of("1", steps=1, seconds=600))
    host.wake("1")
    beat = door.wait(lambda: next((body for body in door.beats["1"] if body["cpu"] is not None), None))
    assert 0 <= beat["cpu"] < 1, "it sleeps"
    assert beat["rss"] >= 0
    door.stop["1"] = "kill"
    assert door.ended("1")["outcome"] == "cancelled"


def test_processor_time_is_that_of_the_whole_family() -> None:
    shell = subprocess.Popen(["sh", "-c", "(while :; do :; done) & wait"])
    try:
        end = time.monotonic() + 60
        while groups.processor_seconds(shell.pid) < 0.2:
            assert time.monotonic() < end, "the child of the child was not counted"
            time.sleep(0.02)
    finally:
        for pid in groups.family(shell.pid):
            os.kill(pid, signal.SIGKILL)
        shell.wait()


def test_kill_ends_the_group_at_once(host: Host, door: FakeDoor) -> None:
    door.grant("1", order_of("1", steps=1000, seconds=0.05, stubborn=True, offspring=True))
    host.wake("1")
    door.wait(lambda: "step 3 line 0" in door.texts("1"))
    session = host.child("1")
    assert len(groups.members(session)) == 2
    door.stop["1"] = "kill"
    assert door.ended("1", 5)["outcome"] == "cancelled"
    assert not groups.members(session)


def test_overtime_fails(host: Host, door: FakeDoor) -> None:
    door.grant("1", order_of("1", steps=1000, seconds=0.05, resources={"max_seconds": 1}))
    host.wake("1")
    end = door.ended("1")
    assert (end["outcome"], end["error"]["code"]) == ("failed", "timeout")


def test_door_away_training_goes_on_and_nothing_is_missing(host: Host, door: FakeDoor) -> None:
    door.grant("1", order_of("1", steps=30, seconds=0.05, lines=20))
    host.wake("1")
    door.wait(lambda: "step 3 line 0" in door.texts("1"))
    door.closed = True
    time.sleep(2.5)
    assert not gone(host.shepherd("1"), 0.1)
    door.closed = False
    assert door.ended("1", 20)["outcome"] == "succeeded"
    printed = [text for text in door.texts("1") if text.startswith("step ")]
    assert printed == [f"step {step} line {line}" for step in range(1, 31) for line in range(20)]


def test_a_newer_attempt_ends_the_older_one_first(host: Host, door: FakeDoor) -> None:
    door.grant("1", order_of("7", steps=1000, seconds=0.05))
    host.wake("1")
    door.wait(lambda: door.texts("1"))
    child, shepherd = host.child("1"), host.shepherd("1")
    door.grant("2", order_of("7", attempt=2, steps=1))
    host.wake("2")
    assert door.ended("2")["outcome"] == "succeeded"
    assert gone(child, 1)
    assert gone(shepherd, 1)


def test_resumes_from_a_sound_checkpoint_and_passes_over_a_damaged_one(host: Host, door: FakeDoor) -> None:
    door.grant("1", order_of("1", steps=6, every=2))
    host.wake("1")
    door.ended("1")
    points = [{"step": data["step"], "files": data["files"]} for data in door.of_type("1", "checkpoint")]
    for point in points:
        for file in point["files"]:
            file["path"] = file["uri"]
    assert len(points) >= 2, door.texts("1")
    newest, older = points[-1], points[-2]
    (door.store / "1/checkpoints/6/state.json").write_text('{"step": 9}')
    door.grant("2", order_of("1", attempt=2, steps=8, resume=newest, fallback=[older]))
    host.wake("2")
    assert door.ended("2")["outcome"] == "succeeded"
    assert any("checkpoint damaged: step 6" in text for text in door.texts("2"))
    assert json.loads((door.store / "2/model/config.json").read_text())["resumed"] == older["step"]


def test_what_ended_leaves_only_its_words_on_disk(host: Host, door: FakeDoor) -> None:
    door.grant("1", order_of("1", every=1))
    host.wake("1")
    door.ended("1")
    (folder,) = runs_dir().iterdir()
    door.wait(lambda: not (folder / "model").exists())
    assert (folder / "log.txt").read_text()
    assert (folder / "order.json").exists()
