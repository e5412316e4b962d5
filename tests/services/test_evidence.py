"""Which measured runs speak for an estimate, and what the engine's error on them is."""

from __future__ import annotations

from statistics import mean

import pytest

from app.catalog.measured import measured_runs
from app.domain.recipe import RECIPES, Trainer
from app.domain.strategies import STRATEGIES
from app.domain.training import Options
from app.services.evidence import Comparison, Evidence, compare
from app.services.resolving import Resolver
from tests.jobs import job


@pytest.fixture(scope="module")
def comparisons(resolver: Resolver) -> list[Comparison]:
    return compare(measured_runs(), resolver)


def test_every_run_is_evaluated_as_it_was_run(comparisons: list[Comparison]) -> None:
    for run, comparison in zip(measured_runs(), comparisons, strict=True):
        assert comparison.run_id == run.id
        assert [comparison.strategy.id] == run.request["strategies"]
        assert comparison.measured == run.measured
        sequence = run.request["training"]["sequence_length"]
        assert comparison.job.training.sequence_length == sequence


def test_an_error_is_positive_where_the_engine_says_too_much(
    comparisons: list[Comparison],
) -> None:
    for c in comparisons:
        assert (c.error > 0) == (c.usage.peak > c.measured.steady_peak_allocated)
        assert c.error == pytest.approx(c.usage.peak / c.measured.steady_peak_allocated - 1)


@pytest.mark.parametrize("method", ["full", "lora", "qlora"])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_runs_of_the_same_engine_places_and_method_speak_for_a_strategy(
    strategy: str, method: str, evidence: Evidence, comparisons: list[Comparison]
) -> None:
    wanted = STRATEGIES[strategy]
    speaking = [
        c
        for c in comparisons
        if c.strategy.engine == wanted.engine
        and c.strategy.optimizer_on == wanted.optimizer_on
        and c.strategy.parameters_on == wanted.parameters_on
        and c.job.training.method == method
    ]
    found = evidence.near(job(method=method), wanted)
    assert found.measured_runs == len(speaking)
    assert set(found.nearest) <= {c.run_id for c in speaking}
    assert len(found.nearest) == min(3, len(speaking))
    if speaking:
        assert found.mean_abs_error == pytest.approx(mean(abs(c.error) for c in speaking), abs=1e-6)
    else:
        assert found.mean_abs_error == 0


def test_the_worst_run_and_those_of_the_models_family_are_told(
    evidence: Evidence, comparisons: list[Comparison]
) -> None:
    speaking = [
        c
        for c in comparisons
        if c.strategy.engine == "zero12"
        and c.strategy.offload == "none"
        and c.job.training.method == "full"
    ]
    found = evidence.near(job("Qwen/Qwen2.5-7B"), STRATEGIES["zero2"])
    worst = max(speaking, key=lambda c: abs(c.error))
    assert found.worst_error == pytest.approx(worst.error, abs=1e-6)
    alike = [c for c in speaking if c.job.spec.model_type == "qwen2"]
    assert found.same_family_runs == len(alike) > 0


def test_runs_with_checkpointing_as_in_the_job_come_before_those_without(
    evidence: Evidence, comparisons: list[Comparison]
) -> None:
    by_id = {c.run_id: c for c in comparisons}
    for checkpointing in (True, False):
        asked = job("meta-llama/Llama-3.2-1B", activation_checkpointing=checkpointing)
        nearest = evidence.near(asked, STRATEGIES["ddp"]).nearest
        found = {by_id[run].job.training.activation_checkpointing for run in nearest}
        assert found == {checkpointing}


def test_a_strategy_that_nobody_measured_has_no_evidence(evidence: Evidence) -> None:
    found = evidence.near(job(), STRATEGIES["zero_infinity"])
    assert (found.measured_runs, found.nearest) == (0, [])


def test_runs_of_the_strategy_and_of_models_as_large_come_first(
    evidence: Evidence, comparisons: list[Comparison]
) -> None:
    by_id = {c.run_id: c for c in comparisons}
    nearest = evidence.near(job("meta-llama/Llama-3.1-8B"), STRATEGIES["fsdp2"]).nearest
    assert {by_id[run].strategy.id for run in nearest} == {"fsdp2"}
    assert {by_id[run].job.spec.id for run in nearest} == {"meta-llama/Llama-3.1-8B"}


@pytest.mark.parametrize("trainer", ["pytorch", "hf_trainer"])
def test_of_the_runs_that_speak_those_by_the_same_training_loop_are_nearest(
    trainer: Trainer, evidence: Evidence, comparisons: list[Comparison]
) -> None:
    by_id = {c.run_id: c for c in comparisons}
    asked = job(options=Options(recipe=RECIPES[trainer]))
    found = evidence.near(asked, STRATEGIES["fsdp2"])
    assert {by_id[run].run.trainer for run in found.nearest} == {trainer}
    assert found.measured_runs == evidence.near(job(), STRATEGIES["fsdp2"]).measured_runs


def test_a_run_that_speaks_for_two_strategies_counts_once(evidence: Evidence) -> None:

    def runs(*ids: str) -> int:
        return evidence.near_any(job(), [STRATEGIES[s] for s in ids]).measured_runs

    assert runs("zero1", "zero2") == runs("zero1") == runs("zero2") > 0
    assert runs("ddp", "fsdp2") == runs("ddp") + runs("fsdp2")
