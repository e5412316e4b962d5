"""The frameworks, and the allocation engines that strategies name.

A framework is one record; an engine is one file that lays out a strategy's step moment by moment.
Nothing outside this package knows which engine a strategy uses.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from app.domain.formulas import overhead
from app.domain.frameworks import (
    ddp,
    fsdp1,
    fsdp2_accelerate,
    fsdp_sizes,
    reserving,
    zero,
    zero3,
    zero12,
)
from app.domain.frameworks.reserving import Reserved
from app.domain.job import Job, Timeline
from app.domain.precision import Numerics
from app.domain.quantities import ModelQuantities
from app.domain.step_activations import StepActivations
from app.domain.strategies import FrameworkId, Strategy
from app.domain.training import PrecisionId


@dataclass(frozen=True)
class Framework:
    """A training framework as menus and the API list it."""

    id: FrameworkId
    title: str
    package: str
    measured_version: str
    summary: str
    source_url: str


FRAMEWORKS: dict[str, Framework] = {
    f.id: f
    for f in (
        Framework(
            "pytorch_ddp",
            "PyTorch DDP",
            "torch",
            "2.11",
            "Replicates the model; also stands for plain training on one GPU.",
            "https://docs.pytorch.org/docs/stable/generated/"
            "torch.nn.parallel.DistributedDataParallel.html",
        ),
        Framework(
            "pytorch_fsdp",
            "PyTorch FSDP",
            "torch",
            "2.11",
            "Shards parameters, gradients and optimizer states inside native PyTorch.",
            "https://docs.pytorch.org/docs/stable/distributed.fsdp.fully_shard.html",
        ),
        Framework(
            "deepspeed",
            "DeepSpeed ZeRO",
            "deepspeed",
            "0.19.8",
            "Shards by stages, and offloads to host memory and NVMe.",
            "https://deepspeed.readthedocs.io/en/latest/zero3.html",
        ),
    )
}


class Engine(NamedTuple):
    """How one implementation allocates, and what it needs around the allocator.

    `gathered_bytes` and `reduced_bytes` are those of one element in its collectives.
    """

    timeline: Callable[[Job, Strategy, ModelQuantities, StepActivations], Timeline]
    numerics: dict[PrecisionId, Numerics]
    adapter_bytes: Callable[[Job], int]
    reserved: Reserved
    libraries: int
    nccl: int
    host_process: int
    gathered_bytes: Callable[[Job], int]
    reduced_bytes: Callable[[Job], int]


def _zero_element(job: Job) -> int:
    """ZeRO gathers and reduces in the model's own dtype (communication_data_type's default)."""
    return zero.NUMERICS[job.training.precision].weights


ENGINES: dict[str, Engine] = {
    "ddp": Engine(
        ddp.timeline,
        ddp.NUMERICS,
        ddp.adapter_bytes,
        reserving.replicated,
        overhead.LIBRARIES_REPLICATED,
        overhead.NCCL_DDP,
        overhead.HOST_PROCESS,
        ddp.gradient_bytes,
        ddp.gradient_bytes,
    ),
    "fsdp2": Engine(
        fsdp2_accelerate.timeline,
        fsdp_sizes.NUMERICS,
        fsdp_sizes.adapter_bytes,
        reserving.fsdp2,
        overhead.LIBRARIES_SHARDED,
        overhead.NCCL_FSDP,
        overhead.HOST_PROCESS_FSDP,
        fsdp_sizes.gathered_bytes,
        fsdp_sizes.reduction_bytes,
    ),
    "fsdp1": Engine(
        fsdp1.timeline,
        fsdp1.NUMERICS,
        fsdp1.adapter_bytes,
        reserving.fsdp1,
        overhead.LIBRARIES_SHARDED,
        overhead.NCCL_FSDP,
        overhead.HOST_PROCESS_FSDP,
        fsdp_sizes.gathered_bytes,
        fsdp_sizes.reduction_bytes,
    ),
    "zero12": Engine(
        zero12.timeline,
        zero.NUMERICS,
        zero.adapter_bytes,
        reserving.zero12,
        overhead.LIBRARIES_SHARDED,
        overhead.NCCL_DEEPSPEED,
        overhead.HOST_PROCESS,
        _zero_element,
        _zero_element,
    ),
    "zero3": Engine(
        zero3.timeline,
        zero.NUMERICS,
        zero.adapter_bytes,
        reserving.zero3,
        overhead.LIBRARIES_SHARDED,
        overhead.NCCL_DEEPSPEED,
        overhead.HOST_PROCESS,
        _zero_element,
        _zero_element,
    ),
}
