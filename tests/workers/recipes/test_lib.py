"""Tokens, vocabularies, metrics and batches."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from workers.lib import device, explain, metrics, request, text, vocabulary  # noqa: E402
from workers.lib.classify import class_weights  # noqa: E402
from workers.lib.text import Rows  # noqa: E402

pytestmark = pytest.mark.torch
CHINESE = ["这家酒店很干净，服务很好", "房间很小，不干净", "电脑很快，很满意"] * 20
ENGLISH = ["The room was clean and quiet.", "A slow, noisy machine; I sent it back!"] * 20


def test_rows_keep_their_order() -> None:
    rows = Rows.join([Rows.of([[1, 2], [3]]), Rows.of([[4, 5, 6]])])
    assert len(rows) == 3
    assert rows.lengths.tolist() == [2, 1, 3]
    assert rows[2].tolist() == [4, 5, 6]


def test_grouping_covers_every_row_once_and_differs_by_epoch() -> None:
    lengths = np.random.default_rng(0).integers(1, 90, 1003)
    first, second = (text.grouped(lengths, 16, 7, epoch) for epoch in (0, 1))
    assert sorted(np.concatenate(first).tolist()) == list(range(1003))
    assert [batch.tolist() for batch in first] != [batch.tolist() for batch in second]
    assert [batch.tolist() for batch in first] == [batch.tolist() for batch in text.grouped(lengths, 16, 7, 0)]
    padding = sum(lengths[batch].max() * len(batch) for batch in first) / lengths.sum()
    assert padding < 1.1


def test_padding_is_a_multiple_of_eight_within_the_limit() -> None:
    ids, mask = text.padded([np.array([1, 2, 3], np.int32)], 0, 512)
    assert ids.shape == (1, 8)
    assert mask.sum() == 3
    assert text.padded([np.arange(10, dtype=np.int32)], 0, 10)[0].shape == (1, 10)
    assert text.padded([np.array([5], np.int32), np.array([6, 7], np.int32)], 0, 2, left=True)[0].tolist() == [[0, 5], [6, 7]]


def test_batches_keep_to_the_budget() -> None:
    lengths = np.random.default_rng(0).integers(1, 300, 500)
    for batch in text.pieces(lengths, 2048):
        assert len(batch) == 1 or len(batch) * text.width_of(int(lengths[batch].max())) <= 2048
    sizes = lengths.tolist()
    batches = request.by_size(sizes, 1000)
    assert sorted(row for batch in batches for row in batch) == list(range(500))
    assert all(len(batch) * max(sizes[row] for row in batch) <= 1000 for batch in batches)


@pytest.mark.parametrize("texts", [CHINESE, ENGLISH], ids=["zh", "en"])
def test_pieces_learn_words_of_any_language(texts: list[str]) -> None:
    tokenizer = vocabulary.pieces(texts, 400, 64)
    ids = tokenizer(texts[0])["input_ids"]
    assert ids[0] == tokenizer.cls_token_id
    assert ids[-1] == tokenizer.sep_token_id
    assert tokenizer.unk_token_id not in ids
    assert len(ids) < len(texts[0])
    assert tokenizer("☃")["input_ids"].count(tokenizer.unk_token_id) == 1
    pair = tokenizer(texts[0], texts[1])["input_ids"]
    assert pair.count(tokenizer.sep_token_id) == 2


def test_broken_pieces_spell_the_same_text() -> None:
    tokenizer = vocabulary.pieces(ENGLISH, 400, 64)
    rows = Rows.of(tokenizer(ENGLISH)["input_ids"])
    found = vocabulary.broken(rows, vocabulary.halves(tokenizer), 0.5, np.random.default_rng(0))
    assert len(found.tokens) > len(rows.tokens)
    for index in range(len(rows)):
        assert tokenizer.decode(found[index]) == tokenizer.decode(rows[index])
    again = vocabulary.broken(rows, vocabulary.halves(tokenizer), 0.5, np.random.default_rng(0))
    assert np.array_equal(found.tokens, again.tokens)
    assert vocabulary.broken(rows, vocabulary.halves(tokenizer), 0.0, np.random.default_rng(0)).tokens.tolist() == rows.tokens.tolist()


def test_hidden_words_leave_special_tokens_alone() -> None:
    tokenizer = vocabulary.pieces(ENGLISH, 400, 64)
    rows = Rows.of(tokenizer(ENGLISH)["input_ids"])
    found = vocabulary.masked(rows, 0.5, tokenizer.mask_token_id, vocabulary.special(tokenizer), np.random.default_rng(0))
    hidden = found.tokens == tokenizer.mask_token_id
    assert 0.3 < hidden.mean() < 0.6
    assert (found.tokens[~hidden] == rows.tokens[~hidden]).all()
    assert all(found[row][0] == tokenizer.cls_token_id and found[row][-1] == tokenizer.sep_token_id for row in range(len(found)))


@pytest.mark.parametrize("make", [vocabulary.characters, vocabulary.byte_pieces])
@pytest.mark.parametrize("unseen", ["龘 is rare", "emoji 🙂\n\ttabs", "Ωmega"])
def test_generative_tokenizers_lose_nothing(make: object, unseen: str) -> None:
    tokenizer = make(CHINESE + ENGLISH, 400)  # type: ignore[operator]
    ids = tokenizer(unseen, add_special_tokens=False)["input_ids"]
    assert tokenizer.decode(ids) == unseen
    assert tokenizer(unseen)["input_ids"] == [tokenizer.bos_token_id, *ids]


def test_it_tells_scripts_apart() -> None:
    assert vocabulary.is_ideographic(CHINESE)
    assert not vocabulary.is_ideographic(ENGLISH)
    assert not vocabulary.is_ideographic([])


def test_a_report_agrees_with_scikit_learn() -> None:
    from sklearn.metrics import accuracy_score, f1_score, precision_recall_fscore_support

    random = np.random.default_rng(0)
    actual, predicted = random.integers(0, 4, 300), random.integers(0, 5, 300)
    found = metrics.report(metrics.confusion(actual, predicted, 6), list("abcdef"), 0.5)
    assert found["accuracy"] == pytest.approx(accuracy_score(actual, predicted))
    assert found["f1_macro"] == pytest.approx(f1_score(actual, predicted, average="macro"))
    expected = precision_recall_fscore_support(actual, predicted, labels=range(6), zero_division=0)
    assert [row["recall"] for row in found["classes"]] == pytest.approx(expected[1].tolist())
    assert "| a |" in metrics.markdown(found, "test")


def test_calibration_is_the_gap_between_confidence_and_being_right() -> None:
    sure, half = np.full(10, 1.0, np.float32), np.full(10, 0.55, np.float32)
    assert metrics.calibration_error(sure, np.arange(10) < 8) == pytest.approx(0.2)
    assert metrics.calibration_error(np.concatenate([sure, half]), np.arange(20) < 10) == pytest.approx(0.55 / 2)
    assert metrics.calibration_error(np.zeros(0, np.float32), np.zeros(0, bool)) == 0
    assert metrics.calibration_error(np.full(4, np.nan, np.float32), np.ones(4, bool)) == 1


def test_a_text_falls_into_words_characters_or_runs_of_them() -> None:
    def shown(text: str, most: int) -> list[str]:
        return [text[start:end] for start, end in explain.pieces(text, most)]

    assert shown("Not bad, isn't it?! 😀", 64) == ["Not", "bad", ",", "isn't", "it", "?!", "😀"]
    assert shown("五星好评ok？", 64) == ["五", "星", "好", "评", "ok", "？"]
    assert shown("a b c d e", 2) == ["a b c", "d e"]
    assert shown(" ", 4) == []
    assert len(explain.pieces("x " * 5000, explain.most_pieces(512))) <= 16
    assert max(end for _, end in explain.pieces("字" * 5000, 64)) == explain.CHARACTERS_MAX


def test_class_weights_make_classes_equal() -> None:
    targets = np.array([0] * 90 + [1] * 10)
    weights = class_weights(targets, 3)
    assert (weights[targets].sum() / 100) == pytest.approx(1.0)
    assert weights[0] * 90 == pytest.approx(float(weights[1] * 10))
    assert weights[2] == 0


def test_fp16_means_bf16_on_a_cpu() -> None:
    cpu = torch.device("cpu")
    assert device.resolve_precision("fp16", cpu) == "bf16"
    assert device.resolve_precision("auto", cpu) == ("bf16" if device.cpu_has_bf16() else "fp32")
    assert device.resolve_precision("fp32", cpu) == "fp32"
