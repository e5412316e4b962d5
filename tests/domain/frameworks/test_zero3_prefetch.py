"""What the prefetcher leaves gathered, against measured overshoots of its limit."""

from __future__ import annotations

import pytest

from app.catalog import load_catalog
from app.domain.frameworks.zero3_prefetch import live_parameters
from app.domain.training import DeepSpeedOptions
from tests.jobs import toy_model

MILLION = 1_000_000


@pytest.mark.parametrize(
    ("model", "overshoot"),
    [
        ("meta-llama/Llama-3.2-1B", 11.1 * MILLION),
        ("meta-llama/Llama-3.2-3B", 24.4 * MILLION),
        ("meta-llama/Llama-3.1-8B", 21.9 * MILLION),
    ],
)
def test_the_parameter_that_crosses_the_limit_is_gathered_too(model: str, overshoot: float) -> None:
    spec = load_catalog().model(model).spec
    live = live_parameters(spec, DeepSpeedOptions())
    assert live - 1_000 * MILLION == pytest.approx(overshoot, abs=2 * MILLION)


def test_a_model_below_the_limit_stays_gathered_whole() -> None:
    spec = toy_model()
    assert live_parameters(spec, DeepSpeedOptions()) == spec.total_parameters


def test_without_reuse_or_prefetch_only_persistent_parameters_and_the_last_one_stay() -> None:
    spec = toy_model()
    options = DeepSpeedOptions(
        stage3_max_live_parameters=0,
        stage3_max_reuse_distance=0,
        stage3_param_persistence_threshold=100,
    )
    norms = sum(t.numel for t in spec.tensors if t.numel <= 100)
    assert live_parameters(spec, options) == norms
