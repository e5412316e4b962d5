"""What DeepSpeed is given for a case."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.measure.deepspeed_config import LOSS_SCALE, deepspeed_config, stage
from tests.benchmarks.measure.examples import planned


def zero(strategy: str, **changes: Any) -> dict[str, Any]:
    request = {"strategies": [strategy], **changes.pop("request", {})}
    config = deepspeed_config(planned(request=request, **changes))
    found: dict[str, Any] = config["zero_optimization"]
    return found


@pytest.mark.parametrize(
    ("strategy", "expected"), [("zero1", 1), ("zero2", 2), ("zero3", 3), ("zero3_offload", 3)]
)
def test_a_strategy_is_a_stage(strategy: str, expected: int) -> None:
    assert stage(planned(request={"strategies": [strategy]})) == expected
    assert zero(strategy)["stage"] == expected


def test_offload_says_what_moves_to_the_host() -> None:
    host = {"device": "cpu", "pin_memory": True}
    assert zero("zero2_offload") == {"stage": 2, "offload_optimizer": host}
    assert zero("zero3_offload") == {"stage": 3, "offload_optimizer": host, "offload_param": host}


def test_only_keys_that_were_asked_for_are_set() -> None:
    options = {"options": {"deepspeed": {"overlap_comm": True, "reduce_bucket_size": 5e8}}}
    assert zero("zero2", request=options) == {
        "stage": 2,
        "overlap_comm": True,
        "reduce_bucket_size": 500_000_000,
    }


def test_trainer_fills_auto_in_itself_and_the_plain_loop_takes_what_it_would_fill_in() -> None:
    options = {"options": {"deepspeed": {"reduce_bucket_size": "auto"}}}
    by_trainer = zero("zero2", request=options, trainer="hf_trainer")
    assert by_trainer["reduce_bucket_size"] == "auto"
    assert zero("zero2", request=options)["reduce_bucket_size"] == 2048 * 2048


@pytest.mark.parametrize(
    ("precision", "expected"),
    [
        ("bf16_mixed", {"bf16": {"enabled": True}}),
        ("fp16_mixed", {"fp16": {"enabled": True, "loss_scale": LOSS_SCALE}}),
        ("fp32", {}),
    ],
)
def test_precision_is_deepspeeds_own_section(precision: str, expected: dict[str, Any]) -> None:
    made = planned(request={"strategies": ["zero2"], "training": {"precision": precision}})
    config = deepspeed_config(made)
    assert {key: config[key] for key in ("bf16", "fp16") if key in config} == expected
