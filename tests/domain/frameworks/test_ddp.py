"""DDP replicates everything, and adds a bucket copy of the gradients where there is a peer."""

from __future__ import annotations

import pytest

from app.domain.strategies import STRATEGIES
from tests.jobs import bytes_of, job, moment, toy_model, usage

TOY = toy_model()
P, E = TOY.total_parameters, TOY.embedding_parameters


def test_one_gpu_has_no_buckets_no_nccl_and_no_second_step_race() -> None:
    plain, two = (
        usage(job(TOY, gpus=gpus, activation_checkpointing=False), "ddp") for gpus in (1, 2)
    )
    assert all(
        term.bytes == 0
        for load in plain.loads
        for term in load.moment.terms
        if term.formula.name == "ddp_buckets"
    )
    assert two.phases["resident"] - plain.phases["resident"] == 4 * P
    assert plain.second_step == 0
    assert two.second_step == 4 * P
    assert two.device_used - two.reserved > plain.device_used - plain.reserved


def test_buckets_have_the_dtype_of_the_gradients() -> None:
    setup = moment(job(TOY, precision="bf16_pure"), "ddp", "setup", "model wrapped")
    assert bytes_of(setup, "ddp_buckets") == 2 * P
    assert bytes_of(setup, "weights") == 2 * P


@pytest.mark.parametrize("gpus", [2, 8, 64])
def test_more_gpus_change_nothing_on_each(gpus: int) -> None:
    assert usage(job(TOY, gpus=gpus), "ddp").phases == usage(job(TOY, gpus=2), "ddp").phases


def test_accumulated_gradients_wait_through_forward() -> None:
    once = moment(job(TOY), "ddp", "forward", "loss")
    often = moment(job(TOY, gradient_accumulation_steps=2), "ddp", "forward", "loss")
    assert often.bytes - once.bytes == bytes_of(often, "gradients") == 4 * P


def test_autocast_keeps_a_16_bit_copy_of_every_linear_weight() -> None:
    loss = moment(job(TOY, activation_checkpointing=False), "ddp", "backward", "loss")
    pure = moment(job(TOY, precision="bf16_pure"), "ddp", "backward", "loss")
    assert bytes_of(loss, "autocast_weights") == 2 * (TOY.linear_parameters + E)
    assert bytes_of(pure, "autocast_weights") == 0


def test_the_foreach_kernel_borrows_one_tensor_of_the_parameters_size() -> None:
    fused = usage(job(TOY), "ddp")
    foreach = usage(job(TOY, optimizer_kernel="foreach"), "ddp")
    assert foreach.phases["step"] - fused.phases["step"] == 4 * P


def test_ddp_alone_is_not_named_by_the_other_strategies() -> None:
    assert [s.id for s in STRATEGIES.values() if s.engine == "ddp"] == ["ddp"]
