"""Element sizes of FSDP, either version, and how many ranks share a shard."""

from __future__ import annotations

from app.domain.job import Job
from app.domain.precision import BF16, FP32, Numerics
from app.domain.strategies import Strategy
from app.domain.training import PrecisionId
from app.domain.units import Integer

NUMERICS: dict[PrecisionId, Numerics] = {
    "bf16_mixed": Numerics(FP32, BF16, FP32, "half"),
    "fp16_mixed": Numerics(FP32, BF16, FP32, "half"),
    "bf16_pure": Numerics(BF16, BF16, BF16, "half"),
    "fp32": Numerics(FP32, FP32, FP32, "full"),
}


def adapter_bytes(job: Job) -> int:
    """A shard group holds one dtype, so adapters are kept in the base model's."""
    return BF16 if job.training.precision != "fp32" else FP32


def gathered_bytes(job: Job) -> int:
    """Bytes per element of a gathered parameter."""
    if job.training.method == "full":
        return NUMERICS[job.training.precision].gathered
    return adapter_bytes(job)


def shard_ranks(job: Job, strategy: Strategy) -> Integer:
    """How many ranks one shard group has."""
    node = strategy.shard_parameters == "node"
    return job.hardware.gpus_per_node if node else job.hardware.world_size


def reduction_bytes(job: Job) -> int:
    """Bytes per element of a reduced gradient.

    Mixed precision reduces in what the options or the recipe say; pure precisions reduce in their
    own dtype.
    """
    numerics = NUMERICS[job.training.precision]
    if numerics.weights == numerics.gathered:
        return numerics.weights
    half = job.options.recipe.reduces_in_half or job.options.fsdp_reduce_dtype == "bf16"
    return BF16 if half else FP32
