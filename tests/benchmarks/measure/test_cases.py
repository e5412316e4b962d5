"""What can be measured, and what is said about cases that cannot."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.errors import InvalidInput
from benchmarks.measure.cases import read_cases
from tests.benchmarks.measure.examples import CASE, GPU, case_line, planned


def test_a_case_is_an_estimate_request_with_one_strategy() -> None:
    (case,) = read_cases(case_line())
    assert case.request == CASE["request"]
    assert (case.trainer, case.ranks, case.steps) == ("pytorch", "simulated", 3)


def test_bad_lines_are_named_by_number_and_field() -> None:
    with pytest.raises(InvalidInput) as caught:
        read_cases("\n".join([case_line(), case_line(id="a b", steps=1), "{"]))
    assert [error.pointer for error in caught.value.errors] == [
        "/lines/2/id",
        "/lines/2/steps",
        "/lines/3",
    ]


def test_the_gpu_that_is_present_is_measured_whatever_the_request_names() -> None:
    assert planned().job.hardware.gpu.id == GPU
    assert planned(request={"hardware": {"gpu": "t4"}}).job.hardware.gpu.id == GPU


def test_a_catalogue_model_brings_its_configuration() -> None:
    config = planned().config
    assert (config["model_type"], config["hidden_size"]) == ("llama", 2048)


def test_a_configuration_is_taken_as_it_is() -> None:
    config = {**planned().config, "num_hidden_layers": 2}
    made = planned(request={"model": {"id": None, "config": config}})
    assert made.config == config
    assert len(made.job.spec.layers) == 2


@pytest.mark.parametrize(
    ("changes", "pointer", "detail"),
    [
        ({"request": {"strategies": ["zero2", "zero3"]}}, "/request/strategies", "the one"),
        ({"request": {"strategies": ["zero_infinity"]}}, "/request/strategies/0", "NVMe"),
        ({"request": {"model": {"id": "none"}}}, "/request/model/id", "no model"),
        ({"request": {"training": {"steps": 3}}}, "/request/training/steps", "no field"),
        ({"request": {"hardware": {"profile": "hp_1"}}}, "/request/hardware", "exactly one"),
        (
            {"trainer": "hf_trainer", "request": {"options": {"fsdp": {"reduce_dtype": "fp32"}}}},
            "/request/options/fsdp/reduce_dtype",
            "accelerate",
        ),
        (
            {"trainer": "hf_trainer", "request": {"options": {"trainer": "pytorch"}}},
            "/request/options/trainer",
            "the same",
        ),
    ],
)
def test_what_cannot_be_measured_is_pointed_at(
    changes: dict[str, Any], pointer: str, detail: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        planned(**changes)
    (error,) = caught.value.errors
    assert error.pointer == pointer
    assert detail in error.detail


def test_accelerate_reduces_in_bf16_and_the_plain_loop_as_asked() -> None:
    assert planned(trainer="hf_trainer").reduce_dtype == "bf16"
    assert planned().reduce_dtype == "fp32"
    asked = planned(request={"options": {"fsdp": {"reduce_dtype": "bf16"}}})
    assert asked.reduce_dtype == "bf16"
