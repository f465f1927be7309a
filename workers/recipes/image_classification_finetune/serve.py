"""Answer pictures with class probabilities, as Hugging Face's hosted API does: raw bytes, or base64 in JSON. Links are never fetched."""

import base64
import binascii
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from workers.contract.recipe import Item, UserError
from workers.lib import device as devices
from workers.lib import images, request, variants
from workers.recipes.image_classification_finetune import model
from workers.recipes.image_classification_finetune.spec import ImageClassificationFinetune, ImageClassificationParameters

EXAMPLE = ImageClassificationFinetune.example
ROWS = 64  # pictures of one forward pass


class ImageClassifier:
    """Items hold prepared pictures, (3, height, width) float32; a result is [{label, score}], best first."""

    def __init__(self, folder: Path, device: torch.device) -> None:
        self.model = variants.placed(model.opened(folder), folder, device, torch.float32)
        self.processor = model.processor_of(folder)
        config: Any = self.model.config
        self.labels = [str(config.id2label[index]) for index in range(config.num_labels)]
        self.default = "sigmoid" if config.problem_type == "multi_label_classification" or config.num_labels == 1 else "softmax"

    def decode(self, body: bytes, content_type: str) -> tuple[list[Item], bool]:
        if content_type.startswith("image/") or (content_type != "application/json" and body[:1] not in (b"{", b"[")):
            return [self._item(images.opened(body), ImageClassificationParameters.model_validate({}).model_dump())], True
        found = request.body_of(body, EXAMPLE)
        options = request.options_of(found.get("parameters"), ImageClassificationParameters).model_dump()
        rows, single = request.rows_of(found["inputs"])
        return [self._item(images.opened(picture(row, number), number), options) for number, row in enumerate(rows)], single

    def _item(self, image: Image.Image, options: dict[str, Any]) -> Item:
        values = self.processor(images=image, return_tensors="np")["pixel_values"][0].astype(np.float32)
        return Item(values, max(1, values.shape[1] * values.shape[2] // 256), options)

    @torch.inference_mode()
    def predict(self, items: list[Item]) -> list[Any]:
        results: list[Any] = []
        for at in range(0, len(items), ROWS):
            part = items[at : at + ROWS]
            values = torch.from_numpy(np.stack([item.value for item in part])).to(self.model.device, self.model.dtype)
            logits = self.model(pixel_values=values).logits.float().cpu()
            results += [self._answer(row, item.options) for row, item in zip(logits, part, strict=True)]
        return results

    def _answer(self, logits: torch.Tensor, options: dict[str, Any]) -> list[dict[str, Any]]:
        kind = options.get("function_to_apply") or self.default
        scores = (logits.softmax(-1) if kind == "softmax" else logits.sigmoid() if kind == "sigmoid" else logits).numpy()
        best = np.argsort(-scores, kind="stable")[: options["top_k"]]
        return [{"label": self.labels[index], "score": float(scores[index])} for index in best]

    def encode(self, results: list[Any], single: bool) -> Any:
        return results[0] if single else results

    def usage(self, item: Item, result: Any) -> dict[str, int]:
        return {"input_tokens": 0, "output_tokens": 0}

    def stream(self, item: Item) -> Iterator[str]:
        raise UserError("not_streamable", "a classifier answers at once; it cannot stream", "Send the request without stream.")


def picture(value: Any, row: int) -> bytes:
    """The bytes of a base64 input, with or without `data:image/…;base64,` before it."""
    place = {"row": row, "field": "inputs"}
    if not isinstance(value, str):
        raise UserError(
            "bad_input", f"row {row}: inputs must be a base64 string, not {request.kind(value)}", "Send the picture in base64.", place
        )
    if value.startswith(("http://", "https://")):
        raise UserError("bad_input", f"row {row}: links are not fetched", "Send the picture's bytes, or base64 of them.", place)
    if value.startswith("data:"):
        value = value.partition(",")[2]
    try:
        data = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise UserError("bad_input", f"row {row}: not base64: {error}", "Send the picture in base64.", place) from error
    if not data:
        raise UserError("empty", f"row {row}: an empty picture", "Send a picture.", place)
    return data


def load(folder: Path, device: str, threads: int) -> ImageClassifier:
    """Raises UserError `bad_base_model` when the folder is not an image classifier's."""
    return ImageClassifier(folder, devices.prepare(device, threads))
