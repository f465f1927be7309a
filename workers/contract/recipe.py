"""What a recipe is, seen from outside: one `Spec` class, from which form, REST schema, docs and playground follow.

A spec holds user knobs only; paths, tokens and devices travel in the order. Not covered here: how it learns
(`train.py`) and how it answers (`serve.py`), which only the data plane imports.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple, Protocol

from pydantic import BaseModel, ConfigDict, Field

Preset = Literal["quick", "balanced", "best"]
Bases = Literal["none", "optional", "required"]
Variant = Literal["int8", "bf16"]


class Words(NamedTuple):
    """The same words in both languages."""

    en: str
    zh: str


class Column(NamedTuple):
    """A role the recipe reads. types: dataset column types it accepts, best first; title: the role's name for people."""

    types: tuple[str, ...]
    title: Words
    required: bool = True


def knob(
    default: Any,
    title: Words,
    help: Words,
    *,
    group: str,
    unit: Words | None = None,
    simple: bool = False,
    visible_when: dict[str, Any] | None = None,
    **bounds: Any,
) -> Any:
    """A pydantic field with both languages. group: general training optimiser regularisation model data hardware.

    simple: shown in the form's Simple view · visible_when: {other field: value or list of values} · bounds: ge gt le lt max_length …
    """
    extra: dict[str, Any] = {"title_i18n": title._asdict(), "help_i18n": help._asdict(), "group": group, "simple": simple}
    if unit:
        extra["unit_i18n"] = unit._asdict()
    if visible_when:
        extra["visible_when"] = visible_when
    return Field(default, title=title.en, description=help.en, json_schema_extra=extra, **bounds)


class Spec(BaseModel):
    """Base of every recipe's spec. Subclasses are uniquely named and set every ClassVar."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    recipe: ClassVar[str]  # task/method
    version: ClassVar[int] = 1  # grows when the same params would train another model
    title: ClassVar[Words]
    summary: ClassVar[Words]
    columns: ClassVar[dict[str, Column]]
    formats: ClassVar[tuple[str, ...]]  # dataset formats it can read: csv tsv json jsonl parquet txt images
    base_models: ClassVar[Bases] = "none"
    base_architectures: ClassVar[tuple[str, ...]] = ()  # config.json model_type values a base may have
    presets: ClassVar[dict[Preset, dict[str, Any]]]
    request: ClassVar[type[BaseModel]]
    response: ClassVar[Any]
    example: ClassVar[dict[str, Any]]  # a request body: {"inputs": …, "parameters": {…}}
    devices: ClassVar[tuple[str, ...]] = ("cpu", "cuda")
    variants: ClassVar[tuple[Variant, ...]] = ()  # smaller or faster copies its models can have, in the order they are offered
    main_metric: ClassVar[str]  # what "best" means: a key such as eval/f1_macro
    main_metric_goal: ClassVar[Literal["max", "min"]] = "max"

    @classmethod
    def task(cls) -> str:
        """The Hugging Face task name."""
        return cls.recipe.split("/")[0]

    @classmethod
    def method(cls) -> str:
        return cls.recipe.split("/")[1]

    @classmethod
    def check_dataset(cls, params: "Spec", roles: dict[str, str], statistics: dict[str, Any]) -> list[dict[str, Any]]:
        """Problems of this dataset for this recipe, before anything is queued: [{code, message, hint, loc}].

        roles: role -> dataset column; statistics: the dataset version's (see `workers/prepare`). No problem: an empty list.
        """
        return []


class UserError(Exception):
    """Something the user can mend: ends the attempt `failed` with this code, message, hint and place, never with a stack."""

    def __init__(self, code: str, message: str, hint: str = "", loc: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.hint, self.loc = code, message, hint, loc or {}

    def as_dict(self) -> dict[str, Any]:
        return {"code": self.code, "message": self.message, "hint": self.hint, "loc": self.loc}


class Item(NamedTuple):
    """One input of one request, decoded. size: cost in tokens (or the like), what a batch is cut by; options: parameters."""

    value: Any
    size: int
    options: dict[str, Any]


class Predictor(Protocol):
    """What `serve.load(folder, device, threads)` returns.

    decode: body of one request -> items (one per input); raises UserError naming row and field.
    predict: items of possibly many requests -> one result each, in order, JSON-ready.
    encode: the request's results -> the Hugging Face answer; `single` tells whether inputs was one value.
    stream (generation only): one item -> pieces of text, lazily; closing the iterator stops the work.
    A generator may return {"finish_reason": "stop" | "length", "output_tokens": int}, which goes to the client with the last piece.
    collect (optional, generation): (item, its whole text, what its generator returned) -> its result, as predict would give it. With it
    whole answers are made piece by piece as well: beside the streams, none held up by another, and none longer than somebody waits.
    usage (optional): (item, its result) -> {"input_tokens", "output_tokens", "finish_reason"?}, for the meter and for clients.
    """

    def decode(self, body: bytes, content_type: str) -> tuple[list[Item], bool]: ...
    def predict(self, items: list[Item]) -> list[Any]: ...
    def encode(self, results: list[Any], single: bool) -> Any: ...
    def stream(self, item: Item) -> Iterator[str]: ...


class Run(Protocol):
    """What `train.train(run, spec)` is given; implemented by `workers/run.py`, replaced by a fake in tests.

    folder: the run folder · device: "cpu" or "cuda:0" · threads · columns: role -> dataset column · classes: the categories of the
    column in role `label` if typed category, else [] · splits: names that have rows · base_model: a local folder or None ·
    resume: a local checkpoint folder or None (and resume_step) · model_dir: an empty folder; what stands in it when train()
    returns is the model · evaluation_dir: an empty folder for what a report leaves out, such as the answer to every held-out row.
    """

    folder: Path
    device: str
    threads: int
    columns: dict[str, str]
    classes: list[str]
    splits: dict[str, int]
    base_model: Path | None
    resume: Path | None
    resume_step: int
    model_dir: Path
    evaluation_dir: Path

    @property
    def should_stop(self) -> bool:
        """Somebody asked it to stop: finish the step, save a checkpoint, return."""
        ...

    def shards(self, split: str) -> list[Path]:
        """The split's Parquet files, in row order, on this machine's disk. Columns bear the dataset's names."""
        ...

    def batches(self, split: str, size: int = 4096) -> Iterator[dict[str, list[Any]]]:
        """Rows as {role: [values]} with at most `size` rows; memory does not grow with the split."""
        ...

    def log(self, text: str, level: str = "info") -> None: ...
    def metrics(self, step: int, values: dict[str, float]) -> None: ...
    def progress(self, step: int, total_steps: int | None, epoch: float | None = None) -> None: ...
    def sample(self, step: int, *, title: str, prompt: str, output: str, kind: str = "text") -> None:
        """kind: text | table (lines with tabs, the first the headers) | image | audio (a data URI)."""
        ...

    def checkpoint(self, step: int, source: Path, metrics: dict[str, float], best: bool) -> None:
        """Take over the folder `source` (safetensors + JSON only) as the checkpoint of `step`: synced, hashed, renamed, reported.

        Keeps the last two and the best. A checkpoint that has a subfolder `model/` can be registered as a model.
        """
        ...

    def fresh_folder(self, name: str) -> Path:
        """An empty folder on the run's disk, for a checkpoint in the making or for what does not fit in memory."""
        ...

    def best_checkpoint(self) -> Path | None: ...
    def card(self, markdown: str) -> None:
        """Text for the model card, below the lines the platform writes itself."""
        ...
