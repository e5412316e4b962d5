"""One evaluation path: the functions that answer one plan answer a sweep of them, to the byte."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from app.domain.estimate import Usage
from app.domain.job import PHASES
from app.domain.strategies import STRATEGIES
from tests.jobs import deepspeed, job, usage

TRAININGS: tuple[dict[str, Any], ...] = (
    {},
    {"activation_checkpointing": False, "optimizer_kernel": "foreach"},
    {"gradient_accumulation_steps": 4, "optimizer": "adafactor"},
    {"method": "lora", "activation_checkpointing": False},
    {"method": "qlora", "optimizer": "paged_adamw_8bit"},
    {"attention": "eager", "fused_loss": True},
    {"precision": "fp32", "activation_checkpointing": False},
)
every_strategy = pytest.mark.parametrize("strategy", STRATEGIES)
every_training = pytest.mark.parametrize("training", TRAININGS, ids=str)


def figures(used: Usage) -> dict[str, Any]:
    names = ("peak", "reserved", "device_used", "second_step", "host", "nvme")
    return dict(used.phases) | {name: getattr(used, name) for name in names}


def assert_swept(strategy: str, dimension: str, values: list[int], facts: dict[str, Any]) -> None:
    """A job with an array in one dimension is the same as a loop over jobs of plain numbers."""

    def at(value: Any) -> dict[str, Any]:
        asked: dict[str, Any] = {**facts, dimension: value}
        return figures(usage(job(**asked), strategy))

    swept = at(np.array(values))
    loop = [at(value) for value in values]
    for name, size in swept.items():
        found = np.broadcast_to(size, (len(values),))
        assert found.dtype == np.int64
        assert found.tolist() == [row[name] for row in loop], name


@every_training
@every_strategy
def test_an_array_of_micro_batches_is_a_loop_over_them(
    strategy: str, training: dict[str, Any]
) -> None:
    assert_swept(strategy, "micro_batch_size", [1, 2, 3, 64, 1000], {"nodes": 2, **training})


@every_training
@every_strategy
def test_an_array_of_sequence_lengths_is_a_loop_over_them(
    strategy: str, training: dict[str, Any]
) -> None:
    assert_swept(strategy, "sequence_length", [1, 2, 513, 4096, 131072], {"nodes": 2, **training})


@pytest.mark.parametrize("attention", ["sdpa", "flash_attention_2"])
@pytest.mark.parametrize("checkpointing", [True, False])
@pytest.mark.parametrize("model", ["google/gemma-2-27b", "google/gemma-3-27b-pt"])
@pytest.mark.parametrize("strategy", ["ddp", "zero2", "zero3", "fsdp2", "fsdp1_shard_grad_op"])
def test_sequences_may_lie_on_both_sides_of_a_sliding_window(
    strategy: str, model: str, checkpointing: bool, attention: str
) -> None:
    facts = {"model": model, "activation_checkpointing": checkpointing, "attention": attention}
    assert_swept(strategy, "sequence_length", [1, 1023, 1024, 1025, 4096, 4097, 8192], facts)


@pytest.mark.parametrize("model", ["meta-llama/Llama-3.1-8B", "meta-llama/Llama-3.2-1B"])
@pytest.mark.parametrize("method", ["full", "lora", "qlora"])
@every_strategy
def test_an_array_of_gpu_counts_is_a_loop_over_them(strategy: str, method: str, model: str) -> None:
    facts = {"model": model, "nodes": 2, "method": method}
    assert_swept(strategy, "gpus", [1, 2, 3, 8, 64], facts)


@every_strategy
def test_an_array_of_node_counts_starting_at_one_gpu_is_a_loop_over_them(strategy: str) -> None:
    assert_swept(strategy, "nodes", [1, 2, 3, 64], {"gpus": 1})


@pytest.mark.parametrize("steps", [1, 4])
@pytest.mark.parametrize("bucket", [0, 1_000_000, 300_000_000])
@pytest.mark.parametrize("strategy", [s.id for s in STRATEGIES.values() if s.engine[:4] == "zero"])
def test_zeros_partitions_buckets_and_sub_groups_depend_on_every_number_of_ranks_alike(
    strategy: str, bucket: int, steps: int
) -> None:
    options = deepspeed(reduce_bucket_size=bucket, sub_group_size=20_000_000, overlap_comm=True)
    facts = {
        "model": "meta-llama/Llama-3.2-1B",
        "options": options,
        "gradient_accumulation_steps": steps,
    }
    assert_swept(strategy, "gpus", [1, 2, 3, 5, 16, 333, 1000], facts)


@every_strategy
def test_a_sweep_has_the_phases_of_every_point(strategy: str) -> None:
    swept = usage(job(nodes=2, micro_batch_size=np.array([1, 64])), strategy)
    assert list(swept.phases) == list(PHASES)
    assert np.all(np.diff(swept.peak) > 0)
