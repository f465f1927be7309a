"""text-classification/majority through the doors a worker uses: train, evaluate, load."""

from pathlib import Path

import orjson
import pyarrow.parquet as parquet
import pytest

from tests.fakes import FakeRun
from workers.contract.recipe import UserError
from workers.recipes.text_classification_majority import serve, train
from workers.recipes.text_classification_majority.spec import RECIPE

ROWS = [{"t": f"row {number}", "y": "good" if number % 4 else "bad"} for number in range(40)]
SPLITS = {"train": ROWS[:24], "validation": ROWS[24:32], "test": ROWS[32:]}


@pytest.fixture
def run(tmp_path: Path) -> FakeRun:
    return FakeRun(tmp_path / "run", SPLITS, {"text": "t", "label": "y"}, classes=["bad", "good"])


def test_it_learns_the_most_frequent_class(run: FakeRun) -> None:
    found = train.train(run, RECIPE())
    assert found["test/accuracy"] == pytest.approx(0.75)
    assert found["test/f1_macro"] == pytest.approx((2 * 0.75 / 1.75) / 2)
    assert run.series("eval/accuracy") == {1: pytest.approx(0.75)}
    report = orjson.loads((run.model_dir / "evaluation.json").read_bytes())
    assert report["confusion_matrix"]["counts"] == [[0, 2], [0, 6]]
    assert found["test/calibration_error"] == pytest.approx(0, abs=1e-6)
    assert [line["row"] for line in report["worst"]] == [0, 4]
    assert parquet.read_table(run.evaluation_dir / "answers.parquet").num_rows == 8
    assert run.card_text


def test_it_answers_with_shares_best_first(run: FakeRun) -> None:
    train.train(run, RECIPE())
    predictor = serve.load(run.model_dir, "cpu", 1)
    items, single = predictor.decode(b'{"inputs": "anything"}', "application/json")
    assert predictor.encode(predictor.predict(items), single) == [[{"label": "good", "score": 0.75}, {"label": "bad", "score": 0.25}]]
    items, single = predictor.decode(orjson.dumps({"inputs": ["a", "b"], "parameters": {"top_k": 1}}), "application/json")
    assert predictor.encode(predictor.predict(items), single) == [[{"label": "good", "score": 0.75}]] * 2


def test_it_keeps_what_it_counted_when_asked_to_stop(tmp_path: Path) -> None:
    run = FakeRun(tmp_path / "run", SPLITS, {"text": "t", "label": "y"}, stop_after=1)
    assert train.train(run, RECIPE()) == {}
    assert (run.checkpoints[-1].folder / "model" / "config.json").is_file()


def test_it_names_booleans_and_numbers_as_people_write_them(tmp_path: Path) -> None:
    rows = [{"t": "x", "y": True}, {"t": "x", "y": False}, {"t": "x", "y": None}]
    run = FakeRun(tmp_path / "run", {"train": rows}, {"text": "t", "label": "y"})
    train.train(run, RECIPE())
    assert orjson.loads((run.model_dir / "config.json").read_bytes())["counts"] == {"false": 1, "true": 1}


def test_it_refuses_one_class(tmp_path: Path) -> None:
    run = FakeRun(tmp_path / "run", {"train": [{"t": "x", "y": "a"}]}, {"text": "t", "label": "y"})
    with pytest.raises(UserError, match="only “a”") as caught:
        train.train(run, RECIPE())
    assert caught.value.code == "one_class"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "bad_json"),
        (b"[1]", "bad_input"),
        (b'{"inputs": []}', "empty"),
        (b'{"inputs": " "}', "empty"),
        (b'{"inputs": 3}', "bad_input"),
        (b'{"inputs": NaN}', "bad_json"),
        (b'{"inputs": ["a", null]}', "bad_input"),
        (b'{"inputs": "a", "input": "b"}', "bad_input"),
        (b'{"inputs": "a", "parameters": {"top_k": 0}}', "bad_parameter"),
        (b'{"inputs": "a", "parameters": {"topk": 1}}', "bad_parameter"),
        (b'{"inputs": "a", "parameters": []}', "bad_parameter"),
        (orjson.dumps({"inputs": "x" * 1_000_001}), "too_large"),
        (orjson.dumps({"inputs": ["x"] * 1025}), "too_large"),
    ],
)
def test_I58_bad_requests_are_named(run: FakeRun, body: bytes, code: str) -> None:
    train.train(run, RECIPE())
    predictor = serve.load(run.model_dir, "cpu", 1)
    with pytest.raises(UserError) as caught:
        predictor.decode(body, "application/json")
    assert caught.value.code == code
    assert caught.value.message
