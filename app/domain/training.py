"""The training job: what is trained, how, and with which knobs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from app.domain.recipe import PLAIN, Recipe, Trainer

Method = Literal["full", "lora", "qlora"]
PrecisionId = Literal["bf16_mixed", "bf16_pure", "fp16_mixed", "fp32"]
OptimizerId = Literal["adamw", "adamw_8bit", "paged_adamw_8bit", "adafactor", "lion", "sgd"]
OptimizerKernel = Literal["fused", "foreach"]
AttentionKernel = Literal["sdpa", "eager", "flash_attention_2"]
ReduceDtype = Literal["fp32", "bf16"]
Allocator = Literal["default", "expandable_segments"]


@dataclass(frozen=True)
class Lora:
    """A LoRA adapter: rank and the linear layers it sits on (`all-linear` or module names)."""

    rank: int = 16
    target_modules: str | tuple[str, ...] = "all-linear"


@dataclass(frozen=True)
class Training:
    """One optimizer step as every rank runs it. The defaults are a valid, sensible job."""

    method: Method = "full"
    precision: PrecisionId = "bf16_mixed"
    optimizer: OptimizerId = "adamw"
    optimizer_kernel: OptimizerKernel = "fused"
    sequence_length: int = 2048
    micro_batch_size: int = 1
    gradient_accumulation_steps: int = 1
    activation_checkpointing: bool = True
    attention: AttentionKernel = "sdpa"
    fused_loss: bool = False
    lora: Lora = field(default_factory=Lora)


@dataclass(frozen=True)
class DeepSpeedOptions:
    """DeepSpeed's `zero_optimization` keys that move memory, with DeepSpeed's defaults.

    Source: deepspeed/runtime/zero/config.py, 0.19.8. `overlap_comm` defaults to true for stage 3
    and to false elsewhere; None means that default.
    """

    reduce_bucket_size: int = 500_000_000
    allgather_bucket_size: int = 500_000_000
    overlap_comm: bool | None = None
    contiguous_gradients: bool = True
    sub_group_size: int = 1_000_000_000
    stage3_max_live_parameters: int = 1_000_000_000
    stage3_max_reuse_distance: int = 1_000_000_000
    stage3_prefetch_bucket_size: int = 50_000_000
    stage3_param_persistence_threshold: int = 100_000


@dataclass(frozen=True)
class Options:
    """Framework settings that change memory but not the mathematics of training.

    `recipe`: what the training loop sets on top of them.
    """

    deepspeed: DeepSpeedOptions = field(default_factory=DeepSpeedOptions)
    fsdp_reduce_dtype: ReduceDtype = "fp32"
    allocator: Allocator = "default"
    recipe: Recipe = PLAIN

    @property
    def trainer(self) -> Trainer:
        """The training loop that the recipe is of."""
        return self.recipe.trainer
