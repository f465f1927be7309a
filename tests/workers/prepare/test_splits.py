"""Splits: given by files, folders or a column, or made: exact, seeded, the same every time."""

import random
from collections import Counter

import numpy as np
import pytest

from tests.workers.prepare import makers
from tests.workers.prepare.test_bad_tables import refused
from workers.prepare import splits


def table(labels: list[object], name: str = "label") -> bytes:
    return f"text,{name}\n".encode() + "".join(f"row {i},{label}\n" for i, label in enumerate(labels)).encode()


def test_default_is_80_10_10_stratified(prepare):
    labels = ["a"] * 300 + ["b"] * 600 + ["c"] * 100
    outcome = prepare({"a.csv": table(labels)})
    assert outcome.result["splits"] == {"train": 800, "validation": 100, "test": 100}
    assert Counter(row["label"] for row in outcome.rows("test")) == {"a": 30, "b": 60, "c": 10}
    assert outcome.result["statistics"]["label"] == "label"
    assert "stratified split by label" in outcome.log


def test_a_column_named_like_a_label_is_stratified_by_beside_other_categories(prepare):
    rows = "".join(
        f"2024/5/{i % 9 + 1},{'电话' if i % 3 else '微信'},收到的杯子盖子是坏的 {i % 40},{'退款' if i % 5 else '投诉'}\n"
        for i in range(500)
    )
    outcome = prepare({"a.csv": f"提交日期,渠道,客户留言,工单类别\n{rows}".encode()})
    assert outcome.result["statistics"]["label"] == "工单类别"
    assert Counter(row["工单类别"] for row in outcome.rows("test")) == {"退款": 40, "投诉": 10}
    assert outcome.result["features"]["客户留言"] == "text", "what is named like a text is none of classes"


def test_every_row_is_in_exactly_one_split_in_file_order(prepare):
    labels = random.Random(1).choices("abcdefg", [50, 40, 30, 20, 5, 2, 1], k=3000)
    outcome = prepare({"a.csv": table(labels)})
    places = {split: [int(row["text"].split()[1]) for row in outcome.rows(split)] for split in outcome.result["splits"]}
    assert sorted(row for place in places.values() for row in place) == list(range(3000))
    assert all(place == sorted(place) for place in places.values())


def test_seed_and_repetition(prepare):
    content = table(["a", "b"] * 500)
    first, again, other = prepare({"a.csv": content}), prepare({"a.csv": content}), prepare({"a.csv": content}, seed=1)
    assert first.result["shards"]["test"][0]["sha256"] == again.result["shards"]["test"][0]["sha256"]
    assert first.rows("test") != other.rows("test")
    # the format does not matter, only the rows and their order
    assert prepare({"a.tsv": content.replace(b",", b"\t")}).rows("test") == first.rows("test")


def test_each_class_of_three_is_in_every_split(prepare):
    outcome = prepare({"a.csv": table(["big"] * 500 + ["small"] * 3 + ["single"])})
    assert outcome.result["statistics"]["health"]["small"] == [["single", 1, 0], ["small", 3, 1]]
    for split in ("train", "validation", "test"):
        assert "small" in {row["label"] for row in outcome.rows(split)}
    assert "single" in {row["label"] for row in outcome.rows("train")}
    assert "stay in train" in outcome.log


@pytest.mark.parametrize("rows", [1, 2, 3, 4, 5, 9, 10, 11, 100])
def test_few_rows(prepare, rows):
    made = prepare({"a.csv": b"text\n" + b"".join(b"unique row %d\n" % i for i in range(rows))}, header=True).result["splits"]
    assert sum(made.values()) == rows
    assert set(made) == ({"train", "validation", "test"} if rows >= 3 else {"train"})


def test_made_as_asked(prepare):
    content = table(["a", "b", "c", "d"] * 250)
    made = prepare({"a.csv": content}, split={"train": 0.6, "validation": 0.15, "test": 0.25}).result["splits"]
    assert made == {"train": 600, "validation": 150, "test": 250}
    assert prepare({"a.csv": content}, split={"train": 0.7, "test": 0.3, "method": "random"}).result["splits"] == {
        "train": 700,
        "test": 300,
    }
    assert prepare({"a.csv": content}, split={"test": 0.2}).result["splits"] == {"train": 800, "test": 200}
    ordered = prepare({"a.csv": content}, split={"method": "ordered"})
    assert [row["text"] for row in ordered.rows("validation")] == [f"row {i}" for i in range(800, 900)]


def test_label_by_option_and_by_type(prepare):
    content = "text,colour,shape\n" + "".join(f"row {i},{'red' if i % 10 else 'blue'},{'xyz'[i % 3]}\n" for i in range(300))
    outcome = prepare({"a.csv": content.encode()}, split={"method": "stratified", "label": "colour"})
    assert Counter(row["colour"] for row in outcome.rows("test")) == {"red": 27, "blue": 3}
    assert "random split" in prepare({"a.csv": content.encode()}).log  # two categories: none is evident
    refused(prepare({"a.csv": content.encode()}, split={"method": "stratified", "label": "size"}), "unknown_column")
    refused(prepare({"a.csv": content.encode()}, split={"method": "stratified"}), "no_label_column")


@pytest.mark.parametrize(
    ("name", "values"), [("stars", [1, 2, 3, 4, 5]), ("label", ["true", "false"]), ("情感", ["正面", "负面"]), ("kind", ["x", "y"])]
)
def test_labels_that_are_evident(prepare, name, values):
    assert prepare({"a.csv": table([values[i % len(values)] for i in range(100)], name)}).result["statistics"]["label"] == name


def test_files_named_after_splits(prepare):
    named = {"reviews_train.csv": makers.csv(100), "val.csv": makers.csv(20), "test-00000.csv": makers.csv(30)}
    assert prepare(named).result["splits"] == {"train": 100, "validation": 20, "test": 30}


@pytest.mark.parametrize(
    ("files", "made"),
    [
        ({"train.csv": 100}, {"train": 80, "validation": 10, "test": 10}),
        ({"test.csv": 100}, {"train": 80, "validation": 10, "test": 10}),
        ({"train.csv": 100, "test.csv": 30}, {"train": 90, "validation": 10, "test": 30}),
        ({"train.csv": 100, "dev.csv": 30}, {"train": 90, "validation": 30, "test": 10}),
        ({"data.csv": 100, "test.csv": 30}, {"train": 90, "validation": 10, "test": 30}),
        ({"train-1.csv": 60, "train-2.csv": 40}, {"train": 80, "validation": 10, "test": 10}),
        ({"a.csv": 60, "b.csv": 40}, {"train": 80, "validation": 10, "test": 10}),
        ({"valid.csv": 20, "test.csv": 30}, {"validation": 20, "test": 30}),
    ],
)
def test_what_is_missing_is_held_out(prepare, files, made):
    assert prepare({name: makers.csv(rows) for name, rows in files.items()}).result["splits"] == made


def test_fractions_beside_given_files(prepare):
    files = {"train.csv": makers.csv(100), "test.csv": makers.csv(50)}
    assert prepare(files, split={"train": 0.8, "validation": 0.2}).result["splits"] == {"train": 80, "validation": 20, "test": 50}
    assert prepare(files, split={"train": 0.8, "test": 0.2}).result["splits"] == {"train": 120, "test": 30}


def test_split_column(prepare):
    words = ["train", "TRAIN", "dev", "test", "train"]
    content = "text,fold\n" + "".join(f"row {i},{words[i % 5]}\n" for i in range(50))
    outcome = prepare({"a.csv": content.encode()}, split={"column": "fold"})
    assert outcome.result["splits"] == {"train": 30, "validation": 10, "test": 10}
    assert "fold" not in outcome.result["features"]
    assert {int(row["text"].split()[1]) % 5 for row in outcome.rows("validation")} == {2}
    refused(prepare({"a.csv": content.encode()}, split={"column": "part"}), "unknown_column")
    assert (
        "other" in refused(prepare({"a.csv": content.replace("dev", "other").encode()}, split={"column": "fold"}), "bad_split")["message"]
    )
    refused(prepare({"a.csv": b"text,fold\nx,test\ny,test\n"}, split={"column": "fold"}), "empty_split")


def test_I43_empty_split(prepare):
    refused(prepare({"a.csv": table(["a", "b"] * 10)}, split={"train": 0.99, "test": 0.01}), "empty_split")


def test_I43_class_too_small(prepare):
    content = table(["a", "b"] * 50 + ["rare"])
    error = refused(
        prepare({"a.csv": content}, split={"train": 0.8, "validation": 0.1, "test": 0.1, "method": "stratified"}), "class_too_small"
    )
    assert "rare" in error["message"]
    assert prepare({"a.csv": content}).status == 0


@pytest.mark.parametrize("seed", range(6))
def test_plans_are_exact_whatever_the_classes(seed):
    generator = np.random.default_rng(seed)
    codes = generator.choice(40, size=5000, p=generator.dirichlet(np.full(40, 0.3)))
    sizes = np.bincount(codes, minlength=40).tolist()
    plan = splits.make(sizes, {"train": 0.8, "validation": 0.1, "test": 0.1}, seed, "stratified")
    assigner = splits.Assigner(plan)
    given = np.concatenate([assigner.assign(part) for part in np.array_split(codes, 7)])
    whole = splits.Assigner(plan).assign(codes)
    assert (given == whole).all()  # batches do not matter
    assert np.bincount(given, minlength=3).tolist() == list(plan.rows().values())
    for code, size in enumerate(sizes):
        counts = np.bincount(given[codes == code], minlength=3)
        assert counts.sum() == size
        assert counts.min() >= 1 or size < 3


def test_shuffling_leaves_no_pattern():
    assigner = splits.Assigner(splits.make([100_000], {"train": 0.9, "test": 0.1}, 0, "random"))
    chosen = np.flatnonzero(assigner.assign(np.zeros(100_000, np.int64)) == 2)
    assert len(chosen) == 10_000
    assert abs(chosen.mean() - 50_000) < 1000
    gaps = np.diff(chosen)
    assert 8.5 < gaps.std() < 10.5  # of a geometric distribution with p = .1: 9.5
    assert abs(np.bincount(chosen % 10, minlength=10) - 1000).max() < 150
