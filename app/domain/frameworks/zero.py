"""What DeepSpeed's ZeRO stages share: numbers, partitions and host buffers.

Source: deepspeed/runtime/zero (0.19.8); ZeRO, Rajbhandari et al., 2020.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import numpy as np

from app.domain.job import Job
from app.domain.per_model import per_model
from app.domain.precision import BF16, FP32, Numerics
from app.domain.quantities import ModelQuantities
from app.domain.training import PrecisionId
from app.domain.units import Integer, ceil_div, largest, power_of_two_above

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
    in it; `single`: it lies inside one parameter. Arrays where the number of ranks is one.
    """

    whole: Integer
    slice: Integer
    single: Integer


def first_partition(q: ModelQuantities, ranks: Integer) -> Partition:
    """Trained parameters in registration order, until rank 0's share is full."""
    return _partitions(q, ranks) if isinstance(ranks, np.ndarray) else _partition(q, ranks)


@per_model
def _partition(q: ModelQuantities, ranks: int) -> Partition:
    whole, piece, single = _partitions(q, ranks)
    return Partition(int(whole), int(piece), bool(single))


def _partitions(q: ModelQuantities, ranks: Integer) -> Partition:
    share = ceil_div(q.trained, ranks)
    starts, ends, largest_before = _boundaries(q)
    last = np.searchsorted(ends, share)
    piece = np.maximum(largest_before[last], share - starts[last])
    return Partition(ends[last], piece, last == 0)


@per_model
def _boundaries(q: ModelQuantities) -> tuple[Integer, Integer, Integer]:
    """Where each trained tensor starts and ends in the flattened ones; the largest before it."""
    sizes = np.array(q.trained_tensors)
    ends = np.cumsum(sizes)
    return ends - sizes, ends, np.maximum.accumulate(np.append(0, sizes[:-1]))


class Bucketing(NamedTuple):
    """How backward's gradients meet the reduction bucket, in elements.

    A gradient larger than the bucket is reduced on its own and never copied into it.
    `bypassing`: those gradients of one layer of each kind; `owned_before_embedding`: whether a
    parameter of rank 0's partition is reduced before the embedding's gradient exists.
    `first_flush_layer` is the layer whose gradient fills the first bucket (0: none does),
    `first_flush` what is copied flat then. The second and last depend on the number of ranks, and
    are arrays where that is one.
    """

    bypassing: tuple[int, ...]
    owned_before_embedding: Integer
    first_flush_layer: int
    first_flush: Integer


def bucketing(q: ModelQuantities, ranks: Integer, bucket: int) -> Bucketing:
    """What the buckets of any number of ranks' partitions come to.

    A reduced stretch is copied flat where it spans several ranks' partitions.
    Source: stage_1_and_2.py, average_tensor.
    """
    reductions = _reductions(q, bucket)
    share = ceil_div(q.trained, ranks)
    start, end = reductions.first_flush
    spans = start // share != (end - 1) // share
    return Bucketing(
        bypassing=reductions.bypassing,
        owned_before_embedding=reductions.down_to < share,
        first_flush_layer=reductions.first_flush_layer,
        first_flush=(end - start) * spans,
    )


class _Reductions(NamedTuple):
    """What the order of gradients and the bucket's size decide, in elements from the first.

    `down_to`: where the last stretch starts that is reduced before the embedding's gradient exists
    (all trained parameters where none is). `first_flush`: start and end of the first full bucket.
    """

    bypassing: tuple[int, ...]
    down_to: int
    first_flush_layer: int
    first_flush: tuple[int, int]


@per_model
def _reductions(q: ModelQuantities, bucket: int) -> _Reductions:
    """Replay the order in which gradients arrive: the reverse of registration.

    Source: stage_1_and_2.py, reduce_independent_p_g_buckets_and_remove_grads.
    """
    bypassing = tuple(
        sum(t.numel for t in kind.layer.tensors if t.numel > bucket) if q.root_trained else 0
        for kind in q.kinds
    )
    embedding, *others = q.trained_tensors
    layers = _layers_of_trained_tensors(q)[1:]
    top = start = down_to = q.trained
    first_layer, first_flush = 0, (0, 0)
    for numel, layer in zip(reversed(others), reversed(layers), strict=True):
        if numel > bucket or top - start + numel > bucket:
            if start < top:
                down_to = start
                if layer and not first_layer:
                    first_layer, first_flush = layer, (start, top)
            top = start
        start -= numel
        if numel > bucket:
            top = down_to = start
    if start < top and embedding > bucket:
        down_to = start
    return _Reductions(bypassing, down_to, first_layer, first_flush)


class Reduction(NamedTuple):
    """A full bucket: in which layer, at which tensor's gradient, and its elements."""

    layer: int
    tensor: int
    elements: int


@per_model
def stage3_reductions(q: ModelQuantities, bucket: int) -> tuple[Reduction, ...]:
    """Stage 3's full buckets, in backward's order.

    A bucket of a single gradient is reduced in place, so it makes none.
    Source: stage3.py, reduce_independent_p_g_buckets_and_remove_grads;
    coalesced_collectives.py, reduce_scatter_coalesced.
    """
    found: list[Reduction] = []
    filled = held = 0
    layers = _layers_of_trained_tensors(q)
    for index in range(len(layers) - 1, -1, -1):
        numel = q.trained_tensors[index]
        if held and filled + numel > bucket:
            if held > 1 and layers[index]:
                registered = index + q.spec.frozen_tensors
                found.append(Reduction(layers[index], registered, filled))
            filled = held = 0
        filled += numel
        held += 1
    return tuple(found)


def _layers_of_trained_tensors(q: ModelQuantities) -> list[int]:
    """The layer of each trained tensor, counted from 1; 0 outside the layers and for adapters."""
    spec = q.spec
    if not q.root_trained:
        return [0] * len(q.trained_tensors)
    inside = [n for n, layer in enumerate(spec.layers, 1) for _ in layer.tensors]
    before = len(spec.root_tensors_before) - spec.frozen_tensors
    return [0] * before + inside + [0] * len(spec.root_tensors_after)


def largest_sub_group(q: ModelQuantities, ranks: Integer, limit: int) -> Integer:
    """Elements of stage 3's largest optimizer sub-group: closed by the parameter that fills it."""
    if not isinstance(ranks, np.ndarray):
        return _largest_sub_group(q, ranks, limit)
    total = sum(count * ceil_div(numel, ranks) for numel, count in _sizes(q).items())
    filled = total >= limit
    replayed = {n: _largest_sub_group(q, n, limit) for n in set(ranks[filled].tolist())}
    total[filled] = [replayed[n] for n in ranks[filled].tolist()]
    return total


@per_model
def _largest_sub_group(q: ModelQuantities, ranks: int, limit: int) -> int:
    shares = {numel: ceil_div(numel, ranks) for numel in _sizes(q)}
    highest = group = 0
    for numel in q.trained_tensors:
        group += shares[numel]
        if group >= limit:
            highest, group = max(highest, group), 0
    return int(max(highest, group))


@per_model
def _sizes(q: ModelQuantities) -> Counter[int]:
    """How many trained tensors there are of each size."""
    return Counter(q.trained_tensors)


# ZeRO-Infinity's staging buffers in host memory: offload_param's buffer_count, and the least
# elements of one. Source: deepspeed/runtime/zero/offload_config.py.
PARAMETER_SWAP_BUFFERS = 5
_SWAP_BUFFER = 100_000_000


def parameter_swap_buffer(largest_tensor: int, ranks: Integer) -> Integer:
    """Elements of one staging buffer: a shard of the largest parameter has to fit in it.

    Source: deepspeed/runtime/swap_tensor/partitioned_param_swapper.py, reserve_available_buffers.
    """
    return largest(_SWAP_BUFFER, ceil_div(largest_tensor, ranks))


def pinned(size: Integer) -> Integer:
    """Page-locked memory is rounded up to a power of two.

    Source: aten/src/ATen/core/CachingHostAllocator.h.
    """
    return power_of_two_above(size)
