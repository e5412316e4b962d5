"""The DeepSpeed configuration of a case."""

from __future__ import annotations

from typing import Any

from benchmarks.measure.cases import Plan

# A fixed loss scale: simulated ranks give gradients without meaning, and a skipped step would
# leave the optimizer's states unmade.
LOSS_SCALE = 128
NEVER = 10**9


def stage(plan: Plan) -> int:
    """The ZeRO stage of the case's strategy."""
    if plan.strategy.shard_parameters != "none":
        return 3
    return 2 if plan.strategy.shard_gradients != "none" else 1


def deepspeed_config(plan: Plan) -> dict[str, Any]:
    """What `deepspeed.initialize`, or Trainer, is given."""
    training = plan.job.training
    by_trainer = plan.case.trainer == "hf_trainer"
    config: dict[str, Any] = {
        "train_micro_batch_size_per_gpu": training.micro_batch_size,
        "gradient_accumulation_steps": training.gradient_accumulation_steps,
        "gradient_clipping": 1.0,
        "zero_optimization": _zero(plan, by_trainer),
        "zero_allow_untested_optimizer": True,
        "steps_per_print": NEVER,
    }
    if training.precision == "fp16_mixed":
        config["fp16"] = {"enabled": True, "loss_scale": LOSS_SCALE}
    elif training.precision != "fp32":
        config["bf16"] = {"enabled": True}
    if plan.strategy.optimizer_on != "gpu" and not by_trainer:
        config["optimizer"] = {"type": "AdamW", "params": {"lr": 1e-5}}
    return config


def _zero(plan: Plan, by_trainer: bool) -> dict[str, Any]:
    """The asked keys; Trainer fills "auto" in itself, the plain loop takes the job's figure."""
    zero: dict[str, Any] = {"stage": stage(plan)}
    asked = plan.request.options.deepspeed.model_dump(exclude_unset=True, exclude_none=True)
    for key, value in asked.items():
        resolved = getattr(plan.job.options.deepspeed, key, value)
        zero[key] = resolved if value == "auto" and not by_trainer else value
    if plan.strategy.optimizer_on == "cpu":
        zero["offload_optimizer"] = {"device": "cpu", "pin_memory": True}
    if plan.strategy.parameters_on == "cpu":
        zero["offload_param"] = {"device": "cpu", "pin_memory": True}
    return zero
