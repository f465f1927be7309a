"""text-generation/pretrain on a few lines, and the engine that writes token by token."""

import math
from collections.abc import Generator
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson
import pytest

torch = pytest.importorskip("torch")

from tests.fakes import FakeRun  # noqa: E402
from workers.contract.recipe import UserError  # noqa: E402
from workers.lib import generate  # noqa: E402
from workers.recipes.text_generation_pretrain import data, model, serve, train  # noqa: E402
from workers.recipes.text_generation_pretrain.spec import RECIPE  # noqa: E402

pytestmark = pytest.mark.torch
POEMS = ["床前明月光，疑是地上霜。", "举头望明月，低头思故乡。", "春眠不觉晓，处处闻啼鸟。", "夜来风雨声，花落知多少。"]
SMALL = {"hidden_size": 64, "layers": 2, "vocab_size": 400, "max_length": 32, "batch_size": 4, "learning_rate": 0.005, "dropout": 0.0}


def run_at(folder: Path, lines: list[str] | None = None, **options: Any) -> FakeRun:
    rows = [{"line": line} for line in (lines or POEMS)]
    return FakeRun(folder, {"train": rows * 12, "validation": rows, "test": rows}, {"text": "line"}, **options)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[FakeRun, dict[str, float]]:
    run = run_at(tmp_path_factory.mktemp("trained") / "run")
    return run, train.train(run, RECIPE(**SMALL, epochs=12))


@pytest.fixture
def predictor(trained: tuple[FakeRun, dict[str, float]]) -> serve.TextGenerator:
    return serve.load(trained[0].model_dir, "cpu", 1)


def answer(predictor: Any, body: dict[str, Any]) -> Any:
    items, single = predictor.decode(orjson.dumps(body), "application/json")
    return predictor.encode(predictor.predict(items), single)


def streamed(stream: Generator[str, None, dict[str, Any]]) -> tuple[str, dict[str, Any]]:
    text = ""
    while True:
        try:
            text += next(stream)
        except StopIteration as end:
            return text, end.value


def test_it_learns_the_lines_and_shows_samples(trained: tuple[FakeRun, dict[str, float]]) -> None:
    run, found = trained
    assert found["test/perplexity"] == pytest.approx(math.exp(found["test/loss"]))
    assert found["test/bits_per_char"] < 2
    evaluations = list(run.series("eval/bits_per_char").values())
    assert evaluations[-1] < evaluations[0]
    assert len(run.samples) >= 10
    assert run.samples[-1]["output"]
    assert "bits per character" in run.card_text
    assert "newlines" in run.card_text


def test_bits_per_character_follow_from_the_loss(trained: tuple[FakeRun, dict[str, float]]) -> None:
    found = trained[1]
    characters = sum(map(len, POEMS))
    predicted = characters + len(POEMS)  # one token per character, and the ends
    assert found["test/bits_per_char"] == pytest.approx(found["test/loss"] * predicted / math.log(2) / characters)


def test_from_pretrained_opens_the_folder(trained: tuple[FakeRun, dict[str, float]], predictor: serve.TextGenerator) -> None:
    from transformers import pipeline

    made = pipeline("text-generation", model=str(trained[0].model_dir), device="cpu")("床前明月", max_new_tokens=8, do_sample=False)
    ours = answer(predictor, {"inputs": "床前明月", "parameters": {"max_new_tokens": 8, "do_sample": False, "return_full_text": True}})
    assert made == ours
    assert ours[0]["generated_text"].startswith("床前明月光")
    assert {path.suffix for path in trained[0].model_dir.iterdir()} <= {".json", ".safetensors"}


def test_prompts_of_any_length_share_a_batch(predictor: serve.TextGenerator) -> None:
    prompts = ["春眠", "举头望明月，低头", "夜", "床前明月光，疑是地上霜。" * 6]
    greedy = {"max_new_tokens": 12, "temperature": 0}
    together = answer(predictor, {"inputs": prompts, "parameters": greedy})
    assert together == [answer(predictor, {"inputs": prompt, "parameters": greedy}) for prompt in prompts]


def test_streams_in_turn_equal_whole_answers(predictor: serve.TextGenerator) -> None:
    options = {"max_new_tokens": 20, "seed": 3, "temperature": 1.0}
    bodies = [orjson.dumps({"inputs": prompt, "parameters": options}) for prompt in ("春", "床前", "夜来风雨")]
    items = [predictor.decode(body, "application/json")[0][0] for body in bodies]
    whole = [predictor.predict([item])[0] for item in items]
    streams = [predictor.stream(item) for item in items]
    texts, ends = ["", "", ""], [{}, {}, {}]
    open_streams = set(range(3))
    while open_streams:
        for number in list(open_streams):
            try:
                texts[number] += next(streams[number])
            except StopIteration as end:
                ends[number] = end.value
                open_streams.remove(number)
    assert texts == [result["generated_text"] for result in whole]
    assert ends == [{"finish_reason": result["finish_reason"], "output_tokens": result["output_tokens"]} for result in whole]
    assert predictor.engine.active == []


def test_closing_a_stream_frees_its_place(predictor: serve.TextGenerator) -> None:
    item = predictor.decode(b'{"inputs": "x", "parameters": {"max_new_tokens": 500}}', "application/json")[0][0]
    stream = predictor.stream(item)
    next(stream)
    stream.close()
    assert predictor.engine.active == []


def test_it_ends_at_a_stop_text_and_never_shows_its_beginning(predictor: serve.TextGenerator) -> None:
    body = {"inputs": "床前", "parameters": {"temperature": 0, "stop": ["，疑是"], "max_new_tokens": 20}}
    item = predictor.decode(orjson.dumps(body), "application/json")[0][0]
    result = predictor.predict([item])[0]
    assert result["generated_text"] == "明月光"
    assert predictor.usage(item, result) == {"input_tokens": 3, "output_tokens": 6, "finish_reason": "stop"}
    assert streamed(predictor.stream(item))[0] == "明月光"


def test_it_writes_beyond_its_context(predictor: serve.TextGenerator) -> None:
    item = predictor.decode(b'{"inputs": "", "parameters": {"max_new_tokens": 100, "seed": 1, "temperature": 3}}', "application/json")[0][0]
    item = item._replace(options={**item.options, "stop": []})
    predictor.engine.ends.clear()
    text, end = streamed(predictor.stream(item))
    assert end == {"finish_reason": "length", "output_tokens": 100}
    assert text


def test_the_same_seed_gives_the_same_text(predictor: serve.TextGenerator) -> None:
    body = {
        "inputs": "春",
        "parameters": {"seed": 5, "temperature": 2.0, "max_new_tokens": 30, "top_k": 50, "top_p": 0.9, "repetition_penalty": 1.2},
    }
    assert answer(predictor, body) == answer(predictor, body)
    assert answer(predictor, body) != answer(predictor, {**body, "parameters": {**body["parameters"], "seed": 6}})


def test_a_conversation_without_template_is_joined_by_newlines(predictor: serve.TextGenerator) -> None:
    chat = [{"role": "system", "content": "诗"}, {"role": "user", "content": "春眠"}]
    parameters = {"temperature": 0, "max_new_tokens": 5}
    items, single = predictor.decode(orjson.dumps({"inputs": chat, "parameters": parameters}), "application/json")
    assert single
    assert items[0].value[0] == "诗\n春眠"
    with pytest.raises(UserError) as caught:
        predictor.decode(b'{"inputs": [{"role": "robot", "content": "x"}]}', "application/json")
    assert caught.value.loc == {"field": "inputs.role"}


def test_F1_it_goes_on_where_it_stopped(tmp_path: Path) -> None:
    params = RECIPE(**{**SMALL, "dropout": 0.1}, epochs=2, sample_steps=100)
    whole, first = run_at(tmp_path / "whole"), run_at(tmp_path / "first", stop_after=5)
    train.train(whole, params)
    assert train.train(first, params) == {}
    second = run_at(tmp_path / "second", resume=first.checkpoints[-1])
    train.train(second, params)
    assert {**first.series("train/loss"), **second.series("train/loss")} == pytest.approx(whole.series("train/loss"), rel=1e-3)


@pytest.mark.parametrize("architecture", ["llama", "gpt2"])
def test_it_trains_on_english_with_pieces(architecture: str, tmp_path: Path) -> None:
    run = run_at(tmp_path / "run", ["the quick brown fox jumps over the lazy dog"] * 4)
    found = train.train(run, RECIPE(**SMALL, epochs=1, architecture=architecture, sample_prompt="the", sample_steps=4))
    assert found["test/loss"] > 0
    assert run.samples[0]["step"] == 4
    assert "bpe" in "\n".join(run.logs)
    made = answer(serve.load(run.model_dir, "cpu", 1), {"inputs": ["the", "a lazy"], "parameters": {"max_new_tokens": 40}})
    assert [len(row) for row in made] == [1, 1]


def test_it_evaluates_on_another_dataset(trained: tuple[FakeRun, dict[str, float]], tmp_path: Path) -> None:
    found = train.evaluate(run_at(tmp_path / "run"), "test", trained[0].model_dir)
    assert found["metrics"]["test/bits_per_char"] == pytest.approx(trained[1]["test/bits_per_char"], rel=0.01)


def test_blocks_cover_every_token_once() -> None:
    begins = sorted(data.starts(1000, 64, 0, 3))
    assert len(begins) == 999 // 64
    assert {second - first for first, second in pairwise(begins)} == {64}
    assert len(data.starts(10, 64, 0, 0)) == 1


def test_context_is_read_from_any_config(trained: tuple[FakeRun, dict[str, float]]) -> None:
    assert model.context_of(model.opened(trained[0].model_dir)) == 32
    assert generate.Sampling(1).do_sample
