"""The main job as a team does it, through the public contract: upload, prepare, train and watch live, register, deploy, call."""

import json
import urllib.request
from typing import Any

import pytest
import websockets

from tests.stack import Api, Stack

ROWS = b"review,stars\n" + b"".join(
    f"{'很好 good fine' if i % 2 else '很差 bad poor'} item {i},{'pos' if i % 2 else 'neg'}\n".encode() for i in range(400)
)


@pytest.fixture(scope="module")
def api(stack: Stack) -> Api:
    return stack.client("flow@example.org", "flow")


@pytest.fixture(scope="module")
def reviews(api: Api) -> Any:
    return api.dataset("reviews", "reviews.csv", ROWS)


def test_a_csv_becomes_a_typed_version_with_splits(api: Api, reviews: Any) -> None:
    assert reviews["state"] == "ready", reviews["error"]
    assert reviews["features"] == {"review": "text", "stars": "category"}
    assert reviews["splits"] == {"train": 320, "validation": 40, "test": 40}
    page = api.get("…/datasets/reviews/versions/1/rows?split=train&limit=3&filter=stars:eq:pos")
    assert (page["total"], [row["values"]["stars"] for row in page["items"]]) == (160, ["pos"] * 3)


def test_the_same_bytes_again_are_the_same_version(api: Api, reviews: Any) -> None:
    status, version = api.send_file("reviews", "reviews.csv", ROWS)
    assert (status, version["version"]) == (200, 1)


def test_majority_goes_from_data_to_an_answer(api: Api, reviews: Any) -> None:
    job = api.train(
        recipe="text-classification/majority", dataset="reviews@1", columns={"text": "review", "label": "stars"}, name="base line"
    )
    assert (job["state"], job["model"]) == ("succeeded", "base-line@1"), job["error"]
    assert job["metrics"]["test/accuracy"]["last"] == pytest.approx(0.5)
    endpoint = api.deploy("baseline", job["model"])
    assert endpoint["state"] == "ready", endpoint["error"]
    answer = api.predict("baseline", "很好")
    assert {row["label"] for row in answer[0]} == {"pos", "neg"}
    assert [len(inner) for inner in api.predict("baseline", ["a", "b"])] == [2, 2]


@pytest.mark.torch
def test_a_transformer_from_scratch_learns_and_its_folder_opens(api: Api, reviews: Any, tmp_path: Any) -> None:
    job = api.train(recipe="text-classification/finetune", dataset="reviews@1", params={"epochs": 2}, model_name="clf")
    assert job["state"] == "succeeded", job["error"]
    assert job["metrics"]["test/accuracy"]["last"] > 0.95
    assert job["columns"] == {"text": "review", "label": "stars"}
    version = api.get("…/models/clf/versions/1")
    assert version["lineage"]["dataset"] == "reviews@1"
    for file in api.get("…/models/clf/versions/1/files")["items"]:
        url = f"{api.base}/api/v1/workspaces/flow/models/clf/versions/1/files/{file['name']}"
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {api.token}"})
        (tmp_path / file["name"]).parent.mkdir(parents=True, exist_ok=True)
        with urllib.request.urlopen(request) as answer:
            (tmp_path / file["name"]).write_bytes(answer.read())
    from transformers import pipeline

    classify = pipeline("text-classification", model=str(tmp_path))
    assert api.deploy("clf", "clf@1")["state"] == "ready"
    for text in ("很好 good fine item", "很差 bad poor item"):
        theirs, ours = classify(text)[0], api.predict("clf", text)[0][0]
        assert theirs["label"] == ours["label"]
        assert theirs["score"] == pytest.approx(ours["score"], abs=1e-2)


async def frames(api: Api, job: str, after: int, until: str) -> list[dict[str, Any]]:
    """Every frame above the cursor until a state frame with this state."""
    url = f"{api.base.replace('http', 'ws')}/ws/workspaces/{api.workspace}/jobs/{job}?after={after}"
    out = []
    async with websockets.connect(url, additional_headers={"Authorization": f"Bearer {api.token}"}, max_size=None) as socket:
        async for message in socket:
            frame = json.loads(message)
            out.append(frame)
            if frame["type"] == "state" and frame["data"]["state"] == until:
                return out
    raise RuntimeError("the socket closed before the job ended")


async def test_the_socket_gives_every_event_once_and_goes_on_at_a_cursor(api: Api, reviews: Any) -> None:
    job = api.post("…/jobs", {"kind": "train", "recipe": "text-classification/majority", "dataset": "reviews", "model_name": "live"})
    live = await frames(api, job["id"], 0, "succeeded")
    assert [f["cursor"] for f in live] == list(range(1, len(live) + 1))
    assert {"state", "log", "metric"} <= {f["type"] for f in live}
    middle = len(live) // 2
    assert await frames(api, job["id"], middle, "succeeded") == live[middle:]
    lines = api.get(f"…/jobs/{job['id']}/logs?limit=200")
    assert [row["text"] for row in lines["items"]] == [f["data"]["text"] for f in live if f["type"] == "log"]


def test_a_stopped_job_says_so_and_cannot_be_stopped_twice(api: Api, reviews: Any) -> None:
    job = api.post("…/jobs", {"kind": "train", "recipe": "text-classification/majority", "dataset": "reviews", "model_name": "stopme"})
    api.wait(f"…/jobs/{job['id']}")
    status, problem = api.call("POST", f"…/jobs/{job['id']}/cancel", {})
    assert (status, problem["code"]) == (409, "job_ended")


def test_wrong_columns_and_params_are_named_all_at_once(api: Api, reviews: Any) -> None:
    body = {"kind": "train", "recipe": "text-classification/finetune", "dataset": "reviews", "params": {"epochs": -1, "learning_rate": 1e9}}
    status, problem = api.call("POST", "…/jobs", body)
    assert status == 422
    assert {".".join(map(str, e["loc"])) for e in problem["errors"]} == {"body.params.epochs", "body.params.learning_rate"}
    status, problem = api.call("POST", "…/jobs", {**body, "params": {}, "columns": {"text": "revue"}})
    assert (status, problem["errors"][0]["loc"]) == (422, ["body", "columns", "text"])
    assert "review" in problem["errors"][0]["msg"]


def test_a_dry_run_creates_nothing(api: Api, reviews: Any) -> None:
    before = api.get("…/jobs")["items"][0]["id"]
    checks = api.post("…/jobs?dry_run=true", {"kind": "train", "recipe": "text-classification/majority", "dataset": "reviews"})
    assert all(check["ok"] for check in checks["checks"])
    assert api.get("…/jobs")["items"][0]["id"] == before
