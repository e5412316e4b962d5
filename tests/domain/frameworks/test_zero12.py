"""ZeRO stages 1 and 2: the same memory until gradients are accumulated."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app.domain.job import Job
from app.domain.training import Options
from tests.jobs import bytes_of, deepspeed, job, moment, toy_model, usage

TOY = toy_model()
P, E, LAYER = TOY.total_parameters, TOY.embedding_parameters, TOY.largest_layer_parameters
PARTITION_OF_TWO = 105_088  # see test_zero


def toy_job(options: Options | None = None, **training: Any) -> Job:
    return job(TOY, gpus=2, options=options, **training)


def test_without_accumulation_the_stages_are_alike() -> None:
    assert usage(toy_job(), "zero1").phases == usage(toy_job(), "zero2").phases


def test_accumulation_makes_stage_1_keep_all_gradients_and_stage_2_its_partition() -> None:
    asked = toy_job(gradient_accumulation_steps=4)
    first = moment(asked, "zero1", "forward", "loss")
    second = moment(asked, "zero2", "forward", "loss")
    bucket = 2 * 500_000_000
    assert bytes_of(first, "gradients", "ipg_buckets") == 2 * P + bucket
    assert bytes_of(second, "partition_gradients") == 2 * PARTITION_OF_TWO
    assert first.bytes - second.bytes == 2 * P + bucket - 2 * PARTITION_OF_TWO


def test_stage_1_keeps_gradients_that_bypass_the_bucket_until_backward_ends() -> None:
    asked = toy_job(deepspeed(reduce_bucket_size=5_000, overlap_comm=True))
    first = moment(asked, "zero1", "backward", "embedding")
    second = moment(asked, "zero2", "backward", "embedding")
    assert bytes_of(first, "bypassing_gradients") == 2 * 2 * (3 * 8_192)
    assert bytes_of(second, "bypassing_gradients") == 0


def test_stage_1_without_overlap_keeps_every_layers_gradients_until_backward_ends() -> None:
    asked = toy_job(deepspeed(overlap_comm=False))
    layers = sum(layer.parameters for layer in asked.spec.layers)
    first = moment(asked, "zero1", "backward", "embedding")
    second = moment(asked, "zero2", "backward", "embedding")
    assert bytes_of(first, "gradients") - bytes_of(second, "gradients") == 2 * layers


@pytest.mark.parametrize(("overlap_comm", "buckets"), [(None, 1), (False, 1), (True, 2)])
def test_overlapped_communication_takes_two_buckets(
    overlap_comm: bool | None, buckets: int
) -> None:
    asked = toy_job(deepspeed(reduce_bucket_size=1_000_000, overlap_comm=overlap_comm))
    end = moment(asked, "zero2", "backward", "embedding reduced")
    assert bytes_of(end, "ipg_buckets") == buckets * 2 * 1_000_000


def test_buckets_are_not_alive_at_the_loss() -> None:
    loss = moment(toy_job(), "zero2", "backward", "loss")
    assert bytes_of(loss, "ipg_buckets", "partition_gradients") == 0


def test_the_step_takes_the_norm_in_float64_and_flattens_the_partition() -> None:
    norm = moment(toy_job(), "zero2", "step", "gradient norm")
    flat = moment(toy_job(), "zero2", "step", "flatten")
    assert bytes_of(norm, "norm_copy") == 8 * E
    assert bytes_of(flat, "flat_step_gradients") == (2 + 4) * P // 2


def test_a_partition_inside_one_parameter_is_not_flattened() -> None:
    flat = moment(job(TOY, gpus=4), "zero2", "step", "flatten")
    assert bytes_of(flat, "flat_step_gradients") == 0
    assert bytes_of(flat, "gradients") == 4 * P // 4


def test_a_tied_heads_gradient_waits_for_the_embeddings() -> None:
    tied = toy_model(tie_word_embeddings=True)
    for model, copies in ((TOY, 1), (tied, 3)):
        end = moment(job(model, gpus=2), "zero2", "backward", "embedding")
        assert bytes_of(end, "embedding_gradient") == copies * 2 * E


def test_an_offloaded_step_does_nothing_on_the_gpu() -> None:
    used = usage(toy_job(), "zero2_offload")
    assert used.phases["step"] == used.phases["resident"]
    reduced = moment(toy_job(), "zero2_offload", "backward", "embedding reduced")
    assert bytes_of(reduced, "norm_copy") == 8 * E


def test_host_memory_is_per_node_and_rounded_up_where_it_is_page_locked() -> None:
    """One rank's share of 101,024: master and gradients 2^19 each, 16-bit copy 2^18, the largest
    parameter 2^17, states 8 B an element.
    """
    asked = toy_job()
    alone = usage(asked, "zero2").host
    share = P // 2
    expected = 2 * 2**19 + 2**18 + 2**17 + 8 * share
    assert usage(asked, "zero2_offload").host - alone == 2 * expected
    spread = replace(asked, hardware=replace(asked.hardware, gpus_per_node=1, nodes=2))
    assert usage(spread, "zero2_offload").host * 2 == usage(asked, "zero2_offload").host


def test_gradients_that_are_not_contiguous_need_no_buckets() -> None:
    found = moment(toy_job(deepspeed(contiguous_gradients=False)), "zero2", "backward", "embedding")
    assert bytes_of(found, "ipg_buckets") == 0


def test_fp32_gradients_are_flattened_but_not_cast_again() -> None:
    found = moment(toy_job(precision="fp32"), "zero2", "step", "flatten")
    assert bytes_of(found, "flat_step_gradients") == 4 * P // 2
