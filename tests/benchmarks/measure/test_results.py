"""The line that comes out is one that the product reads and predicts."""

from __future__ import annotations

from typing import Any

import pytest

from app.catalog import load_catalog
from app.catalog.measured import Measured, measured_runs
from app.services.measurements import compare_given, runs_of_lines
from app.services.no_profiles import NoProfiles
from app.services.resolving import Resolver
from benchmarks.measure.results import SIMULATED, full_request, measured_run
from tests.benchmarks.measure.examples import GPU, planned


@pytest.fixture
def measured() -> Measured:
    return next(iter(measured_runs())).measured


def test_a_result_is_read_back_and_compared(measured: Measured) -> None:
    resolver = Resolver(load_catalog(), NoProfiles())
    run = measured_run(planned(), measured, {"torch": "2.11.0"})
    given = runs_of_lines(run.model_dump_json(exclude_none=True) + "\n")
    (comparison,) = compare_given(given, resolver)
    assert given[0].run == run
    job = planned().job
    assert comparison.job.spec is job.spec
    assert comparison.job.training == job.training
    assert comparison.job.hardware == job.hardware
    assert comparison.job.options == job.options
    assert comparison.strategy.id == "fsdp2"


@pytest.mark.parametrize(
    ("changes", "gpus"),
    [
        ({}, SIMULATED),
        ({"ranks": "real"}, "real"),
        ({"request": {"strategies": ["ddp"], "hardware": {"gpus_per_node": 1}}}, "real"),
    ],
)
def test_it_says_whether_the_other_ranks_were_real(
    changes: dict[str, Any], gpus: str, measured: Measured
) -> None:
    assert measured_run(planned(**changes), measured, {}).gpus == gpus


def test_defaults_are_written_out_since_they_may_change() -> None:
    request = full_request(planned())
    assert request["hardware"]["gpu"] == GPU
    assert request["training"]["activation_checkpointing"] is True
    assert request["training"]["sequence_length"] == 2048
    assert request["options"] == {"fsdp": {"reduce_dtype": "fp32"}}
    assert "options" not in full_request(planned(request={"strategies": ["zero2"]}))


def test_a_sequence_length_that_was_left_out_is_the_one_that_ran() -> None:
    config = {**planned().config, "max_position_embeddings": 512}
    made = planned(request={"model": {"id": None, "config": config}})
    assert full_request(made)["training"]["sequence_length"] == 512


def test_a_run_of_trainer_says_so_and_how_accelerate_reduced(measured: Measured) -> None:
    run = measured_run(planned(trainer="hf_trainer"), measured, {})
    assert run.trainer == run.request["options"]["trainer"] == "hf_trainer"
    assert run.request["options"]["fsdp"]["reduce_dtype"] == "bf16"
