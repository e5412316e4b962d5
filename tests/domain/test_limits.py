"""Each combination that does not exist is refused in one sentence that says what to do instead."""

from __future__ import annotations

import re
from typing import Any

import pytest

from app.domain.assessment import assess
from app.domain.limits import RULES, unsupported
from app.domain.optimizers import OPTIMIZERS
from app.domain.strategies import STRATEGIES
from tests.jobs import job

REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "bf16_needs_hardware": (
        "ddp",
        {"gpu": "v100-32-sxm"},
        "Use precision fp16_mixed or fp32.",
    ),
    "flash_attention_needs_16_bits": (
        "ddp",
        {"attention": "flash_attention_2", "precision": "fp32"},
        "Use attention sdpa, or a 16-bit precision.",
    ),
    "flash_attention_needs_ampere": (
        "ddp",
        {"gpu": "t4", "attention": "flash_attention_2", "precision": "fp16_mixed"},
        "Use attention sdpa.",
    ),
    "hybrid_needs_nodes": ("fsdp2_hybrid", {"nodes": 1}, "Needs 2 or more nodes"),
    "quantised_weights_cannot_be_offloaded": (
        "zero3_offload",
        {"method": "qlora"},
        "Use LoRA, or a strategy that keeps parameters on the GPU.",
    ),
    "offloaded_optimizer_needs_a_cpu_kernel": (
        "zero2_offload",
        {"optimizer": "adamw_8bit"},
        "Use AdamW.",
    ),
}


def reason(strategy: str, **facts: Any) -> str | None:
    return unsupported(job(**facts), STRATEGIES[strategy])


def test_every_rule_has_an_example() -> None:
    assert [rule.__name__.lstrip("_") for rule in RULES] == list(REFUSED)


@pytest.mark.parametrize("rule", REFUSED)
def test_a_rule_refuses_with_the_remedy(rule: str) -> None:
    strategy, facts, remedy = REFUSED[rule]
    said = reason(strategy, **facts)
    assert said is not None
    assert remedy in said
    assert re.fullmatch(r"[A-Z0-9].*[^ ]\.", said), "sentences"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_sensible_job_breaks_no_rule(rule: Any) -> None:
    asked = job(nodes=2)
    assert all(rule(asked, strategy) is None for strategy in STRATEGIES.values())


def test_the_remedies_work() -> None:
    for precision in ("fp16_mixed", "fp32"):
        assert reason("ddp", gpu="v100-32-sxm", precision=precision) is None
    assert reason("ddp", attention="sdpa", precision="fp32") is None
    assert reason("ddp", attention="flash_attention_2", precision="bf16_pure") is None
    assert reason("fsdp2_hybrid", nodes=2) is None
    assert reason("zero3_offload", method="lora") is None
    assert reason("zero3_offload_optimizer", method="qlora") is None
    assert reason("zero2_offload", optimizer="adamw") is None


@pytest.mark.parametrize("gpu", ["v100-16-sxm", "v100-32-sxm", "t4"])
@pytest.mark.parametrize("precision", ["bf16_mixed", "bf16_pure"])
def test_no_strategy_makes_up_for_missing_bf16(gpu: str, precision: str) -> None:
    outcomes = assess(job("meta-llama/Llama-3.2-1B", gpu, nodes=2, precision=precision)).outcomes
    assert len(outcomes) == len(STRATEGIES)
    for outcome in outcomes:
        assert outcome.reason is not None
        assert "no bf16 arithmetic" in outcome.reason
        assert outcome.usage is None
        assert outcome.judgement is None


@pytest.mark.parametrize("strategy", [s.id for s in STRATEGIES.values() if s.offload != "none"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_only_optimizers_with_a_cpu_step_are_offloaded(strategy: str, optimizer: str) -> None:
    assert (reason(strategy, optimizer=optimizer) is None) == OPTIMIZERS[optimizer].cpu  # type: ignore[index]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_reason_takes_the_place_of_the_numbers(strategy: str) -> None:
    (outcome,) = assess(job(method="qlora", optimizer="paged_adamw_8bit"), [STRATEGIES[strategy]])[
        2
    ]
    assert (outcome.reason is None) == (outcome.usage is not None)
    assert (outcome.usage is None) == (outcome.judgement is None)
