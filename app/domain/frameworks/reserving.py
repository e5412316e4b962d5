"""What each engine's runs make the caching allocator hold. Fitted: see `formulas.reserved`."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from app.domain.formulas import reserved
from app.domain.job import Job
from app.domain.quantities import ModelQuantities
from app.domain.strategies import Strategy
from app.domain.units import Integer, smallest

LOGIT = 2


class Levels(NamedTuple):
    """Allocated bytes: at the step's peak, between steps, and what the optimizer's step adds."""

    peak: Integer
    resident: Integer
    in_step: Integer


Reserved = Callable[[Job, Strategy, ModelQuantities, Levels], Integer]


def _logits(job: Job) -> Integer:
    training = job.training
    if training.fused_loss:
        return 0
    return LOGIT * training.micro_batch_size * training.sequence_length * job.spec.vocab_size


def replicated(job: Job, strategy: Strategy, q: ModelQuantities, at: Levels) -> Integer:
    """DDP, and plain training on one GPU."""
    return reserved.reserved_replicated(at.peak, _logits(job), at.resident)


def fsdp2(job: Job, strategy: Strategy, q: ModelQuantities, at: Levels) -> Integer:
    """FSDP2 in all its forms."""
    return reserved.reserved_fsdp2(at.peak, q.root, at.in_step)


def fsdp1(job: Job, strategy: Strategy, q: ModelQuantities, at: Levels) -> Integer:
    """FSDP1."""
    return reserved.reserved_fsdp1(at.peak, _logits(job), q.trained, q.embedding)


def zero12(job: Job, strategy: Strategy, q: ModelQuantities, at: Levels) -> Integer:
    """ZeRO stages 1 and 2, with or without the optimizer offloaded."""
    if strategy.optimizer_on == "gpu":
        return reserved.reserved_zero12(at.peak, at.resident, q.trained, at.in_step)
    bucket = smallest(job.options.deepspeed.reduce_bucket_size, q.trained)
    embedding = q.embedding if q.root_trained else 0
    return reserved.reserved_zero2_offload(at.peak, at.resident, embedding, bucket)


def zero3(job: Job, strategy: Strategy, q: ModelQuantities, at: Levels) -> Integer:
    """ZeRO stage 3, with or without offload."""
    if strategy.optimizer_on == "gpu":
        return reserved.reserved_zero3(at.peak, q.largest_layer, at.in_step)
    bucket = smallest(job.options.deepspeed.reduce_bucket_size, q.trained)
    return reserved.reserved_zero3_offload(at.peak, at.resident, bucket)
