"""The estimate as the contract's document."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from app.domain.strategies import STRATEGIES
from app.domain.version import ENGINE_VERSION
from app.schemas.estimates import (
    ESTIMATE_RESPONSE,
    EstimateRequest,
    EstimateResponse,
    StrategyEstimate,
)
from app.services.estimating import Estimator
from tests.factories import estimate_request
from tests.jobs import job, usage


def answer(estimator: Estimator, **changes: Any) -> EstimateResponse:
    return estimator.estimate(EstimateRequest.model_validate(estimate_request(**changes)))


def only(estimator: Estimator, **changes: Any) -> StrategyEstimate:
    (estimate,) = answer(estimator, **changes).estimates
    return estimate


def test_all_strategies_are_estimated_by_default(estimator: Estimator) -> None:
    found = answer(estimator, strategies=None).estimates
    assert [e.strategy for e in found] == list(STRATEGIES)
    assert len(found) == 14
    for estimate in found:
        strategy = STRATEGIES[estimate.strategy]
        assert (estimate.title, estimate.framework) == (strategy.title, strategy.framework)


def test_the_order_asked_for_is_kept(estimator: Estimator) -> None:
    found = answer(estimator, strategies=["zero3", "ddp"]).estimates
    assert [e.strategy for e in found] == ["zero3", "ddp"]


def test_versions_and_the_model_are_named(estimator: Estimator) -> None:
    found = answer(estimator, model={"id": "Qwen/Qwen3-30B-A3B"})
    assert (found.engine_version, found.catalog_version) == (ENGINE_VERSION, "2026.11")
    assert found.model.id == "Qwen/Qwen3-30B-A3B"
    assert found.model.trainable_parameters == found.model.total_parameters == 30_532_122_624
    assert found.model.active_parameters < found.model.total_parameters // 5


def test_only_adapters_are_trainable_under_lora(estimator: Estimator) -> None:
    """Llama-3.2-1B, rank 16: q, o 2048 × 2048, k, v 2048 × 512, three of 2048 × 8192; 16 layers."""
    found = answer(estimator, training={"method": "lora", "lora": {"rank": 16}})
    features = 2 * (2048 + 2048) + 2 * (2048 + 512) + 3 * (2048 + 8192)
    assert found.model.trainable_parameters == 16 * 16 * features


def test_the_capacity_is_the_device_less_the_runtime(estimator: Estimator) -> None:
    capacity = answer(estimator).capacity
    left = capacity.device_bytes - capacity.reserved_for_runtime_bytes
    assert capacity.usable_bytes == left
    given = answer(estimator, hardware={"usable_memory_bytes": 123}).capacity
    assert (given.usable_bytes, given.reserved_for_runtime_bytes) == (123, 0)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_numbers_are_the_engines(estimator: Estimator, strategy: str) -> None:
    found = only(estimator, strategies=[strategy], hardware={"nodes": 2})
    used = usage(
        job(
            "meta-llama/Llama-3.2-1B",
            gpus=2,
            nodes=2,
            host_gib=512,
            nvme_gib=4_000,
            sequence_length=512,
        ),
        strategy,
    )
    assert found.peak is not None
    assert found.phases is not None
    assert found.peak.allocated_bytes == used.peak
    assert {f.name: getattr(found.phases, f.name) for f in fields(found.phases)} == used.phases
    assert getattr(found.phases, found.peak.phase) == used.peak
    assert found.reserved_bytes == used.reserved
    assert found.device_used_bytes == used.device_used
    assert (found.host_bytes, found.nvme_bytes) == (used.host, used.nvme)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_components_sum_to_the_peak_and_say_how(estimator: Estimator, strategy: str) -> None:
    found = only(estimator, strategies=[strategy], hardware={"nodes": 2})
    assert found.peak is not None
    assert sum(c.bytes for c in found.components) == found.peak.allocated_bytes
    for component in found.components:
        assert component.bytes > 0
        assert component.formula != component.values
        assert component.source
        assert component.source_url.startswith("https://")


def test_an_impossible_combination_has_a_reason_and_no_numbers(estimator: Estimator) -> None:
    found = only(estimator, strategies=["fsdp2_hybrid"])
    assert found.verdict == "unsupported"
    assert found.notes == [
        "Needs 2 or more nodes: it shards inside a node and replicates across nodes."
    ]
    assert found.components == []
    numbers = (
        found.peak,
        found.phases,
        found.reserved_bytes,
        found.device_used_bytes,
        found.headroom_bytes,
        found.host_bytes,
        found.nvme_bytes,
        found.max_micro_batch_size,
    )
    assert numbers == (None,) * len(numbers)


def test_a_shortage_is_a_note(estimator: Estimator) -> None:
    found = only(estimator, strategies=["zero2_offload"], hardware={"host_memory_gib": 1})
    assert found.verdict == "does_not_fit"
    assert "of host memory per node; 1 GiB is there." in found.notes[0]
    assert found.max_micro_batch_size == 0


def test_an_answer_survives_being_written_and_read(estimator: Estimator) -> None:
    found = answer(estimator, strategies=None)
    text = ESTIMATE_RESPONSE.dump_json(found)
    assert ESTIMATE_RESPONSE.validate_json(text, strict=True) == found


def test_evidence_is_given_for_each_strategy_and_for_all_together(estimator: Estimator) -> None:
    found = answer(estimator, strategies=None)
    assert found.evidence.measured_runs >= max(e.evidence.measured_runs for e in found.estimates)
    assert 0 < found.evidence.mean_abs_error < 0.01
