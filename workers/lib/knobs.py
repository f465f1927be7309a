"""Knobs that several recipes offer, so that a name means the same everywhere. Pydantic and the standard library only."""

from typing import Any, Literal

from workers.contract.recipe import Words, knob

Precision = Literal["auto", "fp32", "bf16", "fp16"]
Schedule = Literal["linear", "cosine", "constant"]


def seed() -> Any:
    return knob(
        0,
        Words("Seed", "随机种子"),
        Words(
            "The same seed, data and settings give the same order of rows and the same starting weights.",
            "种子、数据和设置相同时，样本顺序与初始权重也相同。",
        ),
        group="general",
        ge=0,
        le=2**31 - 1,
    )


def epochs(default: int) -> Any:
    return knob(
        default,
        Words("Epochs", "训练轮数"),
        Words("How many times training goes through the training split.", "把训练集完整学习多少遍。"),
        group="training",
        simple=True,
        ge=1,
        le=1000,
    )


def max_steps() -> Any:
    return knob(
        0,
        Words("Step limit", "步数上限"),
        Words(
            "Ends training after this many optimiser steps, whatever the epochs say. 0: no limit.",
            "到达这么多优化步后结束，不论轮数。0 表示不限。",
        ),
        group="training",
        ge=0,
        le=100_000_000,
    )


def batch_size(default: int) -> Any:
    return knob(
        default,
        Words("Batch size", "批大小"),
        Words("Examples per forward pass. Smaller batches need less memory.", "每次前向计算的样本数。越小越省内存。"),
        group="training",
        unit=Words("rows", "行"),
        simple=True,
        ge=1,
        le=4096,
    )


def gradient_accumulation_steps() -> Any:
    return knob(
        1,
        Words("Gradient accumulation", "梯度累积"),
        Words(
            "Batches added up before one optimiser step: a larger effective batch in the same memory.",
            "累积多少批后更新一次权重：内存不变，等效批更大。",
        ),
        group="training",
        unit=Words("batches", "批"),
        ge=1,
        le=1024,
    )


def early_stopping_patience(default: int) -> Any:
    return knob(
        default,
        Words("Early stopping", "提前停止"),
        Words(
            "Stops when the validation result has not improved for this many evaluations. 0: never.",
            "验证结果连续这么多次没有提升就停止。0 表示不提前停止。",
        ),
        group="training",
        unit=Words("evaluations", "次评测"),
        ge=0,
        le=1000,
    )


def eval_steps() -> Any:
    return knob(
        0,
        Words("Evaluate every", "评测间隔"),
        Words(
            "Measures on the validation split after this many steps. 0: once per epoch.", "每隔这么多步在验证集上评测一次。0 表示每轮一次。"
        ),
        group="training",
        unit=Words("steps", "步"),
        ge=0,
        le=1_000_000,
    )


def learning_rate(default: float) -> Any:
    return knob(
        default,
        Words("Learning rate", "学习率"),
        Words(
            "Size of one step of the optimiser. Too high: the loss jumps or becomes NaN; too low: it hardly falls.",
            "优化器每步的幅度。过高会震荡甚至变成 NaN，过低则几乎不下降。",
        ),
        group="optimiser",
        simple=True,
        gt=0,
        le=1,
    )


def warmup_ratio(default: float) -> Any:
    return knob(
        default,
        Words("Warm-up", "预热比例"),
        Words("Share of all steps over which the learning rate rises from zero.", "学习率从零上升所占的步数比例。"),
        group="optimiser",
        ge=0,
        le=1,
    )


def schedule(default: Schedule) -> Any:
    return knob(
        default,
        Words("Schedule", "学习率曲线"),
        Words("How the learning rate falls after the warm-up.", "预热之后学习率如何下降。"),
        group="optimiser",
    )


def max_grad_norm() -> Any:
    return knob(
        1.0,
        Words("Gradient clipping", "梯度裁剪"),
        Words("Gradients longer than this are shortened to it. 0: no clipping.", "梯度范数超过该值时缩短到该值。0 表示不裁剪。"),
        group="optimiser",
        ge=0,
        le=1000,
    )


def weight_decay(default: float) -> Any:
    return knob(
        default,
        Words("Weight decay", "权重衰减"),
        Words("Pulls weights towards zero (AdamW); biases and norms are spared.", "把权重拉向零（AdamW），偏置与归一化参数除外。"),
        group="regularisation",
        ge=0,
        le=10,
    )


def dropout(default: float) -> Any:
    return knob(
        default,
        Words("Dropout", "丢弃率"),
        Words("Share of features switched off at random while training, against memorising.", "训练时随机关闭的特征比例，防止死记硬背。"),
        group="regularisation",
        ge=0,
        le=0.9,
    )


def label_smoothing() -> Any:
    return knob(
        0.0,
        Words("Label smoothing", "标签平滑"),
        Words(
            "Share of the target spread over the other classes; helps when labels are noisy.",
            "把目标概率的一部分分给其他类别；标签有噪声时有用。",
        ),
        group="regularisation",
        ge=0,
        le=0.5,
    )


def class_weights() -> Any:
    return knob(
        False,
        Words("Weigh classes", "类别加权"),
        Words(
            "Counts rare classes more, so that each class has the same say in the loss.", "提高稀有类别的权重，使每个类别对损失的影响相同。"
        ),
        group="regularisation",
    )


def precision() -> Any:
    return knob(
        "auto",
        Words("Precision", "数值精度"),
        Words(
            "auto: bf16 where the device computes it natively, else fp32. fp16 means bf16 on a CPU.",
            "auto：设备原生支持时用 bf16，否则 fp32。在 CPU 上 fp16 等同于 bf16。",
        ),
        group="hardware",
    )
