"""Every snippet of the user guide, run as it is printed: page after page, in one folder, against the whole platform."""

import io
import os
import random
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.stack import ROOT, Api, Stack

pytestmark = pytest.mark.torch

GUIDE = ROOT / "docs/guide/en"
ORDER = ("quick-start", "datasets", "training", "base-models", "watching", "models", "deploying", "calling", "teams")
SNIPPET = re.compile(r"^```(sh|python|js) run\n(.*?)^```", re.S | re.M)
FENCE = re.compile(r"^```(\w*)( run)?\n(.*?)^```", re.S | re.M)
LINES = ("The morning is bright", "A quiet river runs below the town", "Birds sing before the rain", "The evening wind is soft")


def snippets(page: str) -> list[tuple[str, str]]:
    return SNIPPET.findall((GUIDE / f"{page}.md").read_text())


@pytest.fixture(scope="module")
def api(stack: Stack) -> Api:
    return stack.client("guide@example.org", "team")


@pytest.fixture(scope="module")
def folder(api: Api, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the snippets run. The page about calling also needs a picture, and endpoints for texts and pictures."""
    from PIL import Image

    rng = random.Random(0)
    verses = "\n".join(". ".join(rng.sample(LINES, 3)) for _ in range(200)).encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for number in range(40):
            out = io.BytesIO()
            Image.new("RGB", (32, 32), (200 + number, 30, 30) if number % 2 else (30, 30, 200 + number)).save(out, "PNG")
            archive.writestr(f"{('blue', 'red')[number % 2]}/{number}.png", out.getvalue())
    tiny = {"max_steps": 10, "hidden_size": 64, "layers": 1, "max_length": 32, "batch_size": 8}
    for name, file, data, recipe, params, model in (
        ("verses", "verses.txt", verses, "text-generation/pretrain", tiny, "poet"),
        ("colours", "colours.zip", packed.getvalue(), "image-classification/finetune", {"epochs": 1, "image_size": 32}, "colours"),
    ):
        assert api.dataset(name, file, data)["state"] == "ready"
        job = api.train(recipe=recipe, dataset=name, params=params, model_name=model)
        assert job["state"] == "succeeded", job["error"]
        assert api.deploy(model, f"{model}@1")["state"] == "ready"
    place = tmp_path_factory.mktemp("guide")
    (place / "picture.png").write_bytes(out.getvalue())
    return place


def node() -> str:
    found = subprocess.run([sys.executable, str(ROOT / "platform/find.py"), "node"], capture_output=True, text=True, check=True)
    return str(Path(found.stdout.strip()) / "node")


def run(language: str, code: str, folder: Path, api: Api) -> subprocess.CompletedProcess[str]:
    commands = {
        "sh": ["bash", "-euo", "pipefail", "-c", code],
        "python": [sys.executable, "-c", code],
        "js": [node(), "--input-type=module", "-e", code] if language == "js" else [],
    }
    env = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    env |= {"SLIPWAY_URL": api.base, "SLIPWAY_TOKEN": api.token, "NO_PROXY": "127.0.0.1"}
    return subprocess.run(commands[language], cwd=folder, env=env, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("page", ORDER)
def test_every_snippet_of_the_page_works(page: str, folder: Path, api: Api) -> None:
    """The pages build on one another, as a reader works through them."""
    found = snippets(page)
    assert found
    for language, code in found:
        ended = run(language, code, folder, api)
        assert ended.returncode == 0, f"{code}\n{ended.stdout[-2000:]}\n{ended.stderr[-3000:]}"
        assert ended.stdout.strip() or "reviews.csv" in code, code


def test_no_snippet_that_calls_the_platform_is_left_out() -> None:
    pages = {path.stem for path in GUIDE.glob("*.md") if snippets(path.stem)}
    assert pages == set(ORDER)
    for path in GUIDE.glob("*.md"):
        for language, marked, code in FENCE.findall(path.read_text()):
            calls = "SLIPWAY_TOKEN" in code and "createtoken" not in code
            assert bool(marked) == (calls or "reviews.csv" in code), f"{path.name}: {language}\n{code}"
