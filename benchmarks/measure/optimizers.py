"""The optimizers, by the product's ids: made here, and as Trainer names them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

from app.domain.training import OptimizerId, OptimizerKernel

LEARNING_RATE = 1e-5
TRAINER_NAMES: dict[OptimizerId, str] = {
    "adamw_8bit": "adamw_bnb_8bit",
    "paged_adamw_8bit": "paged_adamw_8bit",
    "adafactor": "adafactor",
    "lion": "lion_32bit",
    "sgd": "sgd",
}


def trainer_name(optimizer: OptimizerId, kernel: OptimizerKernel) -> str:
    """TrainingArguments.optim."""
    adamw = "adamw_torch_fused" if kernel == "fused" else "adamw_torch"
    return TRAINER_NAMES.get(optimizer, adamw)


def make_optimizer(
    optimizer: OptimizerId, kernel: OptimizerKernel, parameters: Iterable[torch.nn.Parameter]
) -> Any:
    """The optimizer over these parameters."""
    if optimizer == "adamw":
        flags: dict[str, bool] = {"fused": True} if kernel == "fused" else {"foreach": True}
        return torch.optim.AdamW(parameters, lr=LEARNING_RATE, **flags)
    if optimizer == "sgd":
        return torch.optim.SGD(parameters, lr=LEARNING_RATE)
    if optimizer == "adafactor":
        from transformers.optimization import Adafactor

        return Adafactor(parameters, lr=LEARNING_RATE, relative_step=False, scale_parameter=False)
    import bitsandbytes as bnb

    classes = {
        "adamw_8bit": bnb.optim.AdamW8bit,
        "paged_adamw_8bit": bnb.optim.PagedAdamW8bit,
        "lion": bnb.optim.Lion,
    }
    return classes[optimizer](parameters, lr=LEARNING_RATE)
