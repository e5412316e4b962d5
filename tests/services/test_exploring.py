from __future__ import annotations

from typing import Any

import pytest

from app.schemas.estimates import EstimateRequest
from app.services.container import build_services
from app.services.exploring import Effect, Sensitivity
from app.services.knobs import KNOBS
from app.services.patching import merge
from app.settings import Settings

SERVICES = build_services(Settings())
EXPLORER = SERVICES.explorer
ASKED: dict[str, Any] = {
    "model": {"id": "meta-llama/Llama-3.1-8B"},
    "hardware": {"gpu": "h100-80-sxm", "gpus_per_node": 8},
}


def request(**changes: Any) -> EstimateRequest:
    return EstimateRequest.model_validate(merge(ASKED, changes))


def sensitivity(strategy: str = "zero3", **changes: Any) -> Sensitivity:
    found = EXPLORER.sensitivity(request(**changes), strategy)
    assert found is not None
    return found


def of(found: Sensitivity, name: str) -> list[Effect]:
    return [effect for effect in found.effects if effect.path[-1] == name]


def test_an_effect_is_what_the_patched_request_is_answered() -> None:
    asked = request()
    found = sensitivity()
    assert len(found.effects) > 8
    for effect in found.effects:
        document = merge(asked.model_dump(mode="json"), effect.patch) | {"strategies": ["zero3"]}
        (there,) = SERVICES.estimator.estimate(EstimateRequest.model_validate(document)).estimates
        assert there.peak is not None
        assert there.peak.allocated_bytes == effect.peak == found.peak + effect.delta
        assert there.verdict == effect.verdict
        assert there.headroom_bytes == effect.headroom == found.usable - effect.peak


def test_effects_go_from_the_largest_saving_to_the_largest_addition() -> None:
    deltas = [effect.delta for effect in sensitivity().effects]
    assert deltas == sorted(deltas)
    assert deltas[0] < 0 < deltas[-1]


def test_a_knob_shows_its_best_and_its_worst_value_only() -> None:
    found = sensitivity()
    for knob in KNOBS:
        effects = [effect for effect in found.effects if effect.path == knob.path]
        assert len([effect for effect in effects if effect.delta < 0]) <= 1
        assert len([effect for effect in effects if effect.delta > 0]) <= 1


def test_what_another_framework_reads_moves_nothing() -> None:
    found = sensitivity("fsdp2")
    assert ("options", "deepspeed", "reduce_bucket_size") in found.without
    assert not of(found, "reduce_bucket_size")
    assert of(sensitivity("zero3"), "reduce_bucket_size")


def test_a_sequence_beyond_the_models_positions_is_not_offered() -> None:
    lengths = [
        e.value for e in of(sensitivity(training={"sequence_length": 131_072}), "sequence_length")
    ]
    assert lengths == [65_536]


def test_a_saved_system_is_taken_as_it_is() -> None:
    names = {effect.path[-1] for effect in sensitivity().effects}
    assert {"gpus_per_node", "nodes"} <= names
    knob = next(knob for knob in KNOBS if knob.name == "nodes")
    saved = EstimateRequest.model_validate({**ASKED, "hardware": {"profile": "abc"}})
    assert list(knob.patches(saved)) == []


def test_a_strategy_that_cannot_run_the_job_has_no_neighbourhood() -> None:
    assert EXPLORER.sensitivity(request(), "fsdp2_hybrid") is None
    assert EXPLORER.edge(request(), "fsdp2_hybrid") is None


def test_the_grid_holds_the_jobs_own_values_and_ends_at_the_models_positions() -> None:
    edge = EXPLORER.edge(
        request(training={"sequence_length": 3000, "micro_batch_size": 5}), "zero3"
    )
    assert edge is not None
    assert 3000 in edge.grid.sequences
    assert 5 in edge.grid.micro_batches
    assert max(edge.grid.sequences) == 131_072


@pytest.mark.parametrize("host", [1, 2048])
def test_a_missing_host_memory_is_told_beside_the_grid(host: int) -> None:
    asked = request(hardware={"host_memory_gib": host})
    edge = EXPLORER.edge(asked, "zero3_offload_optimizer")
    assert edge is not None
    assert any("host memory" in note for note in edge.notes) is (host == 1)
