"""What OpenAI's routes take, as far as a local text model can obey; what it cannot is refused by name, never ignored in silence."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from controlplane.limits import limit

TOKENS_MAX = limit("predict_tokens")
Ignored = Any  # accepted for the client's sake: bookkeeping that changes no answer


class StreamOptions(BaseModel):
    model_config = ConfigDict(extra="forbid")
    include_usage: bool = False
    include_obfuscation: bool | None = None


class _Request(BaseModel):
    """What both routes share."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)
    model: str = Field(max_length=200)
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    max_tokens: Annotated[int, Field(ge=1, le=TOKENS_MAX)] | None = None
    stop: str | Annotated[list[str], Field(max_length=16)] | None = None
    seed: Annotated[int, Field(ge=0, lt=2**63)] | None = None
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    n: Literal[1] | None = 1
    presence_penalty: Literal[0] | None = None
    frequency_penalty: Literal[0] | None = None
    logit_bias: Annotated[dict[str, float], Field(max_length=0)] | None = None
    user: Ignored = None
    metadata: Ignored = None
    store: Ignored = None
    service_tier: Ignored = None
    safety_identifier: Ignored = None
    prompt_cache_key: Ignored = None
    prompt_cache_retention: Ignored = None

    def parameters(self) -> dict[str, Any]:
        """In Hugging Face's words; what was not said is left to the model's own defaults."""
        said: dict[str, Any] = {"return_full_text": False}
        if self.limit is not None:
            said["max_new_tokens"] = self.limit
        if self.temperature is not None:
            said["do_sample"] = self.temperature > 0
            if self.temperature > 0:
                said["temperature"] = self.temperature
        if self.top_p is not None:
            said["top_p"] = self.top_p
        if self.stop:
            said["stop"] = [self.stop] if isinstance(self.stop, str) else self.stop
        if self.seed is not None:
            said["seed"] = self.seed
        return said

    @property
    def limit(self) -> int | None:
        return self.max_tokens


class CompletionRequest(_Request):
    """`POST /v1/completions`."""

    prompt: str | Annotated[list[str], Field(min_length=1, max_length=limit("predict_prompts"))]
    echo: Literal[False] | None = None
    best_of: Literal[1] | None = None
    logprobs: None = None
    suffix: None = None


class Part(BaseModel):
    """A part of a message's content; only text can be read."""

    model_config = ConfigDict(extra="ignore")
    type: Literal["text"]
    text: str


class Message(BaseModel):
    model_config = ConfigDict(extra="forbid")
    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[Part] | None = None
    name: Ignored = None
    refusal: None = None
    tool_calls: Annotated[list[Any], Field(max_length=0)] | None = None
    audio: None = None
    function_call: None = None
    annotations: Ignored = None

    def plain(self) -> dict[str, str]:
        """{role, content} with the parts of the content joined."""
        content = self.content or ""
        text = content if isinstance(content, str) else "".join(part.text for part in content)
        return {"role": "system" if self.role == "developer" else self.role, "content": text}


class TextFormat(BaseModel):
    model_config = ConfigDict(extra="forbid")
    type: Literal["text"] = "text"


class ChatRequest(_Request):
    """`POST /v1/chat/completions`."""

    messages: Annotated[list[Message], Field(min_length=1, max_length=limit("predict_messages"))]
    max_completion_tokens: Annotated[int, Field(ge=1, le=TOKENS_MAX)] | None = None
    logprobs: Literal[False] | None = None
    top_logprobs: Literal[0] | None = None
    response_format: TextFormat | None = None
    tools: Annotated[list[Any], Field(max_length=0)] | None = None
    tool_choice: Literal["none", "auto"] | None = None
    parallel_tool_calls: Ignored = None
    reasoning_effort: Ignored = None
    verbosity: Ignored = None
    modalities: Annotated[list[Literal["text"]], Field(max_length=1)] | None = None

    @property
    def limit(self) -> int | None:
        return self.max_completion_tokens or self.max_tokens
