"""What each strategy keeps on a GPU between steps, as multiples of the number of parameters."""

from __future__ import annotations

import pytest

from app.domain.strategies import STRATEGIES
from app.domain.units import MIB
from tests.jobs import bytes_of, job, moment, toy_model, usage

GPUS, NODES = 8, 2
TOY = toy_model()
P = TOY.total_parameters  # 202,048: divides by 16
E = TOY.embedding_parameters
PADDED = P + 2 * 8 * 64  # 1,000 rows of embedding and head become 1,008 on 16 ranks
WORKSPACES = 64 * MIB
BUCKET = 2 * 500_000_000

RESIDENT = {
    "ddp": 4 * P + 4 * P + 8 * P,  # weights, buckets, states
    "zero1": 2 * P + 12 * P // 16,
    "zero2": 2 * P + 12 * P // 16,
    "zero3": 2 * P // 16 + 2 * P // 16 + 12 * P // 16 + BUCKET,
    "zero2_offload": 2 * P + 2 * E,  # and the buffer of the largest parameter
    "zero3_offload_optimizer": 2 * P // 16 + BUCKET,
    "zero3_offload": BUCKET,
    "zero_infinity": BUCKET,
    "fsdp2": 12 * PADDED // 16,
    "fsdp2_shard_grad_op": 12 * PADDED // 16,
    "fsdp2_hybrid": 12 * P // 8,  # over the node alone
    "fsdp2_offload": 0,
    "fsdp1": 16 * P // 16,  # the sharded gradient outlives the step
    "fsdp1_shard_grad_op": 16 * P // 16,
}


def test_every_strategy_is_computed_by_hand() -> None:
    assert set(RESIDENT) == set(STRATEGIES)


@pytest.mark.parametrize("strategy", RESIDENT)
def test_the_bytes_between_steps_are_those_computed_by_hand(strategy: str) -> None:
    phases = usage(job(TOY, gpus=GPUS, nodes=NODES), strategy).phases
    assert phases["resident"] == RESIDENT[strategy] + WORKSPACES


@pytest.mark.parametrize("strategy", RESIDENT)
def test_older_gpus_have_smaller_cublas_workspaces(strategy: str) -> None:
    hopper = usage(job(TOY, nodes=NODES), strategy).phases["resident"]
    ampere = usage(job(TOY, "a100-80-sxm", nodes=NODES), strategy).phases["resident"]
    assert hopper - ampere == 64 * MIB - 2 * (8 * MIB + 128 * 1024)


@pytest.mark.parametrize("strategy", [s.id for s in STRATEGIES.values() if s.offload != "none"])
def test_an_offloaded_optimizer_leaves_no_states_on_the_gpu(strategy: str) -> None:
    used = usage(job(nodes=NODES, optimizer_kernel="foreach"), strategy)
    states = [
        term
        for load in used.loads
        for term in load.moment.terms
        if term.formula.group == "optimizer_states" and term.bytes
    ]
    assert states == []


@pytest.mark.parametrize(
    "strategy", [s.id for s in STRATEGIES.values() if s.parameters_on != "gpu"]
)
def test_offloaded_parameters_leave_no_weights_on_the_gpu(strategy: str) -> None:
    setup = [
        term
        for load in usage(job(nodes=NODES), strategy).loads
        for term in load.moment.terms
        if term.formula.group == "weights" and term.bytes
    ]
    assert setup == []


@pytest.mark.parametrize("strategy", [s.id for s in STRATEGIES.values() if s.offload != "none"])
def test_what_is_offloaded_is_needed_elsewhere(strategy: str) -> None:
    """AdamW's fp32 master, momentum and variance: at least 12 B a parameter, over all nodes."""
    asked = job(nodes=NODES)
    used = usage(asked, strategy)
    assert (used.host + used.nvme) * NODES >= 12 * asked.spec.total_parameters
    assert (used.nvme > 0) == (STRATEGIES[strategy].offload == "nvme")


@pytest.mark.parametrize("strategy", [s.id for s in STRATEGIES.values() if s.offload == "none"])
def test_without_offload_host_memory_does_not_grow_with_the_model(strategy: str) -> None:
    small = usage(job("meta-llama/Llama-3.2-1B", nodes=NODES), strategy)
    large = usage(job("meta-llama/Llama-3.1-70B", nodes=NODES), strategy)
    assert small.host == large.host > 0
    assert small.nvme == large.nvme == 0


STATES = {
    "adamw": 8 * P,
    "adamw_8bit": 2 * (P + 4 * -(-P // 256)),  # one fp32 scale per 256
    "paged_adamw_8bit": 0,  # unified memory, which PyTorch does not count
    "adafactor": 4 * 4_496,  # rows and columns, see test_quantities
    "lion": 4 * P,
    "sgd": 0,
}


@pytest.mark.parametrize("optimizer", STATES)
def test_an_optimizer_keeps_the_states_computed_by_hand(optimizer: str) -> None:
    resident = moment(job(TOY, gpus=1, optimizer=optimizer), "ddp", "resident", "between steps")
    assert resident.bytes - 4 * P - WORKSPACES == STATES[optimizer]


def test_fp16_and_bf16_take_the_same_bytes() -> None:
    for strategy in STRATEGIES:
        bf16 = usage(job(nodes=NODES, precision="bf16_mixed"), strategy)
        fp16 = usage(job(nodes=NODES, precision="fp16_mixed"), strategy)
        assert bf16.phases == fp16.phases


def test_setup_comes_before_states_and_workspaces() -> None:
    setup = moment(job(TOY, gpus=GPUS), "fsdp2", "setup", "model sharded")
    assert setup.bytes == bytes_of(setup, "weights") == 4 * P // 8
