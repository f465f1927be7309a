"""text-classification/finetune on a few made-up reviews: from scratch and from a tiny base, stop, resume, serve."""

from pathlib import Path
from typing import Any

import orjson
import pyarrow.parquet as parquet
import pytest

torch = pytest.importorskip("torch")

from tests.fakes import FakeRun  # noqa: E402
from workers.contract.recipe import UserError  # noqa: E402
from workers.recipes.text_classification_finetune import serve, train  # noqa: E402
from workers.recipes.text_classification_finetune.spec import RECIPE  # noqa: E402

pytestmark = pytest.mark.torch
WORDS = {"pos": ("很好 good fine", "干净 clean 满意"), "neg": ("很差 bad poor", "肮脏 dirty 失望")}
COLUMNS = {"text": "review", "label": "stars"}


def rows(count: int) -> list[dict[str, Any]]:
    labels = ["pos", "neg"]
    return [{"review": f"{WORDS[labels[n % 2]][n // 2 % 2]} 第 {n} item", "stars": labels[n % 2]} for n in range(count)]


SPLITS = {"train": rows(128), "validation": rows(24), "test": rows(24)}
SMALL = {"hidden_size": 64, "layers": 2, "vocab_size": 400, "epochs": 4, "batch_size": 8, "learning_rate": 0.003}


def run_at(folder: Path, **options: Any) -> FakeRun:
    return FakeRun(folder, options.pop("rows", SPLITS), options.pop("columns", COLUMNS), **options)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[FakeRun, dict[str, float]]:
    run = run_at(tmp_path_factory.mktemp("trained") / "run", classes=["neg", "pos"])
    return run, train.train(run, RECIPE(**SMALL))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny BERT encoder with a vocabulary, as somebody might bring one."""
    from transformers import BertConfig, BertModel

    from workers.lib import vocabulary

    folder = tmp_path_factory.mktemp("base")
    tokenizer = vocabulary.pieces((row["review"] for row in SPLITS["train"]), 400, 64)
    config = BertConfig(vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64)
    BertModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def answer(predictor: Any, body: dict[str, Any]) -> Any:
    items, single = predictor.decode(orjson.dumps(body), "application/json")
    return predictor.encode(predictor.predict(items), single)


def test_it_learns_and_reports(trained: tuple[FakeRun, dict[str, float]]) -> None:
    run, found = trained
    assert found["test/accuracy"] == 1.0
    assert {"eval/loss", "eval/accuracy", "eval/f1_macro", "train/loss", "train/learning_rate"} <= {
        key for _, values in run.points for key in values
    }
    report = orjson.loads((run.model_dir / "evaluation.json").read_bytes())
    assert report["confusion_matrix"]["counts"] == [[12, 0], [0, 12]]
    assert "| neg |" in run.card_text
    assert any(found.best for found in run.checkpoints)
    assert 0 <= found["test/calibration_error"] == report["calibration_error"] < 0.5
    kept = parquet.read_table(run.evaluation_dir / "answers.parquet").to_pylist()
    assert sorted(row["row"] for row in kept) == list(range(24))
    assert {(row["actual"], row["predicted"]) for row in kept} == {("pos", "pos"), ("neg", "neg")}
    assert [row["score"] for row in kept] == sorted((row["score"] for row in kept), reverse=True), "the surest first"


def test_the_words_that_decided_a_wrong_answer_are_found(trained: tuple[FakeRun, dict[str, float]], tmp_path: Path) -> None:
    """Rows with the wrong label on purpose: what speaks for the class the model names are the words it learned that class by."""
    wrong = [
        {"review": "第 9 item bad poor 很差", "stars": "pos"},
        {"review": "good", "stars": "neg"},
        {"review": "不 见 clean 满意", "stars": "neg"},
    ]
    found = train.evaluate(run_at(tmp_path / "run", rows={"test": wrong}), "test", trained[0].model_dir)
    worst = {line["row"]: line for line in found["report"]["worst"]}
    assert set(worst) == {0, 1, 2}
    assert "words" not in worst[1], "one word is the whole text"
    for row, names in ((0, {"bad", "poor", "很", "差"}), (2, {"clean", "满", "意"})):
        text = wrong[row]["review"]
        effects = {text[start:end]: effect for start, end, effect in worst[row]["words"]}
        assert "".join(effects) == text.replace(" ", "")
        assert max(effects, key=lambda word: effects[word]) in names
        assert sum(effects[word] for word in names) > 0


def test_from_pretrained_opens_the_folder_with_the_same_predictions(trained: tuple[FakeRun, dict[str, float]]) -> None:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    folder = trained[0].model_dir
    assert {path.suffix for path in folder.iterdir()} <= {".json", ".safetensors"}
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForSequenceClassification.from_pretrained(folder)
    texts = ["很好 good", "很差 dirty things"]
    with torch.inference_mode():
        scores = model(**tokenizer(texts, padding=True, return_tensors="pt")).logits.softmax(-1)
    ours = answer(serve.load(folder, "cpu", 1), {"inputs": texts})
    for row, result in zip(scores, ours, strict=True):
        assert {entry["label"]: pytest.approx(entry["score"], abs=1e-4) for entry in result} == {
            model.config.id2label[index]: float(score) for index, score in enumerate(row)
        }


def test_it_answers_as_the_hosted_api_does(trained: tuple[FakeRun, dict[str, float]]) -> None:
    predictor = serve.load(trained[0].model_dir, "cpu", 1)
    one = answer(predictor, {"inputs": "很好 good fine"})
    assert len(one) == 1
    assert one[0][0]["label"] == "pos"
    assert sum(entry["score"] for entry in one[0]) == pytest.approx(1.0)
    several = answer(predictor, {"inputs": ["很差 bad", {"text": "很好", "text_pair": "good"}, "x" * 5000], "parameters": {"top_k": 1}})
    assert [len(result) for result in several] == [1, 1, 1]
    assert several[0][0]["label"] == "neg"
    alone = answer(predictor, {"inputs": "很差 bad", "parameters": {"top_k": 1}})[0][0]["score"]
    assert several[0][0]["score"] == pytest.approx(alone, abs=1e-4)
    with pytest.raises(UserError) as caught:
        predictor.decode(b'{"inputs": ["fine", {"txt": "x"}]}', "application/json")
    assert caught.value.loc == {"row": 1, "field": "txt"}


def test_it_evaluates_on_another_dataset(trained: tuple[FakeRun, dict[str, float]], tmp_path: Path) -> None:
    run = run_at(tmp_path / "run", rows={"test": rows(10)})
    found = train.evaluate(run, "test", trained[0].model_dir)
    assert found["metrics"]["test/accuracy"] == 1.0
    assert found["report"]["rows"] == 10


def test_the_report_names_the_wrong_rows_by_their_place_in_the_split(trained: tuple[FakeRun, dict[str, float]], tmp_path: Path) -> None:
    found = rows(8)
    other = {"pos": "neg", "neg": "pos"}
    found[1] = {**found[1], "review": ""}  # left out: those behind it keep their own places
    for place in (2, 6):
        found[place] = {**found[place], "stars": other[found[place]["stars"]]}
    report = train.evaluate(run_at(tmp_path / "run", rows={"test": found}), "test", trained[0].model_dir)["report"]
    assert {row["row"] for row in report["worst"]} == {2, 6}
    assert all(row["actual"] != row["predicted"] == other[row["actual"]] for row in report["worst"])
    assert report["worst"][0]["score"] >= report["worst"][1]["score"] > 0.5


def test_F1_it_goes_on_where_it_stopped(tmp_path: Path) -> None:
    params = RECIPE(**{**SMALL, "epochs": 1})
    whole, first = run_at(tmp_path / "whole"), run_at(tmp_path / "first", stop_after=7)
    train.train(whole, params)
    assert train.train(first, params) == {}
    second = run_at(tmp_path / "second", resume=first.checkpoints[-1])
    train.train(second, params)
    assert {**first.series("train/loss"), **second.series("train/loss")} == pytest.approx(whole.series("train/loss"), rel=1e-3)


def test_it_fine_tunes_a_base_model(base: Path, tmp_path: Path) -> None:
    run = run_at(tmp_path / "run", base_model=base)
    found = train.train(run, RECIPE(epochs=3, batch_size=8, learning_rate=0.005, freeze_embeddings="yes", text_prefix="query: "))
    assert found["test/accuracy"] > 0.9
    from transformers import AutoModel

    before, after = (AutoModel.from_pretrained(folder).get_input_embeddings().weight for folder in (base, run.model_dir))
    assert torch.equal(before, after)
    assert orjson.loads((run.model_dir / "serving.json").read_bytes())["text_prefix"] == "query: "
    assert "query: " in run.card_text
    assert serve.load(run.model_dir, "cpu", 1).classifier.prefix == "query: "


def test_a_stopped_base_model_goes_on_frozen(base: Path, tmp_path: Path) -> None:
    params = RECIPE(epochs=1, batch_size=8, freeze_embeddings="yes")
    first = run_at(tmp_path / "first", base_model=base, stop_after=3)
    train.train(first, params)
    second = run_at(tmp_path / "second", base_model=base, resume=first.checkpoints[-1])
    assert train.train(second, params)


def test_it_asks_for_the_prefix_a_base_declares(base: Path, tmp_path: Path) -> None:
    from workers.recipes.text_classification_finetune import model

    assert model.prefix_of(base, "auto") == ""
    (tmp_path / "config_sentence_transformers.json").write_text('{"prompts": {"query": "q: "}}')
    assert model.prefix_of(tmp_path, "auto") == "q: "
    assert model.prefix_of(tmp_path, "") == ""
    assert model.prefix_of(None, "auto") == ""


@pytest.mark.parametrize("kind", ["boolean", "integer", "pair"])
def test_it_takes_other_labels_and_pairs(kind: str, tmp_path: Path) -> None:
    values = {"pos": True, "neg": False} if kind == "boolean" else {"pos": 10, "neg": 9}
    made = {
        split: [{"a": row["review"], "b": "第二", "y": values[row["stars"]]} for row in found]
        for split, found in SPLITS.items()
        if split != "test"
    }
    columns = {"text": "a", "label": "y"} | ({"text_pair": "b"} if kind == "pair" else {})
    run = run_at(tmp_path / "run", rows=made, columns=columns)
    assert train.train(run, RECIPE(**{**SMALL, "max_steps": 3})) == {}
    config = orjson.loads((run.model_dir / "config.json").read_bytes())
    assert list(config["id2label"].values()) == (["false", "true"] if kind == "boolean" else ["9", "10"])


def test_it_leaves_out_rows_without_text_or_label_and_says_so(tmp_path: Path) -> None:
    bad = [{"review": None, "stars": "pos"}, {"review": "x", "stars": None}, {"review": "", "stars": "neg"}]
    run = run_at(tmp_path / "run", rows={"train": rows(40) + bad, "test": [*rows(6), {"review": "x", "stars": "new"}]})
    train.train(run, RECIPE(**{**SMALL, "max_steps": 2, "max_length": 8, "class_weights": True}))
    log = "\n".join(run.logs)
    assert "train: 3 of 43 rows" in log
    assert "test: 1 of 7 rows" in log
    assert "reach 8 tokens" in log


def test_a_folder_that_is_no_classifier_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        serve.load(tmp_path, "cpu", 1)
    assert caught.value.code == "bad_base_model"
    assert "the folder" in caught.value.message
    assert str(tmp_path) not in caught.value.message  # where it lay on the worker's disk helps nobody
