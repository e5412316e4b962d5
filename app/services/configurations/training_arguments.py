"""Hugging Face TrainingArguments as JSON, for `HfArgumentParser.parse_json_file`.

Source: transformers/training_args.py, 5.17 to 5.23.
"""

from __future__ import annotations

from app.schemas.configurations import Configuration
from app.services.configurations import accelerate
from app.services.configurations.optimizers import trainer_name
from app.services.configurations.run import (
    ARGUMENTS_FILE,
    DEEPSPEED_FILE,
    MAX_GRADIENT_NORM,
    Run,
)
from app.services.configurations.text import Settings, json_text

# The estimate counts Liger's fused loss and none of its other kernels.
FUSED_LOSS_ALONE: Settings = {
    "fused_linear_cross_entropy": True,
    "cross_entropy": False,
    "rms_norm": False,
    "rope": False,
    "swiglu": False,
    "geglu": False,
}
# TrainingArguments.fsdp_config calls these differently; the others keep the file's names.
_RENAMED = {"offload_params": "cpu_offload", "sharding_strategy": "reshard_after_forward"}


def written(run: Run) -> Configuration:
    """The file."""
    return Configuration("training_arguments_json", ARGUMENTS_FILE, json_text(arguments(run)))


def arguments(run: Run) -> Settings:
    """The arguments that memory depends on, and the few without which nothing starts."""
    training = run.job.training
    return {
        "output_dir": "output",
        "per_device_train_batch_size": training.micro_batch_size,
        "gradient_accumulation_steps": training.gradient_accumulation_steps,
        "learning_rate": run.learning_rate,
        "max_grad_norm": MAX_GRADIENT_NORM,
        "optim": trainer_name(training),
        "bf16": run.mixed == "bf16",
        "fp16": run.mixed == "fp16",
        **_checkpointing(run),
        **_fused_loss(run),
        **_framework(run),
    }


def _checkpointing(run: Run) -> Settings:
    """Trainer's switch; under FSDP its own, since Trainer's gathers every layer once more."""
    if run.strategy.framework == "pytorch_fsdp" or not run.job.training.activation_checkpointing:
        return {"gradient_checkpointing": False}
    return {
        "gradient_checkpointing": True,
        "gradient_checkpointing_kwargs": {"use_reentrant": False},
    }


def _fused_loss(run: Run) -> Settings:
    if not run.job.training.fused_loss:
        return {}
    return {"use_liger_kernel": True, "liger_kernel_config": FUSED_LOSS_ALONE}


def _framework(run: Run) -> Settings:
    if run.strategy.framework == "deepspeed":
        return {"deepspeed": DEEPSPEED_FILE}
    if run.strategy.framework == "pytorch_ddp":
        # Trainer looks for unused parameters unless it is told otherwise.
        return (
            {} if run.job.options.recipe.clones_outputs else {"ddp_find_unused_parameters": False}
        )
    plugin = accelerate.plugin(run)
    settings: Settings = {_RENAMED.get(key, key): value for key, value in plugin.items()}
    return {"fsdp": True, "fsdp_config": settings}
