"""Settings of text-generation/pretrain: a GPT from nothing, its tokenizer included."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from workers.contract.recipe import Column, Preset, Spec, Variant, Words, knob
from workers.lib import checks, knobs

NEW_TOKENS_MAX = 4096


class TextGenerationParameters(BaseModel):
    """`parameters` of a request. What is absent is left to the model's own defaults (sampling at temperature 0.8 for ours)."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)
    max_new_tokens: int = Field(128, ge=1, le=NEW_TOKENS_MAX, description="The answer ends after so many tokens.")
    do_sample: bool | None = Field(None, description="false: always the most likely token.")
    temperature: float | None = Field(None, ge=0, le=10, description="Below 1 more predictable, above 1 more varied; 0: most likely token.")
    top_k: int | None = Field(None, ge=0, le=1_000_000, description="Choose among the k most likely tokens only; 0: among all.")
    top_p: float | None = Field(None, gt=0, le=1, description="Choose among the most likely tokens that together have this probability.")
    repetition_penalty: float = Field(1.0, gt=0, le=10, description="Above 1: what was said before becomes less likely.")
    stop: list[Annotated[str, Field(min_length=1, max_length=200)]] = Field([], max_length=16, description="Texts that end the answer.")
    seed: int | None = Field(None, ge=0, lt=2**63, description="The same seed gives the same answer.")
    return_full_text: bool = Field(False, description="Repeat the prompt before the answer.")


class ChatMessage(BaseModel):
    """One turn of a conversation."""

    model_config = ConfigDict(extra="forbid")
    role: Literal["system", "user", "assistant"]
    content: str


class TextGenerationRequest(BaseModel):
    """A request body. A list of messages is one conversation."""

    inputs: str | list[str] | list[ChatMessage] = Field(description="One prompt, several, or the messages of a conversation.")
    parameters: TextGenerationParameters | None = None


class GeneratedText(BaseModel):
    """One answer."""

    generated_text: str


class TextGenerationPretrain(Spec):
    """A small Llama or GPT-2 trained from scratch on the rows of one text column."""

    recipe: ClassVar[str] = "text-generation/pretrain"
    title: ClassVar[Words] = Words("Language model from scratch", "从零训练语言模型")
    summary: ClassVar[Words] = Words(
        "Trains a GPT and its tokenizer on your texts and shows what it writes on the way. Chinese is read by characters.",
        "在你的文本上从零训练 GPT 及其分词器，并在过程中展示生成样例。中文按字切分，其他语言按子词切分。",
    )
    columns: ClassVar[dict[str, Column]] = {"text": Column(("text", "category"), Words("Text", "文本"))}
    formats: ClassVar[tuple[str, ...]] = ("txt", "csv", "tsv", "json", "jsonl", "parquet")
    base_architectures: ClassVar[tuple[str, ...]] = (  # of models that are brought and served as they are
        *("llama", "gpt2", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "phi", "phi3"),
        *("gpt_neox", "gpt_neo", "opt", "bloom", "olmo", "olmo2", "granite", "smollm3", "stablelm"),
    )
    presets: ClassVar[dict[Preset, dict[str, Any]]] = {
        "quick": {"epochs": 1, "hidden_size": 128, "layers": 2},
        "balanced": {},
        "best": {"epochs": 20, "hidden_size": 384, "layers": 6, "dropout": 0.2},
    }
    request: ClassVar[type[BaseModel]] = TextGenerationRequest
    response: ClassVar[Any] = list[GeneratedText] | list[list[GeneratedText]]
    example: ClassVar[dict[str, Any]] = {"inputs": "明月", "parameters": {"max_new_tokens": 32, "temperature": 0.8}}
    variants: ClassVar[tuple[Variant, ...]] = ("int8", "bf16")
    main_metric: ClassVar[str] = "eval/loss"
    main_metric_goal: ClassVar[Literal["max", "min"]] = "min"

    epochs: int = knobs.epochs(4)
    batch_size: int = knobs.batch_size(16)
    max_steps: int = knobs.max_steps()
    gradient_accumulation_steps: int = knobs.gradient_accumulation_steps()
    early_stopping_patience: int = knobs.early_stopping_patience(2)
    eval_steps: int = knobs.eval_steps()
    sample_steps: int = knob(
        0,
        Words("Sample every", "生成样例间隔"),
        Words("Writes a sample after this many steps. 0: about ten times in all.", "每隔这么多步生成一个样例。0 表示总共约十次。"),
        group="training",
        unit=Words("steps", "步"),
        ge=0,
        le=1_000_000,
    )
    sample_prompt: str = knob(
        "",
        Words("Sample prompt", "样例开头"),
        Words("How the samples begin. Empty: as the model likes.", "样例以这段文字开头。留空则由模型自由开头。"),
        group="training",
        max_length=500,
    )
    learning_rate: float = knobs.learning_rate(0.001)
    warmup_ratio: float = knobs.warmup_ratio(0.05)
    schedule: knobs.Schedule = knobs.schedule("cosine")
    max_grad_norm: float = knobs.max_grad_norm()
    weight_decay: float = knobs.weight_decay(0.1)
    dropout: float = knobs.dropout(0.1)
    architecture: Literal["llama", "gpt2"] = knob(
        "llama",
        Words("Architecture", "模型结构"),
        Words(
            "llama: rotary positions and gated layers, learns faster; gpt2: the classic.",
            "llama：旋转位置编码与门控层，学得更快；gpt2：经典结构。",
        ),
        group="model",
    )
    hidden_size: Literal[64, 128, 192, 256, 384, 512, 768] = knob(
        256, Words("Width", "隐藏层宽度"), Words("Numbers per token.", "每个 Token 的向量长度。"), group="model", simple=True
    )
    layers: int = knob(
        4, Words("Layers", "层数"), Words("Transformer layers.", "Transformer 层数。"), group="model", simple=True, ge=1, le=48
    )
    tokenizer: Literal["auto", "characters", "bpe"] = knob(
        "auto",
        Words("Tokenizer", "分词方式"),
        Words(
            "characters: one token each; bpe: byte pair encoding. auto: characters where most letters are Chinese, Japanese or Korean.",
            "characters：一字一个 Token；bpe：字节对编码。auto：以中日韩文字为主时按字，否则用 bpe。",
        ),
        group="data",
    )
    vocab_size: int = knob(
        8000,
        Words("Vocabulary", "词表大小"),
        Words("At most so many tokens; rarer characters are spelt in bytes.", "Token 数量上限，更罕见的字符用字节拼写。"),
        group="data",
        ge=300,
        le=100_000,
    )
    max_length: int = knob(
        128,
        Words("Context", "上下文长度"),
        Words(
            "Texts are packed into blocks of so many tokens; so far can the model look back.",
            "文本被拼接成这么多 Token 的块，模型最多回看这么远。",
        ),
        group="data",
        unit=Words("tokens", "Token"),
        ge=16,
        le=4096,
    )
    precision: knobs.Precision = knobs.precision()
    seed: int = knobs.seed()

    @classmethod
    def check_dataset(cls, params: Spec, roles: dict[str, str], statistics: dict[str, Any]) -> list[dict[str, Any]]:
        return checks.splits(statistics)


RECIPE = TextGenerationPretrain
