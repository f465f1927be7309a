"""A small Llama or GPT-2, and what is needed to open one again."""

from pathlib import Path
from typing import Any

from torch import nn
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    GenerationConfig,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from workers.contract.recipe import UserError
from workers.lib import variants
from workers.lib.said import said
from workers.recipes.text_generation_pretrain.spec import TextGenerationPretrain

SAFE: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
TEMPERATURE, TOP_P = 0.8, 0.95


def new_model(tokenizer: PreTrainedTokenizerBase, spec: TextGenerationPretrain) -> PreTrainedModel:
    """Fresh weights. Input and output share their token vectors."""
    common: dict[str, Any] = {
        "vocab_size": len(tokenizer),
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
        "tie_word_embeddings": True,
    }
    heads = max(1, spec.hidden_size // 64)
    if spec.architecture == "gpt2":
        sizes: dict[str, Any] = {"n_embd": spec.hidden_size, "n_layer": spec.layers, "n_head": heads, "n_positions": spec.max_length}
        model: PreTrainedModel = GPT2LMHeadModel(GPT2Config(**sizes, embd_pdrop=0.0, resid_pdrop=0.0, attn_pdrop=0.0, **common))
    else:
        inner = -(-spec.hidden_size * 8 // 3 // 32) * 32
        model = LlamaForCausalLM(
            LlamaConfig(
                hidden_size=spec.hidden_size,
                intermediate_size=inner,
                num_hidden_layers=spec.layers,
                num_attention_heads=heads,
                max_position_embeddings=spec.max_length,
                **common,
            )
        )
    ends = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id}
    model.generation_config = GenerationConfig(  # type: ignore[no-untyped-call]
        do_sample=True, temperature=TEMPERATURE, top_p=TOP_P, **ends
    )
    return model


def add_dropout(model: PreTrainedModel, share: float) -> None:
    """Dropout on the token vectors and on what each layer hands on, while training only; the saved model knows nothing of it."""
    if not share:
        return

    def drop(module: nn.Module, given: Any, found: Any) -> Any:
        if not module.training:
            return found
        if isinstance(found, tuple):
            return (nn.functional.dropout(found[0], share), *found[1:])
        return nn.functional.dropout(found, share)

    model.get_input_embeddings().register_forward_hook(drop)
    for name, module in model.named_modules():
        if name.rsplit(".", 1)[-1] == "mlp":
            module.register_forward_hook(drop)


def opened(folder: Path) -> PreTrainedModel:
    """A causal language model from a local folder of safetensors. Raises UserError `bad_model`."""
    try:
        config = AutoConfig.from_pretrained(str(folder), **SAFE)
        return variants.opened(AutoModelForCausalLM, folder, config, attn_implementation="sdpa")
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise unopened(error, folder) from error


def tokenizer_of(folder: Path) -> PreTrainedTokenizerBase:
    """The tokenizer beside it. Raises UserError `bad_model`."""
    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(str(folder), **SAFE)
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise unopened(error, folder) from error
    return tokenizer


def unopened(error: Exception, folder: Path) -> UserError:
    hint = "The folder must hold config.json, model.safetensors and tokenizer.json of a causal language model."
    return UserError("bad_model", f"the model cannot be opened: {said(error, folder)}", hint)


def context_of(model: PreTrainedModel) -> int:
    """How many tokens the model can look back."""
    return int(getattr(model.config, "max_position_embeddings", None) or getattr(model.config, "n_positions", None) or 1024)
