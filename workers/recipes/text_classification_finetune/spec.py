"""Settings of text-classification/finetune. The same knobs serve a base encoder and a small transformer from scratch."""

from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from workers.contract.recipe import Bases, Column, Preset, Spec, Variant, Words, knob
from workers.lib import checks, knobs


class TextPair(BaseModel):
    """A text with its counterpart, for models trained on pairs."""

    model_config = ConfigDict(extra="forbid")
    text: str
    text_pair: str | None = None


class TextClassificationParameters(BaseModel):
    """`parameters` of a request."""

    model_config = ConfigDict(extra="forbid")
    top_k: int | None = Field(None, ge=1, le=100_000, description="How many classes to answer with, best first; all when absent.")
    function_to_apply: Literal["softmax", "sigmoid", "none"] | None = Field(
        None, description="How scores are made from the model's logits."
    )


class TextClassificationRequest(BaseModel):
    """A request body."""

    inputs: str | TextPair | list[str | TextPair] = Field(description="One text, or several.")
    parameters: TextClassificationParameters | None = None


class TextClassificationScore(BaseModel):
    """One class and its probability."""

    label: str
    score: float


class TextClassificationFinetune(Spec):
    """A base encoder with a new classification head, or a small transformer with its own vocabulary when no base is chosen."""

    recipe: ClassVar[str] = "text-classification/finetune"
    title: ClassVar[Words] = Words("Text classifier", "文本分类器")
    summary: ClassVar[Words] = Words(
        "Sorts texts of any language into classes. Fine-tunes a base encoder, or trains a small transformer from scratch within minutes.",
        "把任意语言的文本归入你的类别。可微调预训练编码器，也可在几分钟内从零训练一个小型 Transformer。",
    )
    columns: ClassVar[dict[str, Column]] = {
        "text": Column(("text", "category"), Words("Text", "文本")),
        "text_pair": Column(("text", "category"), Words("Second text", "第二段文本"), required=False),
        "label": Column(("category", "boolean", "integer"), Words("Label", "标签")),
    }
    formats: ClassVar[tuple[str, ...]] = ("csv", "tsv", "json", "jsonl", "parquet")
    base_models: ClassVar[Bases] = "optional"
    base_architectures: ClassVar[tuple[str, ...]] = (
        *("bert", "roberta", "xlm-roberta", "distilbert", "electra", "albert", "mpnet", "modernbert"),
        *("deberta", "deberta-v2", "ernie", "camembert", "convbert"),
    )
    presets: ClassVar[dict[Preset, dict[str, Any]]] = {
        "quick": {"epochs": 1, "max_length": 128},
        "balanced": {},
        "best": {"epochs": 6, "max_length": 512, "early_stopping_patience": 3},
    }
    request: ClassVar[type[BaseModel]] = TextClassificationRequest
    response: ClassVar[Any] = list[list[TextClassificationScore]]
    example: ClassVar[dict[str, Any]] = {"inputs": "The room was clean and the staff friendly.", "parameters": {"top_k": 2}}
    variants: ClassVar[tuple[Variant, ...]] = ("int8", "bf16")
    main_metric: ClassVar[str] = "eval/f1_macro"

    epochs: int = knobs.epochs(3)
    batch_size: int = knobs.batch_size(32)
    max_steps: int = knobs.max_steps()
    gradient_accumulation_steps: int = knobs.gradient_accumulation_steps()
    early_stopping_patience: int = knobs.early_stopping_patience(2)
    eval_steps: int = knobs.eval_steps()
    learning_rate: float = knob(
        0.0,
        Words("Learning rate", "学习率"),
        Words(
            "Size of one step of the optimiser. 0: chosen for you, 0.001 from scratch and 0.00005 on a base model.",
            "优化器每步的幅度。0：自动选择，从零训练为 0.001，微调基座模型为 0.00005。",
        ),
        group="optimiser",
        simple=True,
        ge=0,
        le=1,
    )
    warmup_ratio: float = knobs.warmup_ratio(0.1)
    schedule: knobs.Schedule = knobs.schedule("linear")
    max_grad_norm: float = knobs.max_grad_norm()
    weight_decay: float = knobs.weight_decay(0.05)
    dropout: float = knobs.dropout(0.3)
    subword_dropout: float = knob(
        0.1,
        Words("Subword dropout", "子词随机拆分"),
        Words(
            "From scratch: share of word pieces broken into their parts at random, so that the model does not rely on one spelling.",
            "从零训练时：随机拆开的子词比例，使模型不依赖单一切分。",
        ),
        group="regularisation",
        ge=0,
        le=0.9,
    )
    word_dropout: float = knob(
        0.15,
        Words("Word dropout", "随机遮词"),
        Words(
            "From scratch: share of tokens hidden at random while training, so that no single word decides.",
            "从零训练时：训练中随机遮住的 Token 比例，使单个词不起决定作用。",
        ),
        group="regularisation",
        ge=0,
        le=0.9,
    )
    label_smoothing: float = knobs.label_smoothing()
    class_weights: bool = knobs.class_weights()
    vocab_size: int = knob(
        8000,
        Words("Vocabulary", "词表大小"),
        Words(
            "From scratch: how many characters, words and word pieces are learned from the training split.",
            "从零训练时：从训练集学习的字、词与子词的数量。",
        ),
        group="model",
        ge=300,
        le=100_000,
    )
    hidden_size: Literal[64, 128, 256, 384, 512] = knob(
        128, Words("Width", "隐藏层宽度"), Words("From scratch: numbers per token.", "从零训练时：每个 Token 的向量长度。"), group="model"
    )
    layers: int = knob(
        2, Words("Layers", "层数"), Words("From scratch: transformer layers.", "从零训练时：Transformer 层数。"), group="model", ge=1, le=24
    )
    freeze_embeddings: Literal["auto", "yes", "no"] = knob(
        "auto",
        Words("Freeze word vectors", "冻结词向量"),
        Words(
            "Leaves the base model's word vectors as they are. auto: if its vocabulary has 100,000 entries or more.",
            "保持基座模型的词向量不变。auto：词表不少于 10 万时冻结。",
        ),
        group="model",
    )
    max_length: int = knob(
        256,
        Words("Longest text", "最大长度"),
        Words(
            "Longer texts are cut after this many tokens; the log says how many were.", "更长的文本在这么多 Token 处截断，日志会说明数量。"
        ),
        group="data",
        unit=Words("tokens", "Token"),
        simple=True,
        ge=8,
        le=8192,
    )
    text_prefix: str = knob(
        "auto",
        Words("Text prefix", "文本前缀"),
        Words(
            "Put before each text, in training and in requests. auto: what the base model asks for, such as “query: ” of the e5 family.",
            "训练和调用时加在每段文本之前。auto：按基座模型的要求，例如 e5 系列的 “query: ”。",
        ),
        group="data",
        max_length=200,
    )
    precision: knobs.Precision = knobs.precision()
    seed: int = knobs.seed()

    @classmethod
    def check_dataset(cls, params: Spec, roles: dict[str, str], statistics: dict[str, Any]) -> list[dict[str, Any]]:
        label = roles.get("label")
        found = checks.label_type(label, cls.columns["label"], statistics)
        return checks.splits(statistics) + (found or checks.classes(label, statistics))


RECIPE = TextClassificationFinetune
