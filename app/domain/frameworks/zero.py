"""What DeepSpeed's ZeRO stages share: numbers, partitions and host buffers.

Source: deepspeed/runtime/zero (0.19.8); ZeRO, Rajbhandari et al., 2020.
"""

from __future__ import annotations

from typing import NamedTuple

from app.domain.job import Job
from app.domain.per_model import per_model
from app.domain.precision import BF16, FP32, Numerics
from app.domain.quantities import ModelQuantities
from app.domain.training import PrecisionId
from app.domain.units import Integer, ceil_div, power_of_two_above

_MIXED = Numerics(BF16, BF16, BF16, "half")

# DeepSpeed keeps an fp32 master copy whatever 16-bit precision is asked for.
NUMERICS: dict[PrecisionId, Numerics] = {
    "bf16_mixed": _MIXED,
    "fp16_mixed": _MIXED,
    "bf16_pure": _MIXED,
    "fp32": Numerics(FP32, FP32, FP32, "full"),
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
    in it; `single`: it lies inside one parameter.
    """

    whole: int
    slice: int
    single: bool


@per_model
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


class Bucketing(NamedTuple):
    """How backward's gradients meet the reduction bucket, in elements.

    A gradient larger than the bucket is reduced on its own and never copied into it.
    `bypassing`: those gradients of one layer of each kind; `owned_before_embedding`: whether a
    parameter of rank 0's partition is reduced before the embedding's gradient exists.
    `first_flush_layer` is the layer whose gradient fills the first bucket (0: none does),
    `first_flush` what is copied flat then.
    """

    bypassing: tuple[int, ...]
    owned_before_embedding: bool
    first_flush_layer: int
    first_flush: int


@per_model
def bucketing(q: ModelQuantities, ranks: int, bucket: int) -> Bucketing:
    """Replay the order in which gradients arrive: the reverse of registration.

    A reduced stretch is copied flat where it spans several ranks' partitions.
    Source: stage_1_and_2.py, reduce_independent_p_g_buckets_and_remove_grads, average_tensor.
    """
    bypassing = tuple(
        sum(t.numel for t in kind.layer.tensors if t.numel > bucket) if q.root_trained else 0
        for kind in q.kinds
    )
    share = int(ceil_div(q.trained, ranks))

    def copied(start: int, end: int) -> int:
        return end - start if start < end and start // share != (end - 1) // share else 0

    embedding, *others = q.trained_tensors
    layers = _layers_of_trained_tensors(q)[1:]
    top = start = q.trained
    owned_in_bucket = owned_reduced = False
    first_layer = first_copied = 0
    for numel, layer in zip(reversed(others), reversed(layers), strict=True):
        owned = start - numel < share
        if numel > bucket or top - start + numel > bucket:
            owned_reduced = owned_reduced or owned_in_bucket or (owned and numel > bucket)
            if not first_layer and layer and top > start:
                first_layer, first_copied = layer, copied(start, top)
            top, owned_in_bucket = start, False
        start -= numel
        if numel > bucket:
            top = start
        else:
            owned_in_bucket = owned_in_bucket or owned
    early = owned_reduced or (owned_in_bucket and embedding > bucket)
    return Bucketing(bypassing, early, first_layer, first_copied)


def _layers_of_trained_tensors(q: ModelQuantities) -> list[int]:
    """The layer of each trained tensor, counted from 1; 0 outside the layers and for adapters."""
    spec = q.spec
    if not q.root_trained:
        return [0] * len(q.trained_tensors)
    inside = [n for n, layer in enumerate(spec.layers, 1) for _ in layer.tensors]
    return [0] * len(spec.root_tensors_before) + inside + [0] * len(spec.root_tensors_after)


@per_model
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
