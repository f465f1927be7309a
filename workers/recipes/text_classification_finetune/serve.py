"""Answer texts with class probabilities, as Hugging Face's hosted API does."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from workers.contract.recipe import Item, UserError
from workers.lib import device as devices
from workers.lib import request
from workers.lib.text import Rows
from workers.recipes.text_classification_finetune import data
from workers.recipes.text_classification_finetune.model import Classifier
from workers.recipes.text_classification_finetune.spec import TextClassificationFinetune, TextClassificationParameters

EXAMPLE = TextClassificationFinetune.example
BATCH_TOKENS = 4096  # of one forward pass, padding included


class TextClassifier:
    """Items hold token ids; a result is [{label, score}], best first."""

    def __init__(self, classifier: Classifier) -> None:
        self.classifier = classifier
        config = classifier.model.config
        several = config.problem_type == "multi_label_classification" or config.num_labels == 1
        self.default = "sigmoid" if several else "softmax"

    def decode(self, body: bytes, content_type: str) -> tuple[list[Item], bool]:
        found = request.body_of(body, EXAMPLE)
        options = request.options_of(found.get("parameters"), TextClassificationParameters).model_dump()
        rows, single = request.rows_of(found["inputs"])
        pairs = [self._pair(row, number) for number, row in enumerate(rows)]
        tokens = data.encode(self.classifier.tokenizer, [pair[0] for pair in pairs], [pair[1] for pair in pairs], self.classifier.limit)
        return [Item(ids, len(ids), options) for ids in tokens], single

    def _pair(self, row: Any, number: int) -> tuple[str, str]:
        prefix = self.classifier.prefix
        if not isinstance(row, dict):
            return prefix + request.text_of(row, number, example=EXAMPLE), ""
        unknown = sorted(set(row) - {"text", "text_pair"})
        if unknown:
            place = {"row": number, "field": unknown[0]}
            raise UserError("bad_input", f"row {number}: unknown field {unknown[0]}", "A pair has the fields text and text_pair.", place)
        first = request.text_of(row.get("text"), number, "text", example=EXAMPLE)
        second = row.get("text_pair")
        return prefix + first, prefix + request.text_of(second, number, "text_pair", example=EXAMPLE) if second is not None else ""

    @torch.inference_mode()
    def predict(self, items: list[Item]) -> list[Any]:
        rows = Rows.of([item.value for item in items])
        results: list[Any] = [None] * len(items)
        for batch in request.by_size([item.size for item in items], BATCH_TOKENS):
            logits = self.classifier.logits(rows, batch).float().cpu()
            for place, values in zip(batch, logits, strict=True):
                results[place] = self._answer(values, items[place].options)
        return results

    def _answer(self, logits: torch.Tensor, options: dict[str, Any]) -> list[dict[str, Any]]:
        kind = options.get("function_to_apply") or self.default
        scores = (logits.softmax(-1) if kind == "softmax" else logits.sigmoid() if kind == "sigmoid" else logits).numpy()
        best = np.argsort(-scores, kind="stable")[: options.get("top_k")]
        return [{"label": self.classifier.labels[index], "score": float(scores[index])} for index in best]

    def encode(self, results: list[Any], single: bool) -> Any:
        return results

    def usage(self, item: Item, result: Any) -> dict[str, int]:
        return {"input_tokens": item.size, "output_tokens": 0}

    def stream(self, item: Item) -> Iterator[str]:
        raise UserError("not_streamable", "a classifier answers at once; it cannot stream", "Send the request without stream.")


def load(folder: Path, device: str, threads: int) -> TextClassifier:
    """Raises UserError `bad_base_model` when the folder is not a text classifier's."""
    return TextClassifier(Classifier.load(folder, devices.prepare(device, threads)))
