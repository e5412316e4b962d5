"""How each optimizer is called: by Trainer, by DeepSpeed, and in a script of one's own."""

from __future__ import annotations

from typing import NamedTuple

from app.domain.training import OptimizerId, Training
from app.services.configurations.run import Run
from app.services.configurations.text import Settings


class Names(NamedTuple):
    """`trainer`: TrainingArguments.optim; `deepspeed`: DeepSpeed's `optimizer.type`, empty where
    DeepSpeed has none of the kind; `constructor`: a Python expression of the class to call.
    """

    trainer: str
    constructor: str
    deepspeed: str = ""


# Source: transformers/training_args.py, OptimizerNames; deepspeed/runtime/engine.py,
# _configure_basic_optimizer.
_NAMES: dict[OptimizerId, Names] = {
    "adamw": Names("adamw_torch_fused", "torch.optim.AdamW", "AdamW"),
    "adamw_8bit": Names("adamw_bnb_8bit", "bitsandbytes.optim.AdamW8bit"),
    "paged_adamw_8bit": Names("paged_adamw_8bit", "bitsandbytes.optim.PagedAdamW8bit"),
    "adafactor": Names("adafactor", "transformers.Adafactor"),
    "lion": Names("lion_32bit", "bitsandbytes.optim.Lion32bit", "Lion"),
    "sgd": Names("sgd", "torch.optim.SGD", "SGD"),
}
_FOREACH = "adamw_torch"
# What an optimizer is given, as a Python expression.
TRAINED = "[p for p in model.parameters() if p.requires_grad]"


def trainer_name(training: Training) -> str:
    """TrainingArguments.optim: AdamW has a name for each of its kernels."""
    foreach = training.optimizer == "adamw" and training.optimizer_kernel == "foreach"
    return _FOREACH if foreach else _NAMES[training.optimizer].trainer


def constructed(run: Run) -> str:
    """The optimizer as a Python expression, over what is trained."""
    training = run.job.training
    details = [f"lr={run.learning_rate:g}"]
    if training.optimizer == "adamw":
        details.append(f"{training.optimizer_kernel}=True")
    if training.optimizer == "adafactor":
        details += ["scale_parameter=False", "relative_step=False"]
    return f"{_NAMES[training.optimizer].constructor}({TRAINED}, {', '.join(details)})"


def deepspeed_section(run: Run) -> Settings:
    """DeepSpeed's `optimizer`: only an offloaded step has to be its own, on the CPU.

    Everywhere else Trainer or the script makes the optimizer that was estimated.
    """
    name = _NAMES[run.job.training.optimizer].deepspeed
    if run.strategy.optimizer_on == "gpu" or not name:
        return {}
    return {"optimizer": {"type": name, "params": {"lr": run.learning_rate, "weight_decay": 0.0}}}
