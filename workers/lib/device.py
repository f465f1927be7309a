"""Threads, seeds and number formats of one run."""

import os
from contextlib import AbstractContextManager, nullcontext

import torch
from transformers import PreTrainedModel
from transformers.utils import logging

from workers.contract.names import GiB

SCORE_BYTES = 10  # fp32 probabilities, their bf16 copy and one more
SCORES_MAX = 1 * GiB
NAMES = {"bf16": torch.bfloat16, "fp16": torch.float16}


def cpu_has_amx() -> bool:
    return bool(torch.cpu._is_amx_tile_supported())


def cpu_has_bf16() -> bool:
    return bool(torch.cpu._is_avx512_bf16_supported()) or cpu_has_amx()


def prepare(device: str, threads: int) -> torch.device:
    """Set this process's threads and matmul kernels, and keep libraries' progress bars out of the log. Call it before the first tensor.

    On a CPU without AMX "medium" picks oneDNN's fp32 kernels, which keep fp32's accuracy and are about twice as fast; with AMX or
    on a GPU the same word would lower the precision, so it is left alone there.
    """
    torch.set_num_threads(max(1, threads))
    os.environ["RAYON_NUM_THREADS"] = str(max(1, threads))  # the tokenizers'
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    logging.set_verbosity_error()
    if device == "cpu" and not cpu_has_amx():
        torch.set_float32_matmul_precision("medium")
    return torch.device(device)


def resolve_precision(precision: str, device: torch.device) -> str:
    """auto | fp32 | bf16 | fp16 -> what this device does well: fp32, bf16 or (GPUs only) fp16."""
    if device.type == "cpu":
        if precision == "auto":
            return "bf16" if cpu_has_bf16() else "fp32"
        return "bf16" if precision == "fp16" else precision
    if precision == "auto":
        return "bf16" if torch.cuda.is_bf16_supported() else "fp32"
    return precision


def autocast(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """precision: as `resolve_precision` gave it."""
    dtype = NAMES.get(precision)
    return torch.autocast(device.type, dtype) if dtype else nullcontext()


def moved(model: PreTrainedModel, device: torch.device, dtype: torch.dtype = torch.float32, *, pictures: bool = False) -> PreTrainedModel:
    """The model on its device. pictures: in channels-last memory, the order a CPU's convolutions like."""
    layout = torch.channels_last if pictures else torch.preserve_format
    found: PreTrainedModel = model.to(device=device, dtype=dtype, memory_format=layout)  # type: ignore[call-arg, arg-type]
    return found


def choose_attention(model: PreTrainedModel, rows: int, tokens: int) -> None:
    """Set the attention to train with, for batches of so many rows and tokens.

    On a CPU the fused kernel's backward pass is the slower one, up to three times for short rows; but the plain one keeps every score
    until then, so it is taken only while those fit.
    """
    config = model.config
    scores = rows * config.num_attention_heads * tokens**2 * config.num_hidden_layers
    plain = model.device.type == "cpu" and scores * SCORE_BYTES <= SCORES_MAX
    model.set_attn_implementation("eager" if plain else "sdpa")


def serving_dtype(device: torch.device) -> torch.dtype:
    """Weights' type at inference. Converted weights, no autocast: autocast would cast them anew at each call."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    return torch.bfloat16 if cpu_has_bf16() else torch.float32
