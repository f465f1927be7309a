"""The baseline: what guessing the most frequent class is worth. It needs no ML library and is the shortest complete recipe."""

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from workers.contract.recipe import Column, Preset, Spec, Words
from workers.lib import checks, knobs


class MajorityParameters(BaseModel):
    """`parameters` of a request."""

    model_config = ConfigDict(extra="forbid")
    top_k: int | None = Field(None, ge=1, le=100_000, description="How many classes to answer with, best first; all when absent.")


class MajorityRequest(BaseModel):
    """A request body."""

    inputs: str | list[str] = Field(description="One text, or several.")
    parameters: MajorityParameters | None = None


class MajorityScore(BaseModel):
    """One class with its share of the training rows."""

    label: str
    score: float


class TextClassificationMajority(Spec):
    """Settings of text-classification/majority: there is nothing to set but the seed, which every recipe has."""

    recipe: ClassVar[str] = "text-classification/majority"
    title: ClassVar[Words] = Words("Majority baseline", "多数类基线")
    summary: ClassVar[Words] = Words(
        "Always answers with the most frequent class: the figure any trained model has to beat. Takes a second.",
        "总是回答最常见的类别：任何训练出来的模型都应超过它。一秒即可完成。",
    )
    columns: ClassVar[dict[str, Column]] = {
        "text": Column(("text", "category"), Words("Text", "文本")),
        "label": Column(("category", "boolean", "integer"), Words("Label", "标签")),
    }
    formats: ClassVar[tuple[str, ...]] = ("csv", "tsv", "json", "jsonl", "parquet")
    presets: ClassVar[dict[Preset, dict[str, Any]]] = {"quick": {}, "balanced": {}, "best": {}}
    request: ClassVar[type[BaseModel]] = MajorityRequest
    response: ClassVar[Any] = list[list[MajorityScore]]
    example: ClassVar[dict[str, Any]] = {"inputs": "The room was clean and the staff friendly.", "parameters": {"top_k": 2}}
    devices: ClassVar[tuple[str, ...]] = ("cpu",)
    main_metric: ClassVar[str] = "eval/accuracy"

    seed: int = knobs.seed()

    @classmethod
    def check_dataset(cls, params: Spec, roles: dict[str, str], statistics: dict[str, Any]) -> list[dict[str, Any]]:
        label = roles.get("label")
        found = checks.label_type(label, cls.columns["label"], statistics)
        return checks.splits(statistics) + (found or checks.classes(label, statistics))


RECIPE = TextClassificationMajority
