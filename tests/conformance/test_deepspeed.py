"""DeepSpeed's own configuration class reads every file, and finds the estimate's numbers in it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from deepspeed import comm
from deepspeed.runtime.config import DeepSpeedConfig

from tests.conformance.written import Case, cases, name

# The file is the same with Trainer and without.
DEEPSPEED = pytest.mark.parametrize(
    "case", cases("deepspeed", format="training_arguments_json"), ids=name
)
DTYPES = {
    "bf16_mixed": torch.bfloat16,
    "bf16_pure": torch.bfloat16,
    "fp16_mixed": torch.float16,
    "fp32": torch.float32,
}


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Reads a case's file as one rank of its job would."""

    def read(case: Case) -> DeepSpeedConfig:
        monkeypatch.setattr(comm, "get_rank", lambda *_: 0)
        ranks = SimpleNamespace(get_data_parallel_world_size=lambda: case.facts["world_size"])
        return DeepSpeedConfig(str(case.path("deepspeed_json")), mpu=ranks)

    return read


def offloads(case: Case, part: str) -> str:
    place: str = case.strategy[f"{part}_on"]
    return "none" if place == "gpu" else place


def device(section: Any) -> str:
    return "none" if section is None else str(getattr(section.device, "value", section.device))


@DEEPSPEED
def test_the_stage_and_every_bucket_are_those_that_were_estimated(case: Case, read: Any) -> None:
    zero = read(case).zero_config
    estimated = case.facts["deepspeed"]
    strategy = case.strategy
    sharded = [strategy[f"shard_{part}"] != "none" for part in ("optimizer", "gradients")]

    assert zero.stage == sum(sharded) + (strategy["shard_parameters"] != "none")
    for key in ("overlap_comm", "contiguous_gradients", "reduce_bucket_size"):
        assert getattr(zero, key) == estimated[key], key
    if zero.stage == 3:
        assert zero.prefetch_bucket_size == estimated["stage3_prefetch_bucket_size"]
        assert zero.param_persistence_threshold == estimated["stage3_param_persistence_threshold"]
        assert zero.max_live_parameters == estimated["stage3_max_live_parameters"]
        assert zero.max_reuse_distance == estimated["stage3_max_reuse_distance"]
        assert zero.sub_group_size == estimated["sub_group_size"]
    else:
        assert zero.allgather_bucket_size == estimated["allgather_bucket_size"]


@DEEPSPEED
def test_the_batch_is_that_of_the_job_on_all_its_ranks(case: Case, read: Any) -> None:
    config, training = read(case), case.training

    assert config.train_micro_batch_size_per_gpu == training["micro_batch_size"]
    assert config.gradient_accumulation_steps == training["gradient_accumulation_steps"]
    assert config.train_batch_size == (
        training["micro_batch_size"]
        * training["gradient_accumulation_steps"]
        * case.facts["world_size"]
    )


@DEEPSPEED
def test_weights_and_gradients_have_the_precision_that_was_asked_for(case: Case, read: Any) -> None:
    config = read(case)
    dtype = DTYPES[case.training["precision"]]

    assert config.bfloat16_config.enabled == (dtype == torch.bfloat16)
    assert config.float16_config.enabled == (dtype == torch.float16)
    assert config.grad_accum_dtype == {torch.bfloat16: "bf16", torch.float16: "fp16"}.get(
        dtype, "fp32"
    )


@DEEPSPEED
def test_what_is_offloaded_goes_where_the_strategy_says(case: Case, read: Any) -> None:
    config = read(case)
    zero = config.zero_config

    assert device(zero.offload_optimizer) == offloads(case, "optimizer")
    assert device(zero.offload_param) == offloads(case, "parameters")
    for section in filter(None, (zero.offload_optimizer, zero.offload_param)):
        assert section.pin_memory
        assert (section.nvme_path is not None) == (device(section) == "nvme")
    if device(zero.offload_param) == "nvme":
        shard = -(-case.facts["largest_tensor"] // case.facts["world_size"])
        assert zero.offload_param.buffer_size >= shard
        assert zero.offload_param.max_in_cpu == 0


@DEEPSPEED
def test_deepspeed_makes_the_optimizer_exactly_where_it_steps_on_the_cpu(
    case: Case, read: Any
) -> None:
    config = read(case)

    offloaded = offloads(case, "optimizer") != "none"
    assert (config.optimizer_name is not None) == offloaded
    if case.training["optimizer"] != "adamw":
        assert config.zero_allow_untested_optimizer
        assert not (offloaded and config.zero_force_ds_cpu_optimizer)
