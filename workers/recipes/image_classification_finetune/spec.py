"""Settings of image-classification/finetune."""

from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from workers.contract.recipe import Bases, Column, Preset, Spec, Variant, Words, knob
from workers.lib import checks, knobs

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAAAAADhZOFXAAAAF0lEQVR42mNgQAL//zMwMDDBeMQw4AAAdjsCCa0quowAAAAASUVORK5CYII="


class ImageClassificationParameters(BaseModel):
    """`parameters` of a request."""

    model_config = ConfigDict(extra="forbid")
    top_k: int = Field(5, ge=1, le=100_000, description="How many classes to answer with, best first.")
    function_to_apply: Literal["softmax", "sigmoid", "none"] | None = Field(
        None, description="How scores are made from the model's logits."
    )


class ImageClassificationRequest(BaseModel):
    """A JSON request body. A picture may also be sent as it is, with its content type."""

    inputs: str | list[str] = Field(description="A picture in base64 (PNG, JPEG, WebP, GIF, BMP), or several.")
    parameters: ImageClassificationParameters | None = None


class ImageClassificationScore(BaseModel):
    """One class and its probability."""

    label: str
    score: float


class ImageClassificationFinetune(Spec):
    """ResNet, EfficientNet or ViT, from scratch or from a base model."""

    recipe: ClassVar[str] = "image-classification/finetune"
    title: ClassVar[Words] = Words("Image classifier", "图像分类器")
    summary: ClassVar[Words] = Words(
        "Sorts pictures into your classes: ResNet, EfficientNet or ViT, from scratch or from a base model. Sizes follow the pictures.",
        "把图片归入你的类别：ResNet、EfficientNet 或 ViT，可从零训练或基于基座模型。输入尺寸和模型大小随图片自动选择。",
    )
    columns: ClassVar[dict[str, Column]] = {
        "image": Column(("image",), Words("Image", "图像")),
        "label": Column(("category", "boolean", "integer"), Words("Label", "标签")),
    }
    formats: ClassVar[tuple[str, ...]] = ("images", "parquet")
    base_models: ClassVar[Bases] = "optional"
    base_architectures: ClassVar[tuple[str, ...]] = (
        *("resnet", "efficientnet", "vit", "deit", "convnext", "convnextv2", "swin", "swinv2"),
        *("mobilenet_v2", "regnet", "beit", "dinov2", "poolformer", "levit"),
    )
    presets: ClassVar[dict[Preset, dict[str, Any]]] = {
        "quick": {"epochs": 3},
        "balanced": {},
        "best": {"epochs": 40, "early_stopping_patience": 8, "label_smoothing": 0.1},
    }
    request: ClassVar[type[BaseModel]] = ImageClassificationRequest
    response: ClassVar[Any] = list[ImageClassificationScore] | list[list[ImageClassificationScore]]
    example: ClassVar[dict[str, Any]] = {"inputs": PIXEL, "parameters": {"top_k": 3}}
    variants: ClassVar[tuple[Variant, ...]] = ("bf16",)  # int8 is of linear layers: networks made of convolutions have next to none
    main_metric: ClassVar[str] = "eval/f1_macro"

    architecture: Literal["resnet", "efficientnet", "vit"] = knob(
        "resnet",
        Words("Architecture", "模型结构"),
        Words("From scratch: resnet learns fastest, vit wants many pictures.", "从零训练时：resnet 学得最快，vit 需要大量图片。"),
        group="model",
        simple=True,
    )
    model_size: Literal["auto", "small", "medium", "large"] = knob(
        "auto",
        Words("Model size", "模型大小"),
        Words("From scratch: auto is small up to 64 pixels, medium above.", "从零训练时：auto 在 64 像素及以下用 small，更大用 medium。"),
        group="model",
    )
    image_size: int = knob(
        0,
        Words("Image size", "图像尺寸"),
        Words(
            "Pictures are resized to squares of this side. 0: as the pictures or the base model suggest.",
            "图片缩放为该边长的正方形。0：按图片或基座模型自动选择。",
        ),
        group="data",
        unit=Words("pixels", "像素"),
        ge=0,
        le=1024,
    )
    augmentation: Literal["none", "light", "strong"] = knob(
        "light",
        Words("Augmentation", "数据增强"),
        Words(
            "How much pictures are turned, moved, scaled and lit otherwise while training.", "训练时图片旋转、平移、缩放和改变明暗的程度。"
        ),
        group="data",
    )
    flip: bool = knob(
        False,
        Words("Mirror", "水平翻转"),
        Words(
            "Half of the pictures are mirrored while training. Not for digits, letters or signs.",
            "训练时随机镜像一半图片。不适合数字、字母和标志。",
        ),
        group="data",
    )
    epochs: int = knobs.epochs(10)
    batch_size: int = knobs.batch_size(64)
    max_steps: int = knobs.max_steps()
    gradient_accumulation_steps: int = knobs.gradient_accumulation_steps()
    early_stopping_patience: int = knobs.early_stopping_patience(3)
    eval_steps: int = knobs.eval_steps()
    learning_rate: float = knob(
        0.0,
        Words("Learning rate", "学习率"),
        Words(
            "Size of one step of the optimiser. 0: chosen for you, 0.002 from scratch (0.0005 for vit), 0.0001 on a base model.",
            "优化器每步的幅度。0：自动选择，从零训练 0.002（vit 为 0.0005），基座模型 0.0001。",
        ),
        group="optimiser",
        simple=True,
        ge=0,
        le=1,
    )
    warmup_ratio: float = knobs.warmup_ratio(0.1)
    schedule: knobs.Schedule = knobs.schedule("cosine")
    max_grad_norm: float = knobs.max_grad_norm()
    weight_decay: float = knobs.weight_decay(0.05)
    dropout: float = knobs.dropout(0.1)
    label_smoothing: float = knobs.label_smoothing()
    class_weights: bool = knobs.class_weights()
    precision: knobs.Precision = knobs.precision()
    seed: int = knobs.seed()

    @classmethod
    def check_dataset(cls, params: Spec, roles: dict[str, str], statistics: dict[str, Any]) -> list[dict[str, Any]]:
        label = roles.get("label")
        found = checks.label_type(label, cls.columns["label"], statistics)
        return checks.splits(statistics) + (found or checks.classes(label, statistics))


RECIPE = ImageClassificationFinetune
