"""Jobs drawn at random from everything that can be asked: what must hold of each of them.

The same laws are held on a few models and knobs in `tests/domain/test_estimate.py`; here over the
whole catalogue, every option and every count.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.catalog import load_catalog
from app.domain.assessment import Assessment, assess
from app.domain.estimate import STEP_PHASES
from app.domain.hardware import Hardware
from app.domain.job import PHASES, Job
from app.domain.optimizers import OPTIMIZERS
from app.domain.recipe import RECIPES
from app.domain.strategies import STRATEGIES, Strategy
from app.domain.training import (
    Allocator,
    AttentionKernel,
    DeepSpeedOptions,
    Lora,
    Method,
    OptimizerKernel,
    Options,
    PrecisionId,
    ReduceDtype,
    Training,
)
from app.domain.units import GIB

pytestmark = pytest.mark.slow

CATALOG = load_catalog()
STATES = ("weights", "optimizer_states")
LADDERS = (("zero1", "zero2", "zero3"), ("fsdp2_hybrid", "fsdp2"))

elements = st.sampled_from((0, 1, 1_000, 100_000, 50_000_000, 500_000_000, 1_000_000_000))
buckets = st.sampled_from((1, 1_000_000, 50_000_000, 500_000_000, 2_000_000_000))
options = st.builds(
    Options,
    deepspeed=st.builds(
        DeepSpeedOptions,
        reduce_bucket_size=buckets,
        allgather_bucket_size=buckets,
        overlap_comm=st.sampled_from((None, True, False)),
        contiguous_gradients=st.booleans(),
        sub_group_size=buckets,
        stage3_max_live_parameters=elements,
        stage3_max_reuse_distance=elements,
        stage3_prefetch_bucket_size=elements,
        stage3_param_persistence_threshold=elements,
    ),
    fsdp_reduce_dtype=st.sampled_from(get_args(ReduceDtype)),
    allocator=st.sampled_from(get_args(Allocator)),
    recipe=st.sampled_from(tuple(RECIPES.values())),
)
trainings = st.builds(
    Training,
    method=st.sampled_from(get_args(Method)),
    precision=st.sampled_from(get_args(PrecisionId)),
    optimizer=st.sampled_from(tuple(OPTIMIZERS)),
    optimizer_kernel=st.sampled_from(get_args(OptimizerKernel)),
    sequence_length=st.integers(1, 131_072),
    micro_batch_size=st.integers(1, 512),
    gradient_accumulation_steps=st.sampled_from((1, 2, 8)),
    activation_checkpointing=st.booleans(),
    attention=st.sampled_from(get_args(AttentionKernel)),
    fused_loss=st.booleans(),
    lora=st.builds(Lora, rank=st.sampled_from((1, 8, 64, 256))),
)
hardware = st.builds(
    Hardware,
    st.sampled_from([known.gpu for known in CATALOG.gpus.values()]),
    st.integers(1, 16),
    st.integers(1, 16),
    st.just(1_048_576 * GIB),
    st.just(1_048_576 * GIB),
    st.none(),
)
drawn_jobs = st.builds(
    Job,
    st.sampled_from([known.spec for known in CATALOG.models.values()]),
    hardware,
    trainings,
    options,
)


class Counts(Counter[str]):
    """How many jobs were evaluated, by strategy."""

    def evaluate(self, job: Job, strategy: Strategy) -> Assessment | None:
        """A job's outcome, checked by itself; None where it cannot run under the strategy."""
        (outcome,) = assess(job, [strategy]).outcomes
        if outcome.reason is not None:
            return None
        self[strategy.id] += 1
        check(outcome)
        return outcome


def check(outcome: Assessment) -> None:
    usage, judgement = outcome.usage, outcome.judgement
    assert usage is not None
    assert judgement is not None
    terms = [term.bytes for load in usage.loads for term in load.moment.terms]
    sizes = [*usage.phases.values(), usage.peak, usage.reserved, usage.device_used, usage.host]
    sizes += [usage.nvme, usage.second_step, judgement.low, judgement.high, *terms]
    assert all(type(size) is int and math.isfinite(size) and size >= 0 for size in sizes)
    assert sum(term.bytes for term in usage.components) == usage.peak
    assert usage.peak == max(usage.phases[phase] for phase in STEP_PHASES)
    assert judgement.low <= usage.peak <= judgement.high
    assert usage.peak <= usage.reserved <= usage.device_used


def needs_at_least(more: Assessment | None, less: Assessment | None) -> None:
    if more is None or less is None:
        return
    assert more.usage is not None
    assert less.usage is not None
    for phase in PHASES:
        assert less.usage.phases[phase] <= more.usage.phases[phase], phase


def states(outcome: Assessment) -> int:
    """Bytes of weights and optimizer states that a GPU holds between steps."""
    assert outcome.usage is not None
    (resident,) = (load for load in outcome.usage.loads if load.moment.phase == "resident")
    return sum(t.bytes for t in resident.moment.terms if t.formula.group in STATES)


def test_every_job_is_finite_sums_and_grows_where_it_must(
    size: Callable[[int, int], int], figure: Callable[[str], None]
) -> None:
    counts = Counts()

    @settings(
        max_examples=size(200, 24_000),
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(drawn_jobs, st.sampled_from(tuple(STRATEGIES.values())), st.integers(1, 64), st.data())
    def holds(job: Job, strategy: Strategy, more: int, data: st.DataObject) -> None:
        base = counts.evaluate(job, strategy)
        if base is None:
            return
        training = job.training
        longer = replace(training, sequence_length=training.sequence_length + more)
        needs_at_least(counts.evaluate(replace(job, training=longer), strategy), base)
        larger = replace(training, micro_batch_size=training.micro_batch_size + more)
        needs_at_least(counts.evaluate(replace(job, training=larger), strategy), base)
        wider = replace(job.hardware, gpus_per_node=job.hardware.gpus_per_node + more)
        spread = counts.evaluate(replace(job, hardware=wider), strategy)
        if spread is not None and strategy.shard_optimizer != "none":
            assert states(spread) <= states(base)
        ladder = data.draw(st.sampled_from(LADDERS))
        steps = [counts.evaluate(job, STRATEGIES[step]) for step in ladder]
        held = [states(step) for step in steps if step is not None]
        assert held == sorted(held, reverse=True), ladder

    holds()
    jobs = sum(counts.values())
    assert jobs >= size(500, 100_000)
    assert len(counts) >= size(8, len(STRATEGIES))
    figure(f"{jobs:,} jobs over {len(CATALOG.models)} models: finite, parts sum, monotone")
