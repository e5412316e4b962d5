"""What the GPUs send each other: the ZeRO paper's volumes, this job's numbers."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from app.domain.quantities import ModelQuantities, quantities_of
from app.domain.strategies import STRATEGIES
from app.domain.traffic import Communication, communication
from app.domain.training import Options
from tests.jobs import job as a_job

LLAMA = "meta-llama/Llama-3.1-8B"
PARAMETERS = 8_030_261_248


def moved(strategy: str, **facts: Any) -> Communication:
    return communication(*asked(strategy, **facts))


def asked(strategy: str, **facts: Any) -> tuple[Any, Any, ModelQuantities]:
    job = a_job(LLAMA, **facts)
    quantities = quantities_of(job.spec, job.training.method, job.training.lora)
    return job, STRATEGIES[strategy], quantities


@pytest.mark.parametrize(
    ("strategy", "volumes"),
    [
        ("ddp", 2),
        ("zero1", 2),
        ("zero2", 2),
        ("zero3", 3),
        ("fsdp2_shard_grad_op", 2),
        ("fsdp2", 3),
        ("fsdp1", 3),
        ("fsdp1_shard_grad_op", 2),
    ],
)
@pytest.mark.parametrize("gpus", [2, 8, 64])
def test_pure_16_bit_training_moves_what_the_zero_paper_says(
    strategy: str, volumes: int, gpus: int
) -> None:
    """Section 7: 2Ψ, and 3Ψ once parameters are sharded; a ring spares each rank its own share."""
    sent = moved(strategy, gpus=gpus, precision="bf16_pure").sent
    exact = Fraction(volumes * PARAMETERS * 2 * (gpus - 1), gpus)
    assert 0 <= sent - exact < 2  # each collective is rounded up to a byte


def test_a_gpu_alone_sends_nothing() -> None:
    assert all(moved(strategy, gpus=1).sent == 0 for strategy in STRATEGIES)


def test_fsdp_reduces_in_fp32_unless_the_options_say_bf16() -> None:
    wide = moved("fsdp2", gpus=2)
    narrow = moved("fsdp2", gpus=2, options=Options(fsdp_reduce_dtype="bf16"))
    assert wide.sent == PARAMETERS * (2 * 2 + 4) // 2
    assert narrow.sent == PARAMETERS * (2 * 2 + 2) // 2


def test_accumulation_costs_sharded_gradients_a_reduction_each_time_and_others_one_a_step() -> None:
    grown = {
        strategy: moved(strategy, gpus=2, gradient_accumulation_steps=4).sent
        / moved(strategy, gpus=2).sent
        for strategy in ("ddp", "zero1", "zero2", "zero3", "fsdp2")
    }
    assert grown == {"ddp": 1, "zero1": 1, "zero2": 2.5, "zero3": 4, "fsdp2": 4}


def test_frozen_parameters_are_gathered_but_never_reduced() -> None:
    job, strategy, quantities = asked("zero3", gpus=2, method="lora")
    gathered, reduced = communication(job, strategy, quantities).flows
    assert gathered.bytes == 2 * (PARAMETERS + quantities.trained) * 2 // 2
    assert reduced.bytes == quantities.trained * 2 // 2


def test_replicated_adapters_are_all_that_ddp_moves() -> None:
    job, strategy, quantities = asked("ddp", gpus=2, method="lora")
    assert communication(job, strategy, quantities).sent == 2 * quantities.trained * 4 // 2


def test_hybrid_sharding_keeps_the_gathers_inside_a_node() -> None:
    full = moved("fsdp2", gpus=8, nodes=2, method="lora")
    hybrid = moved("fsdp2_hybrid", gpus=8, nodes=2, method="lora")
    assert hybrid.between_nodes * 50 < full.between_nodes
    assert moved("fsdp2_hybrid", gpus=8).between_nodes == 0


def test_hybrid_sharding_of_full_fine_tuning_sends_no_less_between_nodes() -> None:
    """Gathering twice in bf16 and reducing in fp32 is what an fp32 all-reduce is: 8 bytes."""
    full = moved("fsdp2", gpus=8, nodes=4).between_nodes
    hybrid = moved("fsdp2_hybrid", gpus=8, nodes=4).between_nodes
    assert full == PARAMETERS * 8 * 3 // 4
    assert 0 <= hybrid - full < 64


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_flow_says_what_it_multiplies_and_where_that_is_written(strategy: str) -> None:
    for flow in moved(strategy, gpus=8, nodes=2).flows:
        assert flow.source
        assert flow.source_url.startswith("https://")
        assert set(flow.symbols) >= {"N"}
        assert not any(letter.isalpha() for letter in flow.values.replace("e9", ""))
