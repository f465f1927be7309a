"""Token by token: a batch that grows and shrinks while it runs, one key-value cache for all of its sequences.

Sequences are padded on the left; a new one joins by a pass over its prompt, a finished one leaves with its part of the cache. When a
sequence fills the model's context, the batch goes on from the later half of each text. Not covered: beams, speculative decoding.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel, PreTrainedTokenizerBase
from transformers.cache_utils import DynamicLayer

from workers.lib.text import padded


@dataclass(frozen=True)
class Sampling:
    """How the next token is chosen. top_k 0, top_p 1, repetition_penalty 1: switched off; stop: texts that end the answer."""

    max_new_tokens: int
    do_sample: bool = True
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    repetition_penalty: float = 1.0
    stop: tuple[str, ...] = ()
    seed: int | None = None


@dataclass(eq=False)
class Text:
    """One sequence in the making. finish: None while it grows, then `stop` or `length`."""

    prompt: list[int]
    sampling: Sampling
    made: list[int] = field(default_factory=list)
    text: str = ""
    finish: str | None = None
    told: int = 0  # characters handed out so far

    def __post_init__(self) -> None:
        self.random = torch.Generator()
        if self.sampling.seed is None:
            self.random.seed()
        else:
            self.random.manual_seed(self.sampling.seed)

    @property
    def tokens(self) -> list[int]:
        return self.prompt + self.made

    def piece(self) -> str:
        """What can be handed out now: no half character, nothing that may turn out to be the beginning of a stop text."""
        safe = len(self.text)
        if self.finish is None:
            safe -= len(self.text) - len(self.text.rstrip("\ufffd"))
            safe -= max(
                (size for stop in self.sampling.stop for size in range(1, len(stop)) if self.text[:safe].endswith(stop[:size])), default=0
            )
        found = self.text[self.told : safe]
        self.told = max(self.told, safe)
        return found


class Engine:
    """All sequences in work on one model. Not for several threads."""

    def __init__(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, context: int) -> None:
        self.model, self.tokenizer, self.context = model, tokenizer, max(2, context)
        self.active: list[Text] = []
        self.cache: DynamicCache | None = None
        self.mask = torch.zeros((0, 0), dtype=torch.int64, device=model.device)
        ends = model.generation_config.eos_token_id if model.generation_config else None
        self.ends = set(ends if isinstance(ends, list) else [ends]) | {tokenizer.eos_token_id}
        self.never = sorted({tokenizer.pad_token_id, tokenizer.bos_token_id} - self.ends - {None})

    @torch.inference_mode()
    def add(self, texts: Sequence[Text]) -> None:
        """Read the prompts and make each one's first token."""
        logits, cache, mask = self._read(texts, self.context - 1)
        self._join(cache, mask)
        self.active += texts
        self._choose(texts, logits)

    @torch.inference_mode()
    def step(self) -> None:
        """One more token for every sequence."""
        if int(self.mask.sum(1).max()) >= self.context:
            logits, self.cache, self.mask = self._read(self.active, max(1, self.context // 2))
        else:
            last = torch.tensor([[text.tokens[-1]] for text in self.active], device=self.model.device)
            positions = self.mask.sum(1, keepdim=True)
            self.mask = torch.cat([self.mask, torch.ones_like(positions)], 1)
            logits = self.model(last, attention_mask=self.mask, position_ids=positions, past_key_values=self.cache, use_cache=True).logits[
                :, -1
            ]
        self._choose(list(self.active), logits)

    def leave(self, text: Text) -> None:
        """Stop working on one sequence."""
        if text in self.active:
            self._keep([place for place, other in enumerate(self.active) if other is not text])

    def _read(self, texts: Sequence[Text], most: int) -> tuple[Tensor, DynamicCache, Tensor]:
        """A pass over the last `most` tokens of each text -> (next-token logits, cache, mask)."""
        rows = [torch.tensor(text.tokens[-most:], dtype=torch.int32).numpy() for text in texts]
        ids, mask = (part.to(self.model.device) for part in padded(rows, self.tokenizer.pad_token_id or 0, max(map(len, rows)), left=True))
        positions = (mask.cumsum(1) - 1).clamp(min=0)
        cache = DynamicCache()  # without the config: layers with a window keep all keys too, so that rows can be joined
        logits = self.model(
            ids, attention_mask=mask, position_ids=positions, past_key_values=cache, use_cache=True, logits_to_keep=1
        ).logits
        return logits[:, -1], cache, mask

    def _join(self, cache: DynamicCache, mask: Tensor) -> None:
        """Put new rows below the present ones, all padded on the left to the same length."""
        if self.cache is None or not self.active:
            self.cache, self.mask = cache, mask
            return
        width = max(mask.shape[1], self.mask.shape[1])
        self.mask = torch.cat([_widened(part, width, 1) for part in (self.mask, mask)])
        for mine, new in zip(_layers(self.cache), _layers(cache), strict=True):
            mine.keys = torch.cat([_widened(part, width, 2) for part in (mine.keys, new.keys)])
            mine.values = torch.cat([_widened(part, width, 2) for part in (mine.values, new.values)])

    def _keep(self, places: list[int]) -> None:
        """Only these rows stay; columns that are padding in all of them go."""
        self.active = [self.active[place] for place in places]
        if not self.active or self.cache is None:
            self.cache = None
            return
        index = torch.tensor(places, device=self.mask.device)
        mask = self.mask[index]
        first = int(mask.any(0).to(torch.int64).argmax())
        self.mask = mask[:, first:]
        for layer in _layers(self.cache):
            layer.keys, layer.values = (part[index, :, first:] for part in (layer.keys, layer.values) if part is not None)

    def _choose(self, texts: Sequence[Text], logits: Tensor) -> None:
        scores = logits.float().cpu()
        scores[:, self.never] = -torch.inf
        for text, row in zip(texts, scores, strict=True):
            self._take(text, pick(row, text))
        if any(text.finish for text in self.active):
            self._keep([place for place, text in enumerate(self.active) if not text.finish])

    def _take(self, text: Text, token: int) -> None:
        """Add one token, and see whether it ends the text."""
        if token in self.ends:
            text.finish = "stop"
            return
        text.made.append(token)
        text.text = str(self.tokenizer.decode(text.made, skip_special_tokens=True))
        found = [place for stop in text.sampling.stop if (place := text.text.find(stop)) >= 0]
        if found:
            text.text, text.finish = text.text[: min(found)], "stop"
        elif len(text.made) >= text.sampling.max_new_tokens:
            text.finish = "length"


def _layers(cache: DynamicCache) -> list[DynamicLayer]:
    return [layer for layer in cache.layers if isinstance(layer, DynamicLayer)]


def _widened(part: Any, width: int, axis: int) -> Tensor:
    """`part` with zeros before it along `axis`, up to `width`."""
    shape = list(part.shape)
    shape[axis] = width - shape[axis]
    found: Tensor = torch.cat([part.new_zeros(shape), part], axis) if shape[axis] else part
    return found


def pick(scores: Tensor, text: Text) -> int:
    """The next token. scores: (vocabulary,) logits."""
    how = text.sampling
    if how.repetition_penalty != 1.0:
        seen = torch.tensor(sorted(set(text.tokens)))
        old = scores[seen]
        scores[seen] = torch.where(old > 0, old / how.repetition_penalty, old * how.repetition_penalty)
    if not how.do_sample or how.temperature == 0:
        return int(scores.argmax())
    scores = scores / how.temperature
    if how.top_k and how.top_k < len(scores):
        scores[scores < scores.topk(how.top_k).values[-1]] = -torch.inf
    chances = scores.softmax(-1)
    if how.top_p < 1.0:
        ordered, places = chances.sort(descending=True)
        chances[places[ordered.cumsum(0) - ordered >= how.top_p]] = 0.0
    return int(torch.multinomial(chances, 1, generator=text.random))


def all_of(engine: Engine, texts: Sequence[Text]) -> None:
    """Finish `texts`, beside whatever else the engine has in work."""
    engine.add(texts)
    while any(text.finish is None for text in texts):
        engine.step()


def pieces_of(engine: Engine, text: Text) -> Iterator[str]:
    """The text as it grows. Several of these may be read in turn: each step serves them all. Closing one ends its work."""
    try:
        engine.add([text])
        while True:
            if piece := text.piece():
                yield piece
            elif text.finish:
                return
            else:
                engine.step()
    finally:
        engine.leave(text)
