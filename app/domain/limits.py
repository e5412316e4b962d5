"""Combinations that do not exist: one rule each, one sentence each, with the remedy.

A rule looks at records (what a strategy shards and where, what an optimizer can do), not at names.
"""

from __future__ import annotations

from collections.abc import Callable

from app.domain.job import Job
from app.domain.optimizers import OPTIMIZERS
from app.domain.strategies import Strategy

Rule = Callable[[Job, Strategy], str | None]

_BFLOAT16 = frozenset({"bf16_mixed", "bf16_pure"})
# FlashAttention-2 needs Ampere. Source: the flash-attention README, "NVIDIA CUDA Support".
_FLASH_ATTENTION_CAPABILITY = 8


def unsupported(job: Job, strategy: Strategy) -> str | None:
    """Why this job cannot run under this strategy at all; None when it can."""
    for rule in RULES:
        reason = rule(job, strategy)
        if reason is not None:
            return reason
    return None


def lacks_bf16(job: Job) -> bool:
    """Whether the job asks for bfloat16 of a GPU that has no arithmetic for it."""
    return job.training.precision in _BFLOAT16 and not job.hardware.gpu.bf16_native


def _bf16_needs_hardware(job: Job, strategy: Strategy) -> str | None:
    """Volta and Turing have no bfloat16 arithmetic."""
    if lacks_bf16(job):
        return f"{job.hardware.gpu.name} has no bf16 arithmetic. Use precision fp16_mixed or fp32."
    return None


def _flash_attention_needs_16_bits(job: Job, strategy: Strategy) -> str | None:
    if job.training.attention == "flash_attention_2" and job.training.precision == "fp32":
        return "FlashAttention-2 has no fp32 kernels. Use attention sdpa, or a 16-bit precision."
    return None


def _flash_attention_needs_ampere(job: Job, strategy: Strategy) -> str | None:
    gpu = job.hardware.gpu
    major = gpu.compute_capability.split(".")[0]
    if job.training.attention != "flash_attention_2" or not major.isdigit():
        return None
    if int(major) < _FLASH_ATTENTION_CAPABILITY:
        return f"FlashAttention-2 needs Ampere or newer; {gpu.name} is older. Use attention sdpa."
    return None


def _hybrid_needs_nodes(job: Job, strategy: Strategy) -> str | None:
    if strategy.shard_parameters == "node" and job.hardware.nodes < 2:
        return "Needs 2 or more nodes: it shards inside a node and replicates across nodes."
    return None


def _quantised_weights_cannot_be_offloaded(job: Job, strategy: Strategy) -> str | None:
    if job.training.method == "qlora" and strategy.parameters_on != "gpu":
        return (
            "4-bit weights cannot be offloaded: bitsandbytes keeps them on the GPU. "
            "Use LoRA, or a strategy that keeps parameters on the GPU."
        )
    return None


def _offloaded_optimizer_needs_a_cpu_kernel(job: Job, strategy: Strategy) -> str | None:
    optimizer = OPTIMIZERS[job.training.optimizer]
    if strategy.optimizer_on != "gpu" and not optimizer.cpu:
        return f"{optimizer.title} has no CPU step to offload to. Use AdamW."
    return None


RULES: tuple[Rule, ...] = (
    _bf16_needs_hardware,
    _flash_attention_needs_16_bits,
    _flash_attention_needs_ampere,
    _hybrid_needs_nodes,
    _quantised_weights_cannot_be_offloaded,
    _offloaded_optimizer_needs_a_cpu_kernel,
)
