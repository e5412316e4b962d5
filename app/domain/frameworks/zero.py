"""What DeepSpeed's ZeRO stages share: numbers, partitions and host buffers.

Source: deepspeed/runtime/zero (0.19.8); ZeRO, Rajbhandari et al., 2020.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from app.domain.job import Job
from app.domain.precision import BF16, FP32, Numerics
from app.domain.quantities import ModelQuantities
from app.domain.training import PrecisionId
from app.domain.units import Integer, ceil_div, power_of_two_above

_MIXED = Numerics(BF16, BF16, FP32, BF16, FP32, BF16, "half")

# DeepSpeed keeps an fp32 master copy whatever 16-bit precision is asked for.
NUMERICS: dict[PrecisionId, Numerics] = {
    "bf16_mixed": _MIXED,
    "fp16_mixed": _MIXED,
    "bf16_pure": _MIXED,
    "fp32": Numerics(FP32, FP32, FP32, FP32, FP32, FP32, "full"),
}


def adapter_bytes(job: Job) -> int:
    """Adapters are in the model's own dtype: DeepSpeed casts the whole module."""
    return NUMERICS[job.training.precision].weights


def overlaps_communication(job: Job, stage: int) -> bool:
    """`overlap_comm`, whose default is true for stage 3 only."""
    asked = job.options.deepspeed.overlap_comm
    return stage == 3 if asked is None else asked


class Partition(NamedTuple):
    """Rank 0's part of the flattened trained parameters, in elements.

    `whole`: parameters that touch it, counted whole; `slice`: the largest piece of one parameter
    in it; `single`: it lies inside one parameter; `embedding_only`: nothing but the first
    parameter is touched.
    """

    whole: int
    slice: int
    single: bool


@lru_cache(maxsize=1024)
def first_partition(q: ModelQuantities, ranks: int) -> Partition:
    """Walk the trained parameters in registration order until rank 0's share is full."""
    share = int(ceil_div(q.trained, ranks))
    filled = whole = largest_slice = count = 0
    for numel in q.trained_tensors:
        if filled >= share:
            break
        piece = min(numel, share - filled)
        filled += piece
        whole += numel
        count += 1
        largest_slice = max(largest_slice, piece)
    return Partition(whole, largest_slice, count == 1)


@lru_cache(maxsize=1024)
def largest_sub_group(q: ModelQuantities, ranks: int, limit: int) -> int:
    """Elements of stage 3's largest optimizer sub-group: closed by the parameter that fills it."""
    largest_group = group = 0
    for numel in q.trained_tensors:
        group += int(ceil_div(numel, ranks))
        if group >= limit:
            largest_group, group = max(largest_group, group), 0
    return max(largest_group, group)


def pinned(size: Integer) -> Integer:
    """Page-locked memory is rounded up to a power of two.

    Source: aten/src/ATen/core/CachingHostAllocator.h.
    """
    return power_of_two_above(size)
