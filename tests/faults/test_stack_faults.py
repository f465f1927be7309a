"""Faults against the whole platform with real training: what was promised to users comes true through the public API."""

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.faults.conftest import ROWS
from tests.stack import Api, Stack
from workers import groups

pytestmark = [pytest.mark.torch, pytest.mark.timeout(400)]

SMALL = {"early_stopping_patience": 0, "batch_size": 4, "hidden_size": 64, "layers": 1, "max_length": 32}
LONG = {**SMALL, "epochs": 1000}  # longer than any test on any machine; ended by the test
WHOLE = {**SMALL, "epochs": 15}
BACK_SECONDS = {"ready": 15, "resumed": 45, "serving": 60}  # from the start that follows the end of everything


@pytest.fixture(autouse=True)
def nothing_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test that fails leaves no job behind for the next one to wait for."""
    yield
    if "api" in request.fixturenames:
        api = request.getfixturevalue("api")
        for job in api.get("…/jobs?limit=200")["items"]:
            if job["state"] in ("queued", "starting", "running"):
                api.call("POST", f"…/jobs/{job['id']}/cancel", {"keep": False})


def start(api: Api, **more: Any) -> str:
    spec = {"kind": "train", "recipe": "text-classification/finetune", "dataset": "reviews@1", "params": LONG, **more}
    return str(api.post("…/jobs", spec)["id"])


def record(chaos: Stack, attempt: int, job: str | None = None, seconds: float = 60) -> dict[str, Any]:
    """The keeper's record of the newest training run with this attempt number."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = []
        for path in (chaos.home / "runs").glob("*/keeper.json"):
            about = json.loads(path.read_text())
            if about["attempt"] == attempt and (job is None or about["job"] == job) and groups.alive(about["shepherd"]):
                found.append((path.stat().st_mtime, about))
        if found:
            return dict(max(found, key=lambda pair: pair[0])[1])
        time.sleep(0.05)
    raise AssertionError(f"no live attempt {attempt}")


def pid_of(name: str) -> int:
    return int(name.split(":")[1])


def progressed(api: Api, job: str, steps: int, seconds: float = 90) -> int:
    """Wait until so many steps are done; the step."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        at = api.get(f"…/jobs/{job}")
        step = (at["progress"] or {}).get("step") or 0
        if step >= steps:
            return int(step)
        assert at["state"] not in ("failed", "cancelled", "succeeded"), at
        time.sleep(0.1)
    raise AssertionError(f"job {job} did not reach step {steps}: {at}")


def checkpointed(api: Api, job: str, seconds: float = 90) -> int:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if items := api.get(f"…/jobs/{job}/checkpoints")["items"]:
            return max(int(item["step"]) for item in items)
        time.sleep(0.1)
    raise AssertionError(f"job {job} made no checkpoint")


def assert_each_step_once(api: Api, job: str) -> None:
    steps = api.get(f"…/jobs/{job}/metrics?keys=train/loss")["train/loss"]["steps"]
    assert steps == sorted(set(steps))


def resumed_at(api: Api, job: str, seconds: float = 60) -> int:
    """The step the job's log says a later attempt began at, as soon as it says so."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if said := api.get(f"…/jobs/{job}/logs?q=resumed")["items"]:
            return int(said[0]["text"].split("step ")[1].split()[0])
        time.sleep(0.1)
    raise AssertionError(f"job {job} was not resumed")


def goes_on(api: Api, job: str, saved: int) -> None:
    """The second attempt works, from the checkpoint on; then the job is ended."""
    at = resumed_at(api, job)
    assert at >= saved
    progressed(api, job, at + 25)
    assert api.get(f"…/jobs/{job}")["attempt"] == 2
    api.post(f"…/jobs/{job}/cancel", {"keep": False})
    assert api.wait(f"…/jobs/{job}", {"cancelled", "failed"}, 60)["state"] == "cancelled"
    assert_each_step_once(api, job)


def processes(chaos: Stack, words: str) -> list[psutil.Process]:
    assert chaos.process
    return [p for p in psutil.Process(chaos.process.pid).children(recursive=True) if words in " ".join(p.cmdline())]


def test_F1_killed_child_resumes_from_its_checkpoint(chaos: Stack, api: Api) -> None:
    job = start(api, params=WHOLE)
    saved = checkpointed(api, job)
    os.kill(pid_of(record(chaos, 1)["child"]), signal.SIGKILL)
    begun = time.monotonic()
    record(chaos, 2, seconds=15)
    assert time.monotonic() - begun < 15
    ended = api.wait(f"…/jobs/{job}", {"succeeded", "failed"}, 200)
    assert (ended["state"], ended["attempt"]) == ("succeeded", 2), ended["error"]
    assert resumed_at(api, job) >= saved
    assert_each_step_once(api, job)


def test_F3_killed_celery_worker_disturbs_no_training(chaos: Stack, api: Api) -> None:
    job = start(api)
    step = progressed(api, job, 10)
    (worker,) = [p for p in processes(chaos, "celery") if "worker" in " ".join(p.cmdline())]
    worker.kill()
    progressed(api, job, step + 20)
    assert api.get(f"…/jobs/{job}")["attempt"] == 1
    begun = time.monotonic()
    assert api.dataset("others", "others.csv", ROWS + b"good,pos\n")["state"] == "ready"
    assert time.monotonic() - begun < 40
    api.post(f"…/jobs/{job}/cancel", {"keep": False})
    api.wait(f"…/jobs/{job}", {"cancelled"}, 40)


def test_F4_killed_shepherd_is_followed_by_one_attempt(chaos: Stack, api: Api) -> None:
    job = start(api)
    saved = checkpointed(api, job)
    about = record(chaos, 1)
    os.kill(pid_of(about["shepherd"]), signal.SIGKILL)
    begun = time.monotonic()
    while groups.members(pid_of(about["child"])):
        assert time.monotonic() - begun < 5
        time.sleep(0.05)
    record(chaos, 2, about["job"], seconds=35)
    assert time.monotonic() - begun < 35
    goes_on(api, job, saved)


def test_F5_a_shepherd_that_lost_its_lease_ends(chaos: Stack, api: Api) -> None:
    job = start(api)
    saved = checkpointed(api, job)
    about = record(chaos, 1)
    os.kill(pid_of(about["shepherd"]), signal.SIGSTOP)
    newer = record(chaos, 2, about["job"], seconds=60)
    assert newer["child"] != about["child"]
    try:
        os.kill(pid_of(about["shepherd"]), signal.SIGCONT)
    except ProcessLookupError:
        pass  # the newer attempt has ended it before it started, as it shall
    begun = time.monotonic()
    while groups.alive(about["child"]) or groups.alive(about["shepherd"]):
        assert time.monotonic() - begun < 5
        time.sleep(0.05)
    goes_on(api, job, saved)


def test_F16_out_of_memory_is_said_and_not_tried_again(chaos: Stack, api: Api) -> None:
    job = start(api, params={"hidden_size": 512, "layers": 8}, resources={"memory_bytes": 64 << 20})
    ended = api.wait(f"…/jobs/{job}", {"succeeded", "failed"}, 120)
    assert (ended["state"], ended["attempt"]) == ("failed", 1)
    assert ended["error"]["code"] == "out_of_memory"
    assert "smaller batch size" in ended["error"]["hint"]
    assert "64 MiB" in ended["error"]["message"]


def test_F18_polite_cancel_keeps_a_model(chaos: Stack, api: Api) -> None:
    job = start(api, model_name="kept")
    checkpointed(api, job)
    api.post(f"…/jobs/{job}/cancel", {"keep": True})
    ended = api.wait(f"…/jobs/{job}", {"cancelled"}, 60)
    assert ended["model"] == "kept@1"
    assert api.get("…/models/kept/versions/1")["state"] == "ready"


def test_F21_killed_replica_comes_back(chaos: Stack, api: Api) -> None:
    made = api.train(recipe="text-classification/majority", dataset="reviews@1", model_name="base")
    api.post("…/endpoints", {"name": "two", "model": made["model"], "replicas": {"min": 2, "max": 2}})
    api.wait("…/endpoints/two", {"ready"}, 60)
    wrong: list[Any] = []
    done = threading.Event()

    def load() -> None:
        while not done.is_set():
            status, body = api.call("POST", f"/v1/endpoints/{api.workspace}/two", {"inputs": "x"})
            if status != 200:
                wrong.append((status, body))

    clients = [threading.Thread(target=load) for _ in range(4)]
    for client in clients:
        client.start()
    time.sleep(1)
    os.kill(pid_of(replicas(chaos)[0]["child"]), signal.SIGKILL)
    begun = time.monotonic()
    while len(replicas(chaos)) < 2 or api.get("…/endpoints/two")["state"] != "ready":
        assert time.monotonic() - begun < 15
        time.sleep(0.1)
    time.sleep(1)
    done.set()
    for client in clients:
        client.join()
    assert wrong == []
    api.call("DELETE", "…/endpoints/two")


def replicas(chaos: Stack) -> list[dict[str, Any]]:
    """Keepers' records of live replicas."""
    found = []
    for path in (chaos.home / "runs").glob("*/keeper.json"):
        about = json.loads(path.read_text())
        order = path.parent / "order.json"
        if groups.alive(about["child"]) and order.exists() and json.loads(order.read_text())["work"]["kind"] == "serve":
            found.append(about)
    return found


def kill_everything(stack: Stack) -> None:
    """As a power cut does: nothing is told, nothing gets to say a last word."""
    assert stack.process
    runner = psutil.Process(stack.process.pid)
    everything = [runner, *runner.children(recursive=True)]
    for process in everything:
        process.kill()
    stack.process.wait()
    psutil.wait_procs(everything, 10)


def test_F17_everything_killed_and_started_again(tmp_path: Path) -> None:
    stack = Stack(home=tmp_path / "home")
    stack.home.mkdir()
    stack.start(120)
    try:
        api = stack.client("again@example.org", "again")
        assert api.dataset("reviews", "reviews.csv", ROWS)["state"] == "ready"
        base = api.train(recipe="text-classification/majority", dataset="reviews@1", model_name="base")
        assert api.deploy("base", base["model"])["state"] == "ready"
        job = start(api, params=WHOLE)
        saved = checkpointed(api, job)
        kill_everything(stack)
        begun = time.monotonic()
        took = {"ready": stack.start(60) and time.monotonic() - begun}
        while time.monotonic() - begun < 90 and not {"resumed", "serving"} <= set(took):
            if "serving" not in took and api.call("POST", f"/v1/endpoints/{api.workspace}/base", {"inputs": "x"})[0] == 200:
                took["serving"] = time.monotonic() - begun
            if "resumed" not in took and api.get(f"…/jobs/{job}/logs?q=resumed")["items"]:
                took["resumed"] = time.monotonic() - begun
            time.sleep(0.2)
        print("seconds after everything was killed:", {what: round(seconds, 1) for what, seconds in took.items()})
        late = {what: took.get(what) for what, most in BACK_SECONDS.items() if took.get(what, 1e9) > most}
        assert not late, (late, stack.tail(60))
        ended = api.wait(f"…/jobs/{job}", {"succeeded", "failed"}, 250)
        assert (ended["state"], ended["attempt"]) == ("succeeded", 2), ended["error"]
        assert resumed_at(api, job) >= saved
        assert_each_step_once(api, job)
    finally:
        stack.stop()
