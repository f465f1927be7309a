"""Small networks sized by their pictures, or a base model with a new head; and how pictures are prepared for either."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import (
    AutoConfig,
    AutoImageProcessor,
    AutoModelForImageClassification,
    EfficientNetConfig,
    EfficientNetForImageClassification,
    PreTrainedModel,
    ResNetConfig,
    ResNetForImageClassification,
    ViTConfig,
    ViTForImageClassification,
    ViTImageProcessorPil,
)

from workers.contract.recipe import UserError
from workers.lib import images, variants
from workers.lib.said import said
from workers.recipes.image_classification_finetune.spec import ImageClassificationFinetune

SAFE: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
SMALL_UP_TO = 64  # pixels
RESNETS: dict[str, dict[str, Any]] = {
    "small": {"embedding_size": 32, "hidden_sizes": [32, 64, 128], "depths": [1, 1, 1], "layer_type": "basic"},
    "medium": {"embedding_size": 64, "hidden_sizes": [64, 128, 256, 512], "depths": [2, 2, 2, 2], "layer_type": "basic"},
    "large": {"embedding_size": 64, "hidden_sizes": [256, 512, 1024, 2048], "depths": [3, 4, 6, 3], "layer_type": "bottleneck"},
}
EFFICIENTNETS = {"small": (0.5, 0.5), "medium": (1.0, 1.0), "large": (1.1, 1.2)}  # width, depth
VITS = {"small": (128, 4), "medium": (192, 12), "large": (384, 12)}  # width, layers


@dataclass(frozen=True)
class Preparation:
    """How a picture becomes numbers. size: side in pixels; mean, std: per channel, of values in 0..1."""

    size: int
    mean: list[float]
    std: list[float]

    def save(self, folder: Path) -> None:
        """`preprocessor_config.json`, as AutoImageProcessor reads it."""
        side = {"height": self.size, "width": self.size}
        ViTImageProcessorPil(size=side, resample=2, image_mean=self.mean, image_std=self.std, do_convert_rgb=True).save_pretrained(folder)


def names(labels: list[str]) -> dict[str, Any]:
    """What a config says about its classes."""
    return {
        "num_labels": len(labels),
        "id2label": dict(enumerate(labels)),
        "label2id": {label: number for number, label in enumerate(labels)},
        "problem_type": "single_label_classification",
    }


def from_scratch(spec: ImageClassificationFinetune, size: int, labels: list[str]) -> PreTrainedModel:
    """Fresh weights; pictures of any kind come in with three channels."""
    kind = spec.model_size if spec.model_size != "auto" else "small" if size <= SMALL_UP_TO else "medium"
    if spec.architecture == "resnet":
        return ResNetForImageClassification(ResNetConfig(**RESNETS[kind], downsample_in_first_stage=False, **names(labels)))
    if spec.architecture == "efficientnet":
        width, depth = EFFICIENTNETS[kind]
        config = EfficientNetConfig(
            image_size=size,
            width_coefficient=width,
            depth_coefficient=depth,
            hidden_dim=int(1280 * width),
            dropout_rate=spec.dropout,
            **names(labels),
        )
        return EfficientNetForImageClassification(config)
    hidden, layers = VITS[kind]
    patch = max(4, size // 14 // 2 * 2) if size > SMALL_UP_TO else max(2, size // 8)
    while size % patch:
        patch -= 1
    return ViTForImageClassification(
        ViTConfig(
            image_size=size,
            patch_size=patch,
            hidden_size=hidden,
            intermediate_size=4 * hidden,
            num_hidden_layers=layers,
            num_attention_heads=hidden // 32,
            hidden_dropout_prob=spec.dropout,
            **names(labels),
        )
    )


def opened(folder: Path, **overrides: Any) -> PreTrainedModel:
    """An image classifier from a local folder of safetensors. Raises UserError `bad_base_model`."""
    try:
        config = AutoConfig.from_pretrained(str(folder), **SAFE)
        for name, value in overrides.items():
            setattr(config, name, value)
        return variants.opened(AutoModelForImageClassification, folder, config, ignore_mismatched_sizes=True)
    except (OSError, ValueError, KeyError, ImportError) as error:
        hint = "Bring a Hugging Face folder of an image model (ResNet, EfficientNet, ViT, …) with config.json and model.safetensors."
        raise UserError("bad_base_model", f"the model cannot be opened as an image classifier: {said(error, folder)}", hint) from error


def processor_of(folder: Path) -> Any:
    """The folder's image processor. Raises UserError `bad_base_model`."""
    try:
        return AutoImageProcessor.from_pretrained(str(folder), **SAFE)  # type: ignore[no-untyped-call]
    except (OSError, ValueError, KeyError, ImportError) as error:
        hint = "The folder needs preprocessor_config.json."
        raise UserError("bad_base_model", f"the model does not say how pictures are prepared: {said(error, folder)}", hint) from error


def fixed_size(folder: Path) -> int:
    """The one side a transformer's positions were learned for; 0 for networks that take any."""
    config = AutoConfig.from_pretrained(str(folder), **SAFE)
    return int(config.image_size) if config.model_type in ("vit", "deit", "beit", "levit") and isinstance(config.image_size, int) else 0


def preparation_of(folder: Path, wanted: int) -> Preparation:
    """As the folder's processor prepares pictures. wanted: another side in pixels, 0 for the processor's own."""
    found = processor_of(folder)
    size = (
        dict(getattr(found, "crop_size", None) or found.size or {}) if getattr(found, "do_center_crop", False) else dict(found.size or {})
    )
    side = wanted or int(size.get("height") or size.get("shortest_edge") or 224)
    plain = not getattr(found, "do_normalize", True)
    return Preparation(side, [0.0] * 3 if plain else list(found.image_mean), [1.0] * 3 if plain else list(found.image_std))


@dataclass
class Classifier:
    """A model, how its pictures are prepared, and its class names by index."""

    model: PreTrainedModel
    preparation: Preparation
    labels: list[str]

    @classmethod
    def load(cls, folder: Path, device: torch.device) -> "Classifier":
        """From a model folder. Raises UserError `bad_base_model`."""
        model = variants.placed(opened(folder), folder, device, torch.float32, pictures=True)
        config: Any = model.config
        labels = [str(config.id2label[index]) for index in range(config.num_labels)]
        return cls(model, preparation_of(folder, 0), labels)

    def save(self, folder: Path) -> None:
        """A Hugging Face folder of safetensors."""
        self.model.save_pretrained(folder)
        self.preparation.save(folder)

    def tensor(self, pixels: images.Pixels) -> torch.Tensor:
        return images.tensor(pixels, self.preparation.mean, self.preparation.std, self.model.device)

    def logits(self, split: images.Split, batch: NDArray[np.int64]) -> torch.Tensor:
        """(rows, classes) of the given rows, as they are."""
        found: torch.Tensor = self.model(pixel_values=self.tensor(split.pixels[batch]).to(self.model.dtype)).logits
        return found
