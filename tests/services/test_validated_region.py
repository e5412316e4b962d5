"""Which jobs are like measured ones, and how wide the band is where they are not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from app.domain.job import Job
from app.domain.strategies import STRATEGIES
from app.domain.verdict import DERIVED_BAND_PERCENT
from app.services.evidence import Evidence
from app.services.validated_region import (
    AMOUNTS,
    AMOUNTS_BAND_PERCENT,
    KIND_BAND_PERCENTS,
    KINDS,
    ValidatedRegion,
    ninth_of_ten,
)
from tests.jobs import job

FSDP2, DDP, ZERO3 = STRATEGIES["fsdp2"], STRATEGIES["ddp"], STRATEGIES["zero3"]
SMALL = "meta-llama/Llama-3.2-1B"


def region(*cases: tuple[Job, str], error: float = 0.01) -> ValidatedRegion:
    return ValidatedRegion((measured, STRATEGIES[name], error) for measured, name in cases)


@pytest.fixture(scope="module")
def one() -> ValidatedRegion:
    """One run: Llama 1B, 8 × H100, FSDP2, full fine-tuning."""
    return region((job(SMALL), "fsdp2"))


def test_a_job_like_a_measured_one_is_inside(one: ValidatedRegion) -> None:
    assert one.outside(job(SMALL), [FSDP2]) == []
    assert one.band_percent(job(SMALL), FSDP2) == DERIVED_BAND_PERCENT


def test_twice_what_was_measured_is_near_and_more_is_not(one: ValidatedRegion) -> None:
    assert one.outside(job(SMALL, gpus=16, sequence_length=4096), [FSDP2]) == []
    longer = job(SMALL, sequence_length=4097)
    assert one.outside(longer, [FSDP2]) == [
        "4,097 tokens in a sequence; measured to 2,048.",
        "4,097 tokens in a micro-batch; measured to 2,048.",
    ]
    assert one.band_percent(longer, FSDP2) == AMOUNTS_BAND_PERCENT
    assert one.outside(job(SMALL, nodes=3), [FSDP2]) == ["24 GPUs; measured to 8."]


def test_less_than_was_measured_is_inside() -> None:
    large = region((job("meta-llama/Llama-3.1-8B", sequence_length=8192), "fsdp2"))
    assert large.outside(job(SMALL, gpus=1, sequence_length=16), [FSDP2]) == []


@pytest.mark.parametrize(
    ("facts", "strategy", "sentence"),
    [
        ({}, "ddp", "No measured run of DDP."),
        ({"model": "Qwen/Qwen2.5-0.5B"}, "fsdp2", "No measured run of the model family qwen2."),
        ({"method": "lora"}, "fsdp2", "No measured run of LoRA with FSDP2, full shard."),
        ({"precision": "fp32"}, "fsdp2", "No measured run of fp32 with PyTorch FSDP."),
        ({"optimizer": "lion"}, "fsdp2", "No measured run of Lion with PyTorch FSDP."),
        ({"attention": "eager"}, "fsdp2", "No measured run with eager attention."),
        ({"fused_loss": True}, "fsdp2", "No measured run with a fused loss."),
    ],
)
def test_what_no_run_has_in_kind_is_named_and_counts_for_more(
    one: ValidatedRegion, facts: dict[str, Any], strategy: str, sentence: str
) -> None:
    outside = one.outside(job(**{"model": SMALL, **facts}), [STRATEGIES[strategy]])
    assert sentence in outside
    assert one.band_percent(job(**{"model": SMALL, **facts}), STRATEGIES[strategy]) >= 6


def test_several_kinds_count_for_more_than_one(one: ValidatedRegion) -> None:
    eager = job(SMALL, attention="eager")
    both = job(SMALL, attention="eager", fused_loss=True)
    assert one.band_percent(eager, FSDP2) == KIND_BAND_PERCENTS[1]
    assert one.band_percent(both, FSDP2) == KIND_BAND_PERCENTS[2]


def test_a_strategy_that_nobody_measured_is_not_faulted_for_its_method_too(
    one: ValidatedRegion,
) -> None:
    known = region((job(SMALL), "fsdp2"), (job(SMALL), "zero2"))
    assert known.outside(job(SMALL), [ZERO3]) == ["No measured run of ZeRO-3."]


def test_a_gpu_of_another_architecture_is_named(one: ValidatedRegion) -> None:
    workstation = job(SMALL, gpu="rtxpro6000-ws")
    assert one.outside(workstation, [FSDP2]) == ["GPU architecture Blackwell; measured on Hopper."]
    assert one.band_percent(workstation, FSDP2) == AMOUNTS_BAND_PERCENT


def test_the_band_is_as_wide_as_what_runs_like_the_job_have_shown() -> None:
    worse = region((job(SMALL), "fsdp2"), error=-0.081)
    assert worse.band_percent(job(SMALL), FSDP2) == 9
    assert worse.outside(job(SMALL), [FSDP2]) == []


def test_nine_of_ten_errors_leave_the_largest_out_only_where_there_are_ten() -> None:
    assert ninth_of_ten([]) == 0
    assert ninth_of_ten([0.01, -0.2, 0.03]) == 0.2
    assert ninth_of_ten([0.01] * 9 + [-0.2]) == 0.01


def test_a_sweep_gets_the_bands_of_its_jobs(one: ValidatedRegion) -> None:
    lengths = np.array([512, 4096, 8192])
    swept = one.band_percent(job(SMALL, sequence_length=lengths), FSDP2)
    single = [one.band_percent(job(SMALL, sequence_length=int(n)), FSDP2) for n in lengths]
    assert swept.tolist() == single == [3, 3, 4]


def test_every_measured_run_is_inside_its_own_region(
    evidence: Evidence,
) -> None:
    for c in evidence.comparisons:
        assert evidence.region.outside(c.job, [c.strategy]) == [], c.run_id


def test_respects_have_names_of_their_own() -> None:
    names = [respect.name for respect in (*KINDS, *AMOUNTS)]
    assert len(set(names)) == len(names)


def test_an_estimate_says_in_which_respects_it_lies_outside(evidence: Evidence) -> None:
    found = evidence.near(job("google/gemma-4-31B"), FSDP2)
    assert found.validated is False
    assert "No measured run of the model family gemma4_text." in found.outside
    assert evidence.near(job("meta-llama/Llama-3.1-8B"), FSDP2).validated is True


def test_several_strategies_together_lie_outside_where_all_of_them_do(evidence: Evidence) -> None:
    chosen = [STRATEGIES[name] for name in ("fsdp2", "zero_infinity")]
    assert evidence.near_any(job("meta-llama/Llama-3.1-8B"), chosen).outside == []
    longer = evidence.near_any(job("meta-llama/Llama-3.1-8B", sequence_length=100_000), chosen)
    assert longer.outside[0].startswith("100,000 tokens in a sequence")
