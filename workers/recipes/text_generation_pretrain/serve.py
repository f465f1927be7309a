"""Continue texts: whole, in batches, or piece by piece. Streams that run at the same time share their steps."""

from collections.abc import Generator
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from transformers import GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase

from workers.contract.recipe import Item, UserError
from workers.lib import device as devices
from workers.lib import generate, request, variants
from workers.recipes.text_generation_pretrain import model
from workers.recipes.text_generation_pretrain.spec import ChatMessage, TextGenerationParameters, TextGenerationPretrain

EXAMPLE = TextGenerationPretrain.example
ROWS = 32  # sequences of one batch


class TextGenerator:
    """Items hold (prompt, its tokens); a result is {generated_text, output_tokens, finish_reason}."""

    def __init__(self, network: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
        self.tokenizer = tokenizer
        self.context = model.context_of(network)
        self.defaults = network.generation_config or GenerationConfig()  # type: ignore[no-untyped-call]
        self.network = network
        self.engine = generate.Engine(network, tokenizer, self.context)

    def decode(self, body: bytes, content_type: str) -> tuple[list[Item], bool]:
        found = request.body_of(body, EXAMPLE)
        options = request.options_of(found.get("parameters"), TextGenerationParameters).model_dump()
        inputs = found["inputs"]
        if isinstance(inputs, list) and inputs and all(isinstance(row, dict) for row in inputs):
            return [self._chat(inputs, options)], True
        rows, single = request.rows_of(inputs)
        return [self._item(self._text(row, number), options, special=True) for number, row in enumerate(rows)], single

    def _text(self, row: Any, number: int) -> str:
        return "" if row == "" else request.text_of(row, number, example=EXAMPLE)

    def _chat(self, messages: list[Any], options: dict[str, Any]) -> Item:
        """A conversation: by the model's own template, or the contents joined by newlines."""
        try:
            turns = [ChatMessage.model_validate(message) for message in messages]
        except ValidationError as error:
            first = error.errors()[0]
            hint = "A message has the fields role (system, user or assistant) and content."
            raise UserError("bad_input", f"{first['loc'][0]}: {first['msg']}", hint, {"field": f"inputs.{first['loc'][0]}"}) from error
        if not self.tokenizer.chat_template:
            return self._item("\n".join(turn.content for turn in turns), options, special=True)
        text = self.tokenizer.apply_chat_template([turn.model_dump() for turn in turns], tokenize=False, add_generation_prompt=True)
        return self._item(str(text), options, special=False)

    def _item(self, prompt: str, options: dict[str, Any], special: bool) -> Item:
        tokens: list[int] = self.tokenizer(prompt, add_special_tokens=special, verbose=False)["input_ids"]
        tokens = tokens or [_first(self.tokenizer.bos_token_id, self.tokenizer.eos_token_id, 0)]
        return Item((prompt, tokens), len(tokens), options)

    def _sampling(self, options: dict[str, Any]) -> generate.Sampling:
        """The request's wishes over the model's own defaults. Wishing for a temperature or a choice means to sample."""
        own, wished = self.defaults, any(options[name] is not None for name in ("temperature", "top_k", "top_p", "seed"))
        sample = options["do_sample"] if options["do_sample"] is not None else wished or bool(own.do_sample)
        return generate.Sampling(
            max_new_tokens=options["max_new_tokens"],
            do_sample=sample,
            temperature=_first(options["temperature"], own.temperature, 1.0),
            top_k=_first(options["top_k"], own.top_k, 0),
            top_p=_first(options["top_p"], own.top_p, 1.0),
            repetition_penalty=options["repetition_penalty"],
            stop=tuple(options["stop"]),
            seed=options["seed"],
        )

    def _begin(self, item: Item) -> generate.Text:
        return generate.Text(item.value[1], self._sampling(item.options))

    def predict(self, items: list[Item]) -> list[Any]:
        results: list[Any] = []
        for at in range(0, len(items), ROWS):
            texts = [self._begin(item) for item in items[at : at + ROWS]]
            generate.all_of(generate.Engine(self.network, self.tokenizer, self.context), texts)
            results += [self._result(item, text) for item, text in zip(items[at : at + ROWS], texts, strict=True)]
        return results

    def _result(self, item: Item, text: generate.Text) -> dict[str, Any]:
        full = item.value[0] + text.text if item.options["return_full_text"] else text.text
        return {"generated_text": full, "output_tokens": len(text.made), "finish_reason": text.finish}

    def collect(self, item: Item, text: str, about: dict[str, Any]) -> dict[str, Any]:
        """A whole answer out of the pieces of its stream."""
        return {"generated_text": text, **about}

    def encode(self, results: list[Any], single: bool) -> Any:
        answers = [[{"generated_text": result["generated_text"]}] for result in results]
        return answers[0] if single else answers

    def usage(self, item: Item, result: Any) -> dict[str, Any]:
        return {"input_tokens": item.size, "output_tokens": result["output_tokens"], "finish_reason": result["finish_reason"]}

    def stream(self, item: Item) -> Generator[str, None, dict[str, Any]]:
        """Pieces of text; returns {finish_reason, output_tokens}. Closing it frees its place in the batch."""
        text = self._begin(item)
        if item.options["return_full_text"] and item.value[0]:
            yield item.value[0]
        yield from generate.pieces_of(self.engine, text)
        return {"finish_reason": text.finish, "output_tokens": len(text.made)}


def _first(*values: Any) -> Any:
    return next(value for value in values if value is not None)


def load(folder: Path, device: str, threads: int) -> TextGenerator:
    """Raises UserError `bad_model` when the folder is not a causal language model's."""
    place = devices.prepare(device, threads)
    tokenizer = model.tokenizer_of(folder)
    return TextGenerator(variants.placed(model.opened(folder), folder, place), tokenizer)
