"""How a training goes: its length, learning rate and optimiser."""

import math
from dataclasses import dataclass
from typing import Literal

import torch


@dataclass(frozen=True)
class Plan:
    """How to train. eval_steps 0: once per epoch; max_steps 0: no limit; patience 0: never stop early; goal: of `metric`."""

    epochs: int
    max_steps: int
    learning_rate: float
    weight_decay: float
    warmup_ratio: float
    schedule: Literal["linear", "cosine", "constant"]
    accumulation: int
    max_grad_norm: float
    eval_steps: int
    patience: int
    metric: str
    goal: Literal["max", "min"]
    precision: str
    betas: tuple[float, float] = (0.9, 0.999)


def rate(step: int, total: int, plan: Plan) -> float:
    """The learning rate of optimiser step `step` (from 0) of `total`."""
    warmup = int(plan.warmup_ratio * total)
    if step < warmup:
        return plan.learning_rate * (step + 1) / warmup
    done = (step - warmup) / max(1, total - warmup)
    shape = {"linear": 1 - done, "cosine": 0.5 * (1 + math.cos(math.pi * done)), "constant": 1.0}[plan.schedule]
    return plan.learning_rate * max(shape, 0.0)


def optimizer_for(model: torch.nn.Module, plan: Plan) -> torch.optim.AdamW:
    """Fused AdamW; biases and norms (fewer than two dimensions) are not decayed; frozen weights are left out."""
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    groups = [
        {"params": [weight for weight in weights if weight.ndim >= 2], "weight_decay": plan.weight_decay},
        {"params": [weight for weight in weights if weight.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=plan.learning_rate, betas=plan.betas, fused=True)
