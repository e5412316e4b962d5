"""One job at many micro-batches and sequence lengths: the estimate's own functions, on arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from app.domain.assessment import BandOf, narrowest
from app.domain.estimate import Capacity, Evaluator, capacity_of
from app.domain.job import Job
from app.domain.strategies import Strategy
from app.domain.units import Integer
from app.domain.verdict import hold

# An int64 holds twice as much. On the way to a result bytes are multiplied by at most the factor.
_EXACT = 2**62
_LARGEST_FACTOR = 1000


class BatchGrid(NamedTuple):
    """A strategy's memory over the grid. Rows are micro-batches, columns sequence lengths.

    `peak` in bytes per GPU; `grade` is the verdict's place in `VERDICTS`; `largest` is the largest
    micro-batch that fits each sequence length, 0 where none does.
    """

    micro_batches: tuple[int, ...]
    sequences: tuple[int, ...]
    capacity: Capacity
    peak: Integer
    grade: Integer
    largest: Integer


def batch_grid(
    job: Job,
    strategy: Strategy,
    micro_batches: Sequence[int],
    sequences: Sequence[int],
    band_of: BandOf = narrowest,
) -> BatchGrid:
    """Evaluate a job at every pair, all in one evaluation of arrays.

    The same, to the byte, as `assess` of each pair. The strategy must support the job.
    """
    kind = np.int64 if _is_small(job, strategy, max(micro_batches), max(sequences)) else object
    batch, sequence = np.meshgrid(micro_batches, sequences, indexing="ij")
    swept = _at(job, batch.ravel().astype(kind), sequence.ravel().astype(kind))
    usage = Evaluator(swept).usage(strategy)
    capacity = capacity_of(job)
    hardware = job.hardware
    is_short = np.array(usage.host > hardware.host_memory_bytes) | np.array(
        usage.nvme > hardware.nvme_bytes
    )
    standing = hold(swept, strategy, usage, capacity.usable, is_short, band_of(swept, strategy))

    def shaped(values: Integer) -> Integer:
        return np.broadcast_to(values, batch.size).reshape(batch.shape)

    return BatchGrid(
        micro_batches=tuple(micro_batches),
        sequences=tuple(sequences),
        capacity=capacity,
        peak=shaped(usage.peak),
        grade=shaped(standing.grade),
        largest=shaped(standing.max_micro_batch)[0],
    )


def _at(job: Job, micro_batch: Integer, sequence: Integer) -> Job:
    training = replace(job.training, micro_batch_size=micro_batch, sequence_length=sequence)
    return replace(job, training=training)


def _is_small(job: Job, strategy: Strategy, micro_batch: int, sequence: int) -> bool:
    """Whether 64 bits hold everything; the largest pair needs most.

    Where they do not, the arrays hold Python's integers: slower, and just as exact.
    """
    usage = Evaluator(_at(job, micro_batch, sequence)).usage(strategy)
    most = max(usage.device_used + usage.second_step, usage.host, usage.nvme)
    return bool(most * max(_LARGEST_FACTOR, micro_batch) < _EXACT)
