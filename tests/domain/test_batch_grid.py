from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app.domain.assessment import assess
from app.domain.batch_grid import batch_grid
from app.domain.job import Job
from app.domain.strategies import STRATEGIES
from app.domain.verdict import VERDICTS
from tests.jobs import job

BATCHES = (1, 3, 16, 64)
SEQUENCES = (512, 2048, 8192, 65_536)


def at(whole: Job, batch: int, sequence: int) -> Job:
    training = replace(whole.training, micro_batch_size=batch, sequence_length=sequence)
    return replace(whole, training=training)


@pytest.mark.parametrize("strategy", ["ddp", "zero2", "zero3_offload_optimizer", "fsdp2"])
@pytest.mark.parametrize(
    "facts",
    [{}, {"model": "google/gemma-3-27b-pt", "method": "lora"}, {"attention": "eager"}],
    ids=["llama", "sliding windows", "eager"],
)
def test_a_grid_is_a_loop_over_its_pairs(strategy: str, facts: dict[str, Any]) -> None:
    whole = job(**facts, host_gib=512)
    chosen = STRATEGIES[strategy]
    grid = batch_grid(whole, chosen, BATCHES, SEQUENCES)
    for row, batch in enumerate(BATCHES):
        for column, sequence in enumerate(SEQUENCES):
            (outcome,) = assess(at(whole, batch, sequence), [chosen]).outcomes
            assert outcome.usage is not None
            assert outcome.judgement is not None
            assert grid.peak[row, column] == outcome.usage.peak
            assert VERDICTS[int(grid.grade[row, column])] == outcome.judgement.verdict
            assert grid.largest[column] == outcome.judgement.max_micro_batch


def test_the_largest_micro_batch_is_the_edge_of_what_fits() -> None:
    whole = job(gpus=8)
    strategy = STRATEGIES["fsdp2"]
    grid = batch_grid(whole, strategy, (1,), (2048,))
    largest = int(grid.largest[0])
    beside = batch_grid(whole, strategy, (largest, largest + 1), (2048,))
    assert [VERDICTS[int(grade)] for grade in beside.grade[:, 0]] == ["fits", "tight"]


def test_what_64_bits_do_not_hold_is_counted_with_pythons_integers() -> None:
    huge = batch_grid(job(), STRATEGIES["zero3"], (1, 65_536), (16_777_216,))
    (alone,) = assess(at(job(), 65_536, 16_777_216), [STRATEGIES["zero3"]]).outcomes
    assert alone.usage is not None
    assert huge.peak[1, 0] == alone.usage.peak
