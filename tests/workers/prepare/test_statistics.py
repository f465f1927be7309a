"""Figures about a version, compared with those of a plain computation."""

import statistics as plain

import pytest

from tests.workers.prepare import makers
from tests.workers.prepare.makers import image, zipped


def test_figures_of_columns(prepare):
    texts = [f"{'很' * (i % 17)} row {i}" for i in range(1000)]
    prices = [i * 0.25 for i in range(1000)]
    lines = "".join(
        f"{text},{'abc'[i % 3]},{i % 5},{price if i % 10 else ''},{i % 2 == 0}\n"
        for i, (text, price) in enumerate(zip(texts, prices, strict=True))
    )
    columns = prepare({"a.csv": ("text,label,stars,price,ok\n" + lines).encode()}).result["statistics"]["columns"]
    lengths = [len(text) for text in texts]
    text = columns["text"]
    assert text["type"] == "text"
    assert (text["distinct"], text["distinct_exact"], text["nulls"]) == (1000, True, 0)
    assert (text["lengths"]["min"], text["lengths"]["max"]) == (min(lengths), max(lengths))
    assert text["lengths"]["mean"] == pytest.approx(plain.mean(lengths))
    assert text["lengths"]["median"] == plain.median(lengths)
    assert (len(text["lengths"]["edges"]), sum(text["lengths"]["counts"])) == (21, 1000)
    known = [price for i, price in enumerate(prices) if i % 10]
    price = columns["price"]
    assert (price["nulls"], price["min"], price["max"]) == (100, min(known), max(known))
    assert price["mean"] == pytest.approx(plain.mean(known))
    assert price["std"] == pytest.approx(plain.pstdev(known))
    assert sum(price["histogram"]["counts"]) == 900
    assert columns["label"]["top"] == [["a", 334], ["b", 333], ["c", 333]]
    assert columns["stars"]["values"] == [[i, 200] for i in range(5)]
    assert columns["ok"]["values"] == [[False, 500], [True, 500]]


def test_counts_of_each_split(prepare):
    statistics = prepare({"a.csv": makers.csv(100)}).result["statistics"]
    assert statistics["rows"] == 100
    assert statistics["splits"]["test"] == {"rows": 10, "classes": {"label": {"a": 5, "b": 5}}}


def test_integers_that_never_repeat_are_not_listed(prepare):
    outcome = prepare({"a.csv": b"id,text\n" + b"".join(b"%d,row %d\n" % (i, i) for i in range(300))})
    assert "values" not in outcome.result["statistics"]["columns"]["id"]
    assert outcome.result["statistics"]["columns"]["id"]["distinct"] == 300


def test_health(prepare):
    rows = [f"text {i},{'ab'[i % 2]}" for i in range(100)]
    rows += ["text 0,a"] * 3 + ["text 1,a", "text 3,a"]  # three exact duplicates, two conflicts
    files = {"train.csv": "\n".join(["text,label", *rows]).encode(), "test.csv": b"text,label\ntext 5,b\ntext 7,a\nnew,a\n"}
    health = prepare(files).result["statistics"]["health"]
    counts = {"duplicates": 4, "leakage": 2, "conflicts": 3, "conflict_rows": 6, "empty": 0, "personal": {}, "exact": True, "rejected": 0}
    assert {name: health[name] for name in counts} == counts
    dropped = {frozenset(fixes): rows for fixes, rows in health["dropped_by"]}
    assert dropped[frozenset({"drop_duplicates"})] == 3
    assert sum(rows for fixes, rows in dropped.items() if "drop_conflicts" in fixes) == 6


def test_health_does_not_look_at_row_numbers(prepare):
    content = b"id,text,label\n" + b"".join(b"%d,same text,a\n" % i for i in range(50))
    assert prepare({"a.csv": content}).result["statistics"]["health"]["duplicates"] == 49


def test_equal_images_are_duplicates(prepare):
    files = {f"{label}/{i}.png": image(colour=i) for i in range(10) for label in "ab"}
    health = prepare({"a.zip": zipped(files)}, split={"train": 1.0}).result["statistics"]["health"]
    assert (health["duplicates"], health["conflicts"]) == (0, 10)


def test_many_rows_are_estimated(prepare):
    lines = b"".join(b"%d\n" % (i % 1_100_000) for i in range(1_300_000))
    statistics = prepare({"a.csv": b"code\n" + lines}, columns={"code": "text"}).result["statistics"]
    column, health = statistics["columns"]["code"], statistics["health"]
    assert not column["distinct_exact"]
    assert column["distinct"] == pytest.approx(1_100_000, rel=0.01)
    assert not health["exact"]
    assert health["duplicates"] == pytest.approx(200_000, rel=0.02)


def test_no_figures_where_there_are_none(prepare):
    content = b"text,n,m\n" + b"x,,\n" * 3 + b"y,1,\n" * 3
    columns = prepare({"a.csv": content}, columns={"m": "number"}).result["statistics"]["columns"]
    assert columns["m"]["mean"] is None
    assert columns["m"]["nulls"] == 6
