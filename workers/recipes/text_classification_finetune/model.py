"""The two ways to a classifier: a base encoder with a new head, or a small ModernBERT with a vocabulary of its own."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    ModernBertConfig,
    ModernBertForSequenceClassification,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from workers.contract.recipe import UserError
from workers.lib import variants
from workers.lib.said import said
from workers.lib.text import Rows, padded
from workers.recipes.text_classification_finetune.spec import TextClassificationFinetune

FREEZE_FROM = 100_000  # entries of a vocabulary
E5_VOCABULARY = 250_037  # of the multilingual e5 models that are BERTs
MAX_LENGTH = 512  # tokens, for a model that says nothing
OFFSET_FAMILY = ("roberta", "xlm-roberta", "camembert", "mpnet")
SETTINGS = "serving.json"
SAFE: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}


def tokenizer_of(folder: Path) -> PreTrainedTokenizerBase:
    """Raises UserError `bad_base_model` when the folder has no usable tokenizer."""
    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(str(folder), **SAFE)
    except (OSError, ValueError, KeyError, ImportError) as error:
        hint = "Bring a folder with tokenizer.json, or the vocabulary files of a tokenizer transformers knows."
        raise UserError("bad_base_model", f"the model's tokenizer cannot be read: {said(error, folder)}", hint) from error
    return tokenizer


def prefix_of(base: Path | None, wanted: str) -> str:
    """What stands before each text. `auto`: the query prompt the base model declares, or e5's for a model of that vocabulary."""
    if wanted != "auto":
        return wanted
    if base is None:
        return ""
    declared = _json(base / "config_sentence_transformers.json").get("prompts") or {}
    if isinstance(declared.get("query"), str):
        return str(declared["query"])
    config = _json(base / "config.json")
    named = "e5" in str(config.get("_name_or_path", "")).lower()
    return "query: " if named or (config.get("model_type"), config.get("vocab_size")) == ("bert", E5_VOCABULARY) else ""


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def names(labels: list[str]) -> dict[str, Any]:
    """What a config says about its classes."""
    return {
        "num_labels": len(labels),
        "id2label": dict(enumerate(labels)),
        "label2id": {label: number for number, label in enumerate(labels)},
    }


def opened(folder: Path, **overrides: Any) -> PreTrainedModel:
    """A sequence classifier from a local folder of safetensors. Raises UserError `bad_base_model`."""
    try:
        config = AutoConfig.from_pretrained(str(folder), **SAFE)
        for name, value in overrides.items():
            setattr(config, name, value)
        return variants.opened(AutoModelForSequenceClassification, folder, config, ignore_mismatched_sizes=True, attn_implementation="sdpa")
    except (OSError, ValueError, KeyError, ImportError) as error:
        hint = "Bring a Hugging Face folder of an encoder (BERT, RoBERTa, XLM-R, …) with config.json and model.safetensors."
        raise UserError("bad_base_model", f"the base model cannot be opened as a text classifier: {said(error, folder)}", hint) from error


def from_base(folder: Path, labels: list[str], spec: TextClassificationFinetune) -> PreTrainedModel:
    """A base encoder with a new head; its word vectors frozen if so asked."""
    model = opened(folder, **names(labels), classifier_dropout=spec.dropout, problem_type="single_label_classification")
    freeze_words(model, spec)
    return model


def freeze_words(model: PreTrainedModel, spec: TextClassificationFinetune) -> None:
    """Leave the word vectors as they are, if so asked or if there are very many."""
    words: torch.Tensor = model.get_input_embeddings().weight  # type: ignore[assignment]
    words.requires_grad_(not (spec.freeze_embeddings == "yes" or (spec.freeze_embeddings == "auto" and words.shape[0] >= FREEZE_FROM)))


def from_scratch(tokenizer: PreTrainedTokenizerBase, labels: list[str], spec: TextClassificationFinetune) -> PreTrainedModel:
    """A small ModernBERT that averages its tokens. Neighbourhood first, where characters form words; the last layer sees the whole text.

    Dropout is on the embeddings and the head alone: inside the layers it costs a CPU more time than it gains.
    """
    width = spec.hidden_size
    config = ModernBertConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=spec.layers,
        num_attention_heads=width // 32,
        max_position_embeddings=max(512, spec.max_length),
        layer_types=["full_attention" if (spec.layers - layer) % 2 else "sliding_attention" for layer in range(spec.layers)],
        local_attention=8,
        embedding_dropout=spec.dropout,
        classifier_dropout=spec.dropout,
        classifier_pooling="mean",
        pad_token_id=tokenizer.pad_token_id,
        cls_token_id=tokenizer.cls_token_id,
        sep_token_id=tokenizer.sep_token_id,
        bos_token_id=tokenizer.cls_token_id,
        eos_token_id=tokenizer.sep_token_id,
        **names(labels),
        problem_type="single_label_classification",
    )
    return ModernBertForSequenceClassification(config)


def longest(config: PreTrainedConfig, wanted: int) -> int:
    """`wanted` tokens, or fewer where the model has fewer positions (RoBERTa's family loses two to its offset)."""
    positions = int(getattr(config, "max_position_embeddings", None) or wanted)
    return min(wanted, positions - 2 if config.model_type in OFFSET_FAMILY else positions)


@dataclass
class Classifier:
    """A model with the way its texts are prepared. labels: class names by index; limit: tokens; prefix: before each text."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    labels: list[str]
    limit: int
    prefix: str

    @classmethod
    def load(cls, folder: Path, device: torch.device, dtype: torch.dtype | None = None) -> "Classifier":
        """From a model folder, ours or one somebody brought. dtype: None = the device's serving type for large models, else fp32.

        Raises UserError `bad_base_model`.
        """
        settings = _json(folder / SETTINGS)
        model = variants.placed(opened(folder), folder, device, dtype)
        tokenizer = tokenizer_of(folder)
        wanted = int(settings.get("max_length") or min(tokenizer.model_max_length, MAX_LENGTH))
        config: Any = model.config
        labels = [str(config.id2label[index]) for index in range(config.num_labels)]
        return cls(model, tokenizer, labels, longest(config, wanted), str(settings.get("text_prefix") or ""))

    def save(self, folder: Path) -> None:
        """A Hugging Face folder of safetensors, and beside it how texts were prepared."""
        self.model.save_pretrained(folder)
        self.tokenizer.model_max_length = self.limit
        self.tokenizer.save_pretrained(folder)
        settings = {"text_prefix": self.prefix, "max_length": self.limit}
        (folder / SETTINGS).write_text(json.dumps(settings, ensure_ascii=False), encoding="utf-8")

    def logits(self, rows: Rows, batch: Sequence[int] | NDArray[np.int64]) -> torch.Tensor:
        """(batch, classes) for the given rows of tokens."""
        device = self.model.device
        ids, mask = padded([rows[int(index)][: self.limit] for index in batch], int(self.tokenizer.pad_token_id or 0), self.limit)
        inputs = {"input_ids": ids, "attention_mask": mask, **self._types(ids, mask)}
        found: torch.Tensor = self.model(**{name: part.to(device) for name, part in inputs.items()}).logits
        return found

    def _types(self, ids: torch.Tensor, mask: torch.Tensor) -> dict[str, torch.Tensor]:
        """BERT's family marks a second text: what stands behind the first separator."""
        wanted = "token_type_ids" in self.tokenizer.model_input_names and getattr(self.model.config, "type_vocab_size", 0) > 1
        if not wanted or self.tokenizer.sep_token_id is None:
            return {}
        ends = (ids == self.tokenizer.sep_token_id).to(torch.int64)
        return {"token_type_ids": (ends.cumsum(1) - ends).clamp(max=1) * mask}
