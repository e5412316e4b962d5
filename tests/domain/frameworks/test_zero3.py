"""ZeRO stage 3: what is gathered is bounded by `stage3_max_live_parameters`, not by a layer."""

from __future__ import annotations

import pytest

from app.domain.units import MIB
from tests.jobs import bytes_of, deepspeed, job, moment, toy_model, usage

TOY = toy_model()
P, E, LAYER = TOY.total_parameters, TOY.embedding_parameters, TOY.largest_layer_parameters


def test_a_model_below_the_limit_is_gathered_whole() -> None:
    loss = moment(job(TOY), "zero3", "forward", "loss")
    assert bytes_of(loss, "live_parameters") == 2 * P


def test_a_model_beyond_the_limit_is_gathered_up_to_it() -> None:
    """Within one layer: the parameter that crosses the limit is gathered too."""
    loss = moment(job("meta-llama/Llama-3.1-8B"), "zero3", "forward", "loss")
    limit = 1_000_000_000
    layer = job().spec.largest_layer_parameters
    assert 2 * limit <= bytes_of(loss, "live_parameters") <= 2 * (limit + layer)


def test_a_lower_limit_needs_less() -> None:
    default = usage(job(), "zero3")
    lower = usage(job(options=deepspeed(stage3_max_live_parameters=500_000_000)), "zero3")
    assert lower.phases["forward"] < default.phases["forward"]


@pytest.mark.parametrize("bucket", [1_000_000, 500_000_000])
def test_the_reduction_bucket_is_permanent_and_alone(bucket: int) -> None:
    asked = job(TOY, options=deepspeed(reduce_bucket_size=bucket, overlap_comm=True))
    setup = moment(asked, "zero3", "setup", "engine initialised")
    assert bytes_of(setup, "ipg_buckets") == 2 * bucket


@pytest.mark.parametrize(("kernel", "per_element"), [("fused", 6), ("foreach", 8)])
def test_the_step_borrows_for_one_sub_group(kernel: str, per_element: int) -> None:
    asked = job(TOY, gpus=2, optimizer_kernel=kernel, options=deepspeed(sub_group_size=100_000))
    step = moment(asked, "zero3", "step", "optimizer")
    assert bytes_of(step, "sub_group_step") == per_element * P // 2


def test_offloaded_parameters_leave_one_bucket_and_the_workspaces() -> None:
    used = usage(job(TOY), "zero3_offload")
    assert used.phases["resident"] == used.phases["step"] == 2 * 500_000_000 + 64 * MIB


def test_infinity_keeps_its_state_on_nvme_and_staging_buffers_on_the_host() -> None:
    """fp32 master, momentum, variance and 16-bit parameters: 14 B each, over the node's ranks."""
    used = usage(job(TOY), "zero_infinity")
    assert used.nvme == 14 * P
    assert used.host > usage(job(TOY), "zero3").host


def test_a_tied_heads_gradient_waits_for_the_embeddings() -> None:
    """Added in place: the embedding itself is gathered besides."""
    tied = toy_model(tie_word_embeddings=True)
    for model, copies in ((TOY, 1), (tied, 2)):
        end = moment(job(model, gpus=2), "zero3", "backward", "embedding")
        assert bytes_of(end, "embedding_gradient") == copies * 2 * E


def test_a_full_bucket_is_interleaved_in_a_buffer_of_its_own() -> None:
    asked = job(TOY, gpus=2, options=deepspeed(reduce_bucket_size=LAYER))
    loads = usage(asked, "zero3").loads
    flushed = [load for load in loads if load.moment.label.endswith("bucket reduced")]
    assert flushed
    assert all(0 < bytes_of(m, "flattened_bucket") <= 2 * LAYER for m in flushed)
