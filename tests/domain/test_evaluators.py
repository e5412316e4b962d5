"""Evaluators: what they share must not change what anything costs."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.assessment import assess
from app.domain.estimate import Evaluator
from app.domain.evaluators import Evaluators
from app.domain.job import Job
from tests.jobs import deepspeed, job

BASE: dict[str, Any] = {"gpus": 4, "nodes": 1}
CHANGES: tuple[dict[str, Any], ...] = (
    {"gpus": 8},
    {"nodes": 2},
    {"gpu": "a100-40-pcie"},
    {"gpu": "b200-180-sxm"},
    {"options": deepspeed(reduce_bucket_size=50_000_000)},
    {"method": "lora"},
    {"method": "qlora"},
    {"precision": "bf16_pure"},
    {"optimizer": "paged_adamw_8bit"},
    {"optimizer_kernel": "foreach"},
    {"sequence_length": 512},
    {"micro_batch_size": 3},
    {"gradient_accumulation_steps": 4},
    {"activation_checkpointing": False},
    {"attention": "eager"},
    {"fused_loss": True},
)


def _outcomes(asked: Job, evaluator: Evaluator) -> list[tuple[Any, ...]]:
    return [
        (o.strategy.id, o.reason, o.judgement, o.usage and (o.usage.phases, o.usage.reserved))
        for o in assess(asked, evaluator=evaluator).outcomes
    ]


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_what_is_shared_costs_what_it_costs_alone(change: dict[str, Any]) -> None:
    before = Evaluator(job(**BASE))
    _outcomes(before.job, before)
    changed = job(**BASE | change)
    assert _outcomes(changed, Evaluators(before).of(changed)) == _outcomes(
        changed, Evaluator(changed)
    )


def test_a_larger_gpu_shares_allocations_and_more_nodes_share_activations() -> None:
    before = Evaluator(job(**BASE))
    known = Evaluators(before)
    assert known.of(job(**BASE, gpu="h200-141-sxm")) is before
    more = known.of(job(**BASE | {"nodes": 2}))
    assert more is not before
    assert more.steps is before.steps
    assert known.of(job(**BASE, sequence_length=512)).steps is not before.steps
