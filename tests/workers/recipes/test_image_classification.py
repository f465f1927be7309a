"""image-classification/finetune on drawn pictures, in all three architectures."""

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

torch = pytest.importorskip("torch")

from PIL import Image  # noqa: E402

from tests.fakes import FakeRun  # noqa: E402
from workers.contract.recipe import UserError  # noqa: E402
from workers.lib import images  # noqa: E402
from workers.recipes.image_classification_finetune import serve, train  # noqa: E402
from workers.recipes.image_classification_finetune.spec import RECIPE  # noqa: E402

pytestmark = pytest.mark.torch
COLUMNS = {"image": "picture", "label": "kind"}


def png(kind: str, number: int, mode: str = "L") -> bytes:
    """A bright bar, upright or lying, on noise."""
    pixels = np.random.default_rng(number).integers(0, 60, (12, 12), np.uint8)
    at = 3 + number % 6
    if kind == "upright":
        pixels[:, at] = 250
    else:
        pixels[at, :] = 250
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, "PNG")
    return file.getvalue()


def rows(count: int, first: int = 0) -> list[dict[str, Any]]:
    kinds = ["lying", "upright"]
    return [
        {"picture": {"bytes": png(kinds[n % 2], first + n, ("L", "RGB", "RGBA")[n % 3]), "path": f"{n}.png"}, "kind": kinds[n % 2]}
        for n in range(count)
    ]


SPLITS = {"train": rows(160), "validation": rows(32, 1000), "test": rows(32, 2000)}


def run_at(folder: Path, **options: Any) -> FakeRun:
    return FakeRun(folder, options.pop("rows", SPLITS), COLUMNS, classes=["lying", "upright"], **options)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[FakeRun, dict[str, float]]:
    run = run_at(tmp_path_factory.mktemp("trained") / "run")
    return run, train.train(run, RECIPE(epochs=4, batch_size=16))


def answer(predictor: Any, body: bytes, kind: str = "application/json") -> Any:
    items, single = predictor.decode(body, kind)
    return predictor.encode(predictor.predict(items), single)


def test_it_learns_grey_and_coloured_pictures(trained: tuple[FakeRun, dict[str, float]]) -> None:
    run, found = trained
    assert found["test/accuracy"] >= 0.95
    assert any("160 pictures at 32 x 32" in line for line in run.logs)
    assert orjson.loads((run.model_dir / "evaluation.json").read_bytes())["rows"] == 32
    assert "| upright |" in run.card_text
    assert {path.suffix for path in run.model_dir.iterdir()} <= {".json", ".safetensors"}


def test_from_pretrained_opens_the_folder_with_the_same_predictions(trained: tuple[FakeRun, dict[str, float]]) -> None:
    from transformers import pipeline

    picture = png("upright", 77)
    theirs = pipeline("image-classification", model=str(trained[0].model_dir), device="cpu")(Image.open(io.BytesIO(picture)))
    ours = answer(serve.load(trained[0].model_dir, "cpu", 1), picture, "image/png")
    assert [entry["label"] for entry in ours] == [entry["label"] for entry in theirs]
    assert [entry["score"] for entry in ours] == pytest.approx([entry["score"] for entry in theirs], abs=1e-5)
    assert ours[0]["label"] == "upright"


def test_training_prepares_pictures_as_serving_does(trained: tuple[FakeRun, dict[str, float]]) -> None:
    predictor = serve.load(trained[0].model_dir, "cpu", 1)
    from workers.recipes.image_classification_finetune.model import Classifier

    classifier = Classifier.load(trained[0].model_dir, torch.device("cpu"))
    data = png("lying", 5)
    theirs = predictor.decode(data, "image/png")[0][0].value
    ours = classifier.tensor(images.square(images.opened(data), 32)[None])[0].numpy()
    assert np.abs(ours - theirs).max() < 1e-5


def test_it_takes_bytes_base64_and_lists(trained: tuple[FakeRun, dict[str, float]]) -> None:
    predictor = serve.load(trained[0].model_dir, "cpu", 1)
    data = png("upright", 9)
    text = base64.b64encode(data).decode()
    raw = answer(predictor, data, "application/octet-stream")
    assert answer(predictor, orjson.dumps({"inputs": text})) == raw
    assert answer(predictor, orjson.dumps({"inputs": f"data:image/png;base64,{text}"})) == raw
    several = answer(predictor, orjson.dumps({"inputs": [text, text], "parameters": {"top_k": 1}}))
    assert [len(row) for row in several] == [1, 1]
    assert answer(predictor, orjson.dumps(RECIPE.example))


@pytest.mark.parametrize(
    ("body", "kind", "code"),
    [
        (b"<svg xmlns='x'/>", "image/png", "bad_image"),
        (png("upright", 1)[:60], "image/png", "bad_image"),
        (b'{"inputs": "!!"}', "application/json", "bad_input"),
        (b'{"inputs": "https://example.org/x.png"}', "application/json", "bad_input"),
        (b'{"inputs": 5}', "application/json", "bad_input"),
        (b'{"inputs": ""}', "application/json", "empty"),
        (b'{"inputs": []}', "application/json", "empty"),
    ],
)
def test_I58_bad_requests_are_named(trained: tuple[FakeRun, dict[str, float]], body: bytes, kind: str, code: str) -> None:
    predictor = serve.load(trained[0].model_dir, "cpu", 1)
    with pytest.raises(UserError) as caught:
        predictor.decode(body, kind)
    assert caught.value.code == code


def test_I24_a_picture_too_large_is_refused_before_decoding() -> None:
    file = io.BytesIO()
    Image.new("1", (9000, 9000)).save(file, "PNG")
    with pytest.raises(UserError) as caught:
        images.opened(file.getvalue())
    assert caught.value.code == "too_large"


def test_F1_it_goes_on_where_it_stopped(tmp_path: Path) -> None:
    params = RECIPE(epochs=2, batch_size=16, precision="fp32")
    whole, first = run_at(tmp_path / "whole"), run_at(tmp_path / "first", stop_after=7)
    train.train(whole, params)
    assert train.train(first, params) == {}
    second = run_at(tmp_path / "second", resume=first.checkpoints[-1])
    train.train(second, params)
    assert {**first.series("train/loss"), **second.series("train/loss")} == pytest.approx(whole.series("train/loss"), rel=1e-3)


@pytest.mark.parametrize("architecture", ["efficientnet", "vit", "resnet"])
def test_it_builds_every_architecture_and_goes_on_from_it(architecture: str, tmp_path: Path) -> None:
    few = {"train": rows(17), "test": rows(4)}
    first = run_at(tmp_path / "first", rows=few)
    train.train(first, RECIPE(architecture=architecture, max_steps=2, batch_size=8, flip=True, augmentation="strong", class_weights=True))
    second = run_at(tmp_path / "second", rows=few, base_model=first.model_dir)
    assert "test/accuracy" in train.train(second, RECIPE(max_steps=1, batch_size=8, augmentation="none"))
    assert len(answer(serve.load(second.model_dir, "cpu", 1), png("lying", 1), "image/png")) == 2


def test_it_leaves_out_what_cannot_be_read_and_says_so(tmp_path: Path) -> None:
    damaged = [{"picture": {"bytes": b"no picture", "path": "x"}, "kind": "lying"}, {"picture": None, "kind": "lying"}]
    run = run_at(tmp_path / "run", rows={"train": rows(16) + damaged, "test": rows(4)})
    train.train(run, RECIPE(max_steps=1, batch_size=8))
    assert any("train: 2 of 18 rows" in line for line in run.logs)


def test_it_evaluates_on_another_dataset(trained: tuple[FakeRun, dict[str, float]], tmp_path: Path) -> None:
    found = train.evaluate(run_at(tmp_path / "run"), "test", trained[0].model_dir)
    assert found["metrics"]["test/accuracy"] == trained[1]["test/accuracy"]


def test_augmentation_keeps_the_shape_and_changes_the_picture() -> None:
    batch = torch.rand(4, 3, 32, 32)
    found = images.varied(batch, 1.0, True)
    assert found.shape == batch.shape
    assert not torch.allclose(found, batch)
