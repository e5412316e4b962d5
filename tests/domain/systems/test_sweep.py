"""A sweep of many machines is a loop over them: the same verdicts and figures, bit for bit."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
import pytest

from app.catalog import load_catalog
from app.domain.assessment import assess
from app.domain.hardware import Hardware
from app.domain.job import Job
from app.domain.strategies import STRATEGIES, Strategy
from app.domain.systems.machines import Machines
from app.domain.systems.sweep import sweep
from app.domain.training import Lora, Options, Training
from app.domain.units import GIB, Integer
from app.domain.verdict import VERDICTS
from tests.jobs import deepspeed

MODELS = sorted(load_catalog().models)
GPUS = [entry.gpu for entry in load_catalog().gpus.values()]
MACHINES_PER_JOB = 16
Row = tuple[str, str, int | None, int | None]


def random_machine(random: Random) -> Hardware:
    return Hardware(
        gpu=random.choice(GPUS),
        gpus_per_node=random.choice([1, 2, 3, 4, 8, 16]),
        nodes=random.choice([1, 1, 2, 3, 64]),
        host_memory_bytes=random.choice([64, 512, 4096]) * GIB,
        nvme_bytes=random.choice([0, 1000, 16_000]) * GIB,
        usable_memory_bytes=random.choice([None, None, None, random.randrange(1, 400 * GIB)]),
    )


def random_job(random: Random) -> tuple[Training, Options]:
    training = Training(
        method=random.choice(["full", "full", "lora", "qlora"]),
        precision=random.choice(["bf16_mixed", "bf16_mixed", "bf16_pure", "fp16_mixed", "fp32"]),
        optimizer=random.choice(["adamw", "adamw_8bit", "paged_adamw_8bit", "adafactor", "lion"]),
        optimizer_kernel=random.choice(["fused", "foreach"]),
        sequence_length=random.choice([1, 512, 2048, 4096, 4097, 32_768]),
        micro_batch_size=random.choice([1, 1, 2, 7, 64]),
        gradient_accumulation_steps=random.choice([1, 4]),
        activation_checkpointing=random.choice([True, False]),
        attention=random.choice(["sdpa", "sdpa", "eager", "flash_attention_2"]),
        fused_loss=random.choice([True, False]),
        lora=Lora(rank=random.choice([8, 64])),
    )
    options = random.choice(
        [
            Options(),
            Options(allocator="expandable_segments", fsdp_reduce_dtype="bf16"),
            deepspeed(reduce_bucket_size=1_000_000, sub_group_size=50_000_000, overlap_comm=True),
        ]
    )
    return training, options


def band_of(job: Job, strategy: Strategy) -> Integer:
    """A band that depends on everything that one may: the GPU, the ranks, the strategy."""
    amounts = 4 * (job.hardware.world_size > 2) + len(job.hardware.gpu.architecture)
    return amounts + strategy.complexity


def rows_of_a_loop(job: Job) -> list[Row]:
    return [
        (
            outcome.strategy.id,
            outcome.judgement.verdict if outcome.judgement else "unsupported",
            outcome.judgement.headroom if outcome.judgement else None,
            outcome.judgement.max_micro_batch if outcome.judgement else None,
        )
        for outcome in assess(job, STRATEGIES.values(), band_of).outcomes
    ]


def rows_of_a_sweep(
    model: str, training: Training, options: Options, machines: list[Hardware]
) -> list[list[Row]]:
    spec = load_catalog().model(model).spec
    rows: list[list[Row]] = [[] for _ in machines]
    side_by_side = Machines.of(machines)
    for outcome in sweep(spec, training, options, side_by_side, STRATEGIES.values(), band_of):
        columns = zip(outcome.grade, outcome.headroom, outcome.max_micro_batch, strict=True)
        for row, (grade, headroom, batch) in zip(rows, columns, strict=True):
            verdict = VERDICTS[grade]
            known = verdict != "unsupported"
            figures = (int(headroom), int(batch)) if known else (None, None)
            row.append((outcome.strategy.id, verdict, *figures))
    return rows


def assert_same(model: str, training: Training, options: Options, machines: list[Hardware]) -> None:
    spec = load_catalog().model(model).spec
    swept = rows_of_a_sweep(model, training, options, machines)
    for machine, rows in zip(machines, swept, strict=True):
        assert rows == rows_of_a_loop(Job(spec, machine, training, options)), machine


@pytest.mark.parametrize("seed", range(24))
def test_random_jobs_on_random_machines_are_the_same_to_the_byte(seed: int) -> None:
    random = Random(seed)
    training, options = random_job(random)
    machines = [random_machine(random) for _ in range(MACHINES_PER_JOB)]
    assert_same(random.choice(MODELS), training, options, machines)


@pytest.mark.parametrize("usable", [None, 2**50])
def test_figures_beyond_64_bits_are_exact_too(usable: int | None) -> None:
    absurd = Training(
        sequence_length=16_777_216,
        micro_batch_size=65_536,
        attention="eager",
        activation_checkpointing=False,
    )
    machines = [Hardware(GPUS[0], 8, nodes, 512 * GIB, 0, usable) for nodes in (1, 2)]
    assert_same("meta-llama/Llama-3.1-70B", absurd, Options(), machines)
    (row, *_), _ = rows_of_a_sweep("meta-llama/Llama-3.1-70B", absurd, Options(), machines)
    assert row[2] is not None
    assert -row[2] > 2**63


def test_every_gpu_of_the_catalogue_in_a_grid_is_the_same_to_the_byte() -> None:
    grid = Machines.grid(GPUS, [1, 8], [1, 2], 512 * GIB, 4000 * GIB)
    machines = [grid.hardware(place) for place in range(len(grid))]
    assert len(machines) == len(GPUS) * 4
    assert_same("meta-llama/Llama-3.1-8B", Training(), Options(), machines)


def test_need_is_what_is_asked_for_in_thousandths_of_what_is_shortest() -> None:
    gpu = load_catalog().gpu("h100-80-sxm").gpu
    spec = load_catalog().model("meta-llama/Llama-3.1-8B").spec

    def need(strategy: str, **facts: Any) -> int:
        machine = Hardware(
            **{
                "gpu": gpu,
                "gpus_per_node": 8,
                "nodes": 1,
                "host_memory_bytes": 2**50,
                "nvme_bytes": 2**50,
                **facts,
            }
        )
        machines = Machines.of([machine])
        (outcome,) = sweep(spec, Training(), Options(), machines, [STRATEGIES[strategy]])
        return int(outcome.need[0])

    usage = (
        assess(Job(spec, Hardware(gpu, 8, 1, 2**50, 2**50)), [STRATEGIES["zero_infinity"]])
        .outcomes[0]
        .usage
    )
    assert usage is not None
    assert need("zero_infinity", usable_memory_bytes=usage.peak * 2) == 500
    assert need("zero_infinity", host_memory_bytes=usage.host // 4) == 4000
    assert need("zero_infinity", nvme_bytes=usage.nvme // 8) == pytest.approx(8000, abs=1)
    assert need("zero_infinity", nvme_bytes=0) > 1_000_000


def test_machines_keep_their_order_and_their_records() -> None:
    random = Random(7)
    some, more = ([random_machine(random) for _ in range(5)] for _ in range(2))
    joined = Machines.of(some) + Machines.of(more)
    assert [joined.hardware(place) for place in range(len(joined))] == some + more
    odd = joined.take(np.arange(10) % 2 == 1)
    assert [odd.hardware(place) for place in range(len(odd))] == (some + more)[1::2]
