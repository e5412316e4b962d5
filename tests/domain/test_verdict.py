"""Fits, tight or does not fit: where exactly the lines are, to the byte."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.assessment import Assessment, assess
from app.domain.estimate import capacity_of
from app.domain.strategies import STRATEGIES
from app.domain.training import Options
from app.domain.units import GIB, MIB
from app.domain.verdict import (
    ASSUMED_BAND_PERCENT,
    DERIVED_BAND_PERCENT,
    PAGES_BYTES,
    SAFE_BYTES,
    SAFE_PERCENT,
    Judgement,
)
from tests.jobs import job, usage

EXPANDABLE = Options(allocator="expandable_segments")
MODEL = "meta-llama/Llama-3.2-1B"

# DDP's buckets are then rebuilt before any optimizer state exists.
WITHOUT_RACE: dict[str, Any] = {"gradient_accumulation_steps": 2}

every_strategy = pytest.mark.parametrize("strategy", STRATEGIES)


def assessed(strategy: str, **facts: Any) -> Assessment:
    return assess(job(MODEL, nodes=2, **facts), [STRATEGIES[strategy]]).outcomes[0]


def judged(strategy: str, **facts: Any) -> Judgement:
    judgement = assessed(strategy, **facts).judgement
    assert judgement is not None
    return judgement


def ceil_percent(size: int, percent: int) -> int:
    return -(-size * percent // 100)


@every_strategy
def test_with_the_default_allocator_fragmentation_decides_to_the_byte(strategy: str) -> None:
    used = usage(job(MODEL, nodes=2, **WITHOUT_RACE), strategy)
    enough = ceil_percent(used.peak, SAFE_PERCENT) + SAFE_BYTES
    assert judged(strategy, usable=enough, **WITHOUT_RACE).verdict == "fits"
    less = judged(strategy, usable=enough - 1, **WITHOUT_RACE)
    assert less.verdict == "tight"
    assert less.notes == ("Set PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True to run it.",)


@every_strategy
def test_with_expandable_segments_the_top_of_the_band_decides(strategy: str) -> None:
    used = usage(job(MODEL, nodes=2, **WITHOUT_RACE), strategy)
    enough = ceil_percent(used.peak, 100 + DERIVED_BAND_PERCENT) + PAGES_BYTES
    fits = judged(strategy, usable=enough, options=EXPANDABLE, **WITHOUT_RACE)
    assert fits.verdict == "fits"
    assert fits.high == enough - PAGES_BYTES
    less = judged(strategy, usable=enough - 1, options=EXPANDABLE, **WITHOUT_RACE)
    assert less.verdict == "tight"
    assert less.notes == ("The limit lies inside the error band: measure before you promise it.",)


@every_strategy
@pytest.mark.parametrize("options", [Options(), EXPANDABLE], ids=lambda o: o.allocator)
def test_below_the_band_it_does_not_fit(strategy: str, options: Options) -> None:
    low = judged(strategy).low
    assert judged(strategy, usable=low, options=options).verdict == "tight"
    assert judged(strategy, usable=low - 1, options=options).verdict == "does_not_fit"


def test_expandable_segments_turn_tight_into_fits() -> None:
    peak = usage(job(MODEL, nodes=2), "fsdp2").peak
    usable = ceil_percent(peak, 110)
    assert judged("fsdp2", usable=usable).verdict == "tight"
    assert judged("fsdp2", usable=usable, options=EXPANDABLE).verdict == "fits"


def test_a_second_step_race_belongs_to_the_band_and_must_fit_too() -> None:
    facts: dict[str, Any] = {"activation_checkpointing": False}
    used = usage(job(MODEL, nodes=2, **facts), "ddp")
    assert used.second_step > 0
    assert usage(job(MODEL, nodes=2, **WITHOUT_RACE), "ddp").second_step == 0
    top = ceil_percent(used.peak, 100 + DERIVED_BAND_PERCENT) + used.second_step
    enough = judged("ddp", usable=top + PAGES_BYTES, options=EXPANDABLE, **facts)
    assert (enough.verdict, enough.high) == ("fits", top)
    assert judged("ddp", usable=top - 1, options=EXPANDABLE, **facts).verdict == "tight"


@pytest.mark.parametrize("percent", [3, 6, 10])
def test_the_band_is_as_wide_as_whoever_knows_the_runs_says(percent: int) -> None:
    (outcome,) = assess(job(MODEL), [STRATEGIES["fsdp2"]], lambda _job, _strategy: percent).outcomes
    assert outcome.usage is not None
    assert outcome.judgement is not None
    assert outcome.judgement.high == ceil_percent(outcome.usage.peak, 100 + percent)
    assert outcome.judgement.low == outcome.usage.peak * (100 - percent) // 100


def test_an_assumed_allocation_widens_the_band() -> None:
    derived, assumed = assessed("fsdp2"), assessed("fsdp2", fused_loss=True)
    for outcome, percent in ((derived, DERIVED_BAND_PERCENT), (assumed, ASSUMED_BAND_PERCENT)):
        assert outcome.usage is not None
        assert outcome.judgement is not None
        assert outcome.usage.assumed == (percent == ASSUMED_BAND_PERCENT)
        assert outcome.judgement.high == ceil_percent(outcome.usage.peak, 100 + percent)
        assert outcome.judgement.low == outcome.usage.peak * (100 - percent) // 100


def test_headroom_is_what_is_usable_less_the_peak() -> None:
    peak = usage(job(MODEL, nodes=2), "zero3").peak
    assert judged("zero3", usable=peak + 7).headroom == 7
    assert judged("zero3", usable=peak - 7).headroom == -7


@pytest.mark.parametrize("strategy", [s.id for s in STRATEGIES.values() if s.offload == "cpu"])
def test_too_little_host_memory_does_not_fit_and_says_how_much_is_missing(strategy: str) -> None:
    need = -(-usage(job(MODEL, nodes=2), strategy).host // GIB)
    enough = judged(strategy, host_gib=need)
    assert enough.verdict == "fits"
    short = judged(strategy, host_gib=need - 1)
    assert short.verdict == "does_not_fit"
    assert short.notes == (
        f"Needs {need:,} GiB of host memory per node; {need - 1:,} GiB is there.",
    )
    assert short.max_micro_batch == 0
    assert enough.max_micro_batch > 0


def test_too_little_nvme_does_not_fit_and_says_how_much_is_missing() -> None:
    need = -(-usage(job(MODEL, nodes=2), "zero_infinity").nvme // GIB)
    assert judged("zero_infinity", nvme_gib=need).verdict == "fits"
    short = judged("zero_infinity", nvme_gib=need - 1)
    assert short.verdict == "does_not_fit"
    assert short.notes == (f"Needs {need:,} GiB of NVMe per node; {need - 1:,} GiB is there.",)


def test_a_strategy_without_offload_needs_no_nvme() -> None:
    assert judged("zero3", nvme_gib=0).verdict == "fits"


def test_what_context_libraries_and_nccl_take_is_not_usable() -> None:
    one, many = (capacity_of(job(gpus=gpus)) for gpus in (1, 8))
    assert one.device == many.device == job().hardware.gpu.torch_bytes
    assert one.usable == one.device - one.runtime
    assert one.runtime == (612 + 216) * MIB
    assert many.runtime == one.runtime + 976 * MIB


def test_a_given_usable_memory_is_taken_as_it_is() -> None:
    given = capacity_of(job(usable=12_345))
    assert (given.runtime, given.usable) == (0, 12_345)
    beyond = capacity_of(job(usable=2**45))
    assert beyond.device == beyond.usable == 2**45
