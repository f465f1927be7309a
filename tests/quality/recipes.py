"""What the recipes reach on real data, through the public API of a platform started for it: `python -m tests.quality.recipes [NAME …]`.

Each line shows the figure beside its target; a missed target ends it with status 1. Names: see TRIALS; all of them when none is given.
`SLIPWAY_URL` and `SLIPWAY_TOKEN` try a platform that runs already (workspace `SLIPWAY_WORKSPACE`, default quality).
"""

import base64
import json
import os
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tests.quality import _e5, _sets
from tests.stack import Api, Stack

HOURS = 3600.0
PART = 8 * 1024 * 1024  # bytes of one PATCH


class Trial(NamedTuple):
    """One training. metric: of the finished job; target: at least, or at most where `most` is true; base: brought as an archive."""

    recipe: str
    metric: str
    target: float
    dataset: Callable[[Api], str]
    columns: dict[str, str]
    params: dict[str, Any]
    most: bool = False
    base: Callable[[Api], str] | None = None
    inputs: Any = None


def send(api: Api, name: str, content: bytes) -> str:
    """A resumable upload; its id."""
    tus, encoded = {"Tus-Resumable": "1.0.0"}, base64.b64encode(name.encode()).decode()
    sent = tus | {"Authorization": f"Bearer {api.token}", "Upload-Length": str(len(content)), "Upload-Metadata": f"filename {encoded}"}
    url = f"{api.base}/api/v1/workspaces/{api.workspace}/uploads"
    with urllib.request.urlopen(urllib.request.Request(url, b"", sent, method="POST"), timeout=60) as answer:
        identity = str(answer.headers["Location"]).rstrip("/").rpartition("/")[2]
    for offset in range(0, len(content), PART):
        headers = tus | {"Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
        status, answer = api.call("PATCH", f"…/uploads/{identity}", raw=content[offset : offset + PART], headers=headers, timeout=600)
        if status != 204:
            raise RuntimeError(f"upload of {name} at {offset}: {status} {answer}")
    return identity


def dataset(api: Api, name: str, filename: str, content: Callable[[], bytes], options: dict[str, Any]) -> str:
    """`name@n`, made when this workspace has none that is ready."""
    status, found = api.call("GET", f"…/datasets/{name}/versions/1")
    if status == 200 and found["state"] == "ready":
        return f"{name}@1"
    api.call("POST", "…/datasets", {"name": name, "title": name})
    version = api.post(f"…/datasets/{name}/versions", {"uploads": [send(api, filename, content())], "options": options})["version"]
    ready = api.wait(f"…/datasets/{name}/versions/{version}", {"ready", "failed"}, HOURS)
    if ready["state"] != "ready":
        raise RuntimeError(f"{name}: {ready['error']}")
    print(f"  {name}@{version}: {ready['splits']}", flush=True)
    return f"{name}@{version}"


def reviews(api: Api) -> str:
    return dataset(api, "zh-reviews", "reviews.csv", lambda: _sets.as_csv(_sets.zh_sentiment()), {"split": {"column": "split"}})


def lines(api: Api) -> str:
    return dataset(api, "en-lines", "lines.csv", lambda: _sets.as_csv(_sets.en_sentiment()), {"split": {"column": "split"}})


def verse(api: Api) -> str:
    split = {"train": 0.8, "validation": 0.1, "test": 0.1, "method": "ordered"}

    def content() -> bytes:
        return "\n".join(json.dumps({"text": poem}, ensure_ascii=False) for poem in _sets.poems()).encode()

    return dataset(api, "zh-verse", "verse.jsonl", content, {"split": split})


def _divided(pictures: np.ndarray[Any, Any], labels: np.ndarray[Any, Any]) -> dict[str, Any]:
    kinds = np.asarray(_sets.split_rows(labels))
    return {kind: (pictures[kinds == kind], labels[kinds == kind]) for kind in ("train", "validation", "test")}


def digits(api: Api) -> str:
    return dataset(api, "digits", "digits.zip", lambda: _sets.as_zip(_divided(*_sets.digits())), {})


def mnist(api: Api) -> str:
    def content() -> bytes:
        pictures, labels = _sets.mnist("train")
        cut = len(labels) - 5000
        parts = {"train": (pictures[:cut], labels[:cut]), "validation": (pictures[cut:], labels[cut:]), "test": _sets.mnist("t10k")}
        return _sets.as_zip(parts)

    return dataset(api, "mnist", "mnist.zip", content, {})


def e5(api: Api) -> str:
    """multilingual-e5-small, brought as a user would: one archive through POST …/models."""
    status, found = api.call("GET", "…/models/multilingual-e5-small/versions/1")
    if status != 200 or found["state"] != "ready":
        identity = send(api, "multilingual-e5-small.zip", _e5.archive().read_bytes())
        api.post("…/models", {"name": "multilingual-e5-small", "task": "text-classification", "uploads": [identity]})
        found = api.wait("…/models/multilingual-e5-small/versions/1", {"ready", "failed"}, 1200)
    if found["state"] != "ready":
        raise RuntimeError(f"the base model: {found['error']}")
    return "multilingual-e5-small@1"


TEXT = {"text": "review", "label": "label"}
PICTURE = {"image": "image", "label": "label"}
CLASSIFY, PRETRAIN, PICTURES = "text-classification/finetune", "text-generation/pretrain", "image-classification/finetune"
TRIALS: dict[str, Trial] = {
    "baseline": Trial("text-classification/majority", "test/accuracy", 0.5, reviews, TEXT, {}, inputs="房间很干净"),
    "zh-scratch": Trial(CLASSIFY, "test/accuracy", 0.83, reviews, TEXT, {}, inputs="房间很干净，服务也热情"),
    "en-scratch": Trial(CLASSIFY, "test/accuracy", 0.72, lines, TEXT, {}, inputs="a warm and funny film"),
    "digits": Trial(PICTURES, "test/accuracy", 0.97, digits, PICTURE, {}),
    "mnist": Trial(PICTURES, "test/accuracy", 0.985, mnist, PICTURE, {"epochs": 4}),
    "zh-verse": Trial(PRETRAIN, "test/bits_per_char", 8.9, verse, {"text": "text"}, {}, most=True, inputs="明月"),
    "zh-e5": Trial(CLASSIFY, "test/accuracy", 0.865, reviews, TEXT, {"epochs": 2, "batch_size": 16}, base=e5, inputs="房间很干净"),
}


def attempt(api: Api, name: str, trial: Trial) -> bool:
    """Train, deploy where there is something to ask, print the line; whether the target was reached."""
    print(f"{name}: {trial.recipe}", flush=True)
    data = trial.dataset(api)
    base = trial.base(api) if trial.base else None
    began = time.monotonic()
    spec = {"recipe": trial.recipe, "dataset": data, "columns": trial.columns, "params": trial.params, "base_model": base}
    job = api.train(4 * HOURS, **spec, name=name, model_name=name)
    seconds = time.monotonic() - began
    if job["state"] != "succeeded":
        print(f"  {name:12} {job['state']}: {job['error']}", flush=True)
        return False
    found = job["metrics"][trial.metric]["last"]
    reached = bool(found <= trial.target if trial.most else found >= trial.target)
    sign, word = ("<=" if trial.most else ">="), ("reached" if reached else "MISSED")
    print(f"  {name:12} {trial.metric} {found:.4f}   target {sign} {trial.target}   {seconds:.0f} s   {word}", flush=True)
    if trial.inputs is not None:
        ask(api, name, job["model"], trial.inputs)
    return reached


def ask(api: Api, name: str, model: str, inputs: Any) -> None:
    """One prediction from an endpoint made for it and removed again."""
    endpoint = api.deploy(name, model)
    if endpoint["state"] == "ready":
        print(f"  {inputs} → {json.dumps(api.predict(name, inputs), ensure_ascii=False)[:200]}", flush=True)
    else:
        print(f"  endpoint {endpoint['state']}: {endpoint['error']}", flush=True)
    api.call("DELETE", f"…/endpoints/{name}")


def main(names: list[str]) -> int:
    unknown = [name for name in names if name not in TRIALS]
    if unknown:
        print(f"unknown: {', '.join(unknown)}; known: {', '.join(TRIALS)}", file=sys.stderr)
        return 2
    given, token = os.environ.get("SLIPWAY_URL"), os.environ.get("SLIPWAY_TOKEN", "")
    stack = None if given else Stack(home=_home()).start()
    workspace = os.environ.get("SLIPWAY_WORKSPACE", "quality")
    try:
        api = Api(given, token, workspace) if given else stack.client(workspace=workspace) if stack else None
        results = {name: attempt(api, name, TRIALS[name]) for name in names or TRIALS} if api else {}
    finally:
        if stack:
            stack.stop()
    missed = [name for name, reached in results.items() if not reached]
    print(f"{len(results) - len(missed)} of {len(results)} targets reached" + (f"; missed: {', '.join(missed)}" if missed else ""))
    return 1 if missed else 0


def _home() -> Path | None:
    """A home that is kept between runs, when QUALITY_HOME names one: prepared data sets are then used again."""
    given = os.environ.get("QUALITY_HOME")
    if given:
        Path(given).mkdir(parents=True, exist_ok=True)
    return Path(given) if given else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
