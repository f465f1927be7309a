"""Answer every text with the classes' shares of the training rows."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from workers.contract.recipe import Item, UserError
from workers.lib import request
from workers.recipes.text_classification_majority.spec import MajorityParameters, TextClassificationMajority

EXAMPLE = TextClassificationMajority.example


class MajorityPredictor:
    """scores: [{label, score}], best first."""

    def __init__(self, counts: dict[str, int]) -> None:
        total = sum(counts.values())
        shares = [{"label": name, "score": rows / total} for name, rows in counts.items()]
        self.scores: list[dict[str, Any]] = sorted(shares, key=lambda entry: -entry["score"])

    def decode(self, body: bytes, content_type: str) -> tuple[list[Item], bool]:
        found = request.body_of(body, EXAMPLE)
        options = request.options_of(found.get("parameters"), MajorityParameters).model_dump()
        rows, single = request.rows_of(found["inputs"])
        texts = [request.text_of(value, number, example=EXAMPLE) for number, value in enumerate(rows)]
        return [Item(text, 1, options) for text in texts], single

    def predict(self, items: list[Item]) -> list[Any]:
        return [self.scores[: item.options["top_k"]] for item in items]

    def encode(self, results: list[Any], single: bool) -> Any:
        return results

    def usage(self, item: Item, result: Any) -> dict[str, int]:
        return {"input_tokens": item.size, "output_tokens": 0}

    def stream(self, item: Item) -> Iterator[str]:
        raise UserError("not_streamable", "a classifier answers at once; it cannot stream", "Send the request without stream.")


def load(folder: Path, device: str, threads: int) -> MajorityPredictor:
    """Raises UserError `damaged_model` when the folder is not one of this recipe's."""
    try:
        counts = json.loads((folder / "config.json").read_text(encoding="utf-8"))["counts"]
        return MajorityPredictor({str(name): int(rows) for name, rows in counts.items()})
    except (OSError, ValueError, KeyError, AttributeError, ZeroDivisionError) as error:
        raise UserError("damaged_model", "config.json does not hold the class counts of a majority model", "Train it again.") from error
