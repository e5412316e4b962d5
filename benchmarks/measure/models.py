"""The model of a case: a real transformers class with random weights, and adapters on it."""

from __future__ import annotations

import contextlib
from typing import Any

import torch
import transformers
from torch import nn

from benchmarks.measure.cases import Plan

HALVES = {"fp16_mixed": torch.float16, "bf16_mixed": torch.bfloat16, "bf16_pure": torch.bfloat16}
# Only the loss is fused: what the estimate's `fused_loss` means.
FUSED_LOSS_ONLY = {
    "rope": False,
    "rms_norm": False,
    "swiglu": False,
    "geglu": False,
    "cross_entropy": False,
    "fused_linear_cross_entropy": True,
}


def compute_dtype(plan: Plan) -> torch.dtype:
    """What matrices are multiplied in."""
    return HALVES.get(plan.job.training.precision, torch.float32)


def weight_dtype(plan: Plan) -> torch.dtype:
    """What the weights are loaded in: fp32 only where nothing else keeps an fp32 copy of them."""
    training = plan.job.training
    in_half = (
        training.precision == "bf16_pure"
        or training.method != "full"
        or plan.strategy.framework == "deepspeed"
    )
    return compute_dtype(plan) if in_half else torch.float32


def build_model(plan: Plan, device: torch.device | str | None) -> Any:
    """The model with random weights on a device; None leaves the place to the engine around it."""
    config = dict(plan.config)
    made = transformers.AutoConfig.for_model(config.pop("model_type"), **config)
    made.use_cache = False
    made.pad_token_id = None
    with torch.device(device) if device is not None else contextlib.nullcontext():
        return transformers.AutoModelForCausalLM.from_config(
            made, dtype=weight_dtype(plan), attn_implementation=plan.job.training.attention
        )


def quantize(model: Any, dtype: torch.dtype, device: torch.device) -> Any:
    """What `load_in_4bit` leaves: NF4 with double quantisation in every Linear but the head."""
    import bitsandbytes as bnb

    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if not isinstance(child, nn.Linear) or name == "lm_head":
                continue
            linear = bnb.nn.Linear4bit(
                child.in_features,
                child.out_features,
                bias=child.bias is not None,
                compute_dtype=dtype,
                quant_type="nf4",
                device="meta",
            )
            linear.weight = bnb.nn.Params4bit(
                child.weight.data, requires_grad=False, quant_type="nf4"
            )
            linear.bias = child.bias
            setattr(parent, name, linear.to(device))
    model.is_loaded_in_4bit = True  # PEFT and accelerate choose their 4-bit layers by it
    torch.cuda.empty_cache()
    return model


def add_adapters(plan: Plan, model: Any, fp32_adapters: bool) -> Any:
    """The model with the case's LoRA adapters; full training leaves it as it is."""
    training = plan.job.training
    if training.method == "full":
        return model
    from peft import LoraConfig, get_peft_model, prepare_model_for_kbit_training

    if training.method == "qlora":
        model = prepare_model_for_kbit_training(
            model, use_gradient_checkpointing=training.activation_checkpointing
        )
    targets = training.lora.target_modules
    lora = LoraConfig(
        r=training.lora.rank,
        lora_alpha=2 * training.lora.rank,
        target_modules=targets if isinstance(targets, str) else list(targets),
        task_type="CAUSAL_LM",
    )
    return get_peft_model(model, lora, autocast_adapter_dtype=fp32_adapters)


def fuse_loss(model: Any) -> None:
    """Replace the head and the loss by Liger's fused kernel."""
    from transformers.integrations.liger import apply_liger_kernel

    apply_liger_kernel(model, FUSED_LOSS_ONLY)


def decoder_layers(model: Any) -> nn.ModuleList:
    """The model's layers: what FSDP shards one by one."""
    lists = [module for module in model.modules() if isinstance(module, nn.ModuleList)]
    return max(lists, key=len)
