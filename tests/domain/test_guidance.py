"""The field's guidance: each rule fires in its case, and the first one's framework is taken."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.assessment import assess
from app.domain.choice import Choice, choose
from app.domain.guidance import LEVELS, RULES, Wishes
from app.domain.strategies import STRATEGIES
from tests.jobs import job

EIGHT = "meta-llama/Llama-3.1-8B"
LARGE = "meta-llama/Llama-3.1-70B"
DEEPSPEED = {"deepspeed"}
FSDP = {"pytorch_fsdp"}
# 70B on eight 80 GB cards: nothing fits without offload.
OFFLOADED: dict[str, Any] = {"model": LARGE, "gpus": 8}


def choice(model: str = EIGHT, wishes: Wishes | None = None, **facts: Any) -> Choice:
    the_job = job(model, **facts)
    assessed = assess(the_job)
    quantities = assessed.evaluator.quantities
    return choose(the_job, quantities, assessed.outcomes, wishes or Wishes())


def decided(found: Choice) -> tuple[str, str]:
    """The rule that decides and the framework that is taken."""
    assert found.best is not None
    return found.rules[0].id, found.best.strategy.framework


@pytest.mark.parametrize(
    ("wishes", "facts", "rule", "framework"),
    [
        (Wishes(), {}, "fsdp_is_the_default", "pytorch_fsdp"),
        (Wishes(), {"gpus": 16}, "trainer_takes_fsdp", "pytorch_fsdp"),
        (Wishes(trainer="pytorch"), {"gpus": 16}, "native_pytorch", "pytorch_fsdp"),
        (Wishes(debugging_matters=True), {}, "readable_stack_traces", "pytorch_fsdp"),
        (Wishes(team_knows_deepspeed=True), {}, "team_knows_deepspeed", "deepspeed"),
        (Wishes(trainer="megatron"), {}, "on_the_way_to_megatron", "deepspeed"),
        (Wishes(offload="cpu"), OFFLOADED, "cpu_offload_is_deepspeeds", "deepspeed"),
        (
            Wishes(offload="nvme"),
            {**OFFLOADED, "gpus": 1, "host_gib": 512},
            "nvme_needs_deepspeed",
            "deepspeed",
        ),
    ],
)
def test_each_rule_decides_its_case(
    wishes: Wishes, facts: dict[str, Any], rule: str, framework: str
) -> None:
    assert decided(choice(wishes=wishes, **facts)) == (rule, framework)


def test_experience_with_deepspeed_outweighs_readable_stack_traces() -> None:
    both = choice(wishes=Wishes(team_knows_deepspeed=True, debugging_matters=True))
    assert decided(both) == ("team_knows_deepspeed", "deepspeed")
    assert "readable_stack_traces" in [rule.id for rule in both.rules]


def test_a_job_that_no_sharding_makes_fit_is_a_case_for_deepspeed() -> None:
    found = choice(wishes=Wishes(offload="cpu"), **OFFLOADED)
    assert "beyond_full_sharding" in [rule.id for rule in found.rules]
    assert "beyond_full_sharding" not in [rule.id for rule in choice().rules]


@pytest.mark.parametrize(
    ("model", "gpus", "applies"),
    [
        ("meta-llama/Llama-2-7b-hf", 2, True),
        ("Qwen/Qwen2.5-72B", 8, True),
        (EIGHT, 9, False),
        ("meta-llama/Llama-3.2-3B", 8, False),
        ("meta-llama/Llama-3.1-405B", 8, False),
    ],
)
def test_fsdp_is_the_default_between_7b_and_70b_on_2_to_8_gpus(
    model: str, gpus: int, applies: bool
) -> None:
    """On cards with less memory than DDP needs, so that there is something to choose."""
    found = choice(model, gpu="b300-270-sxm", gpus=gpus, method="full", usable=40 * 2**30,
                   wishes=Wishes(offload="nvme"))  # fmt: skip
    assert ("fsdp_is_the_default" in [rule.id for rule in found.rules]) is applies


def test_a_rule_cannot_overrule_memory() -> None:
    """Where only one framework has a strategy that fits, guidance for others changes nothing."""
    found = choice(LARGE, gpus=8, host_gib=1200, wishes=Wishes("pytorch", "cpu"))
    assert found.best is not None
    assert {o.strategy.framework for o in found.level} == {found.best.strategy.framework}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_every_rule_is_a_sentence_with_its_source(rule: Any) -> None:
    assert rule.text.endswith(".")
    assert rule.source
    assert rule.source_url.startswith("https://")
    assert {rule.favours} in (DEEPSPEED, FSDP)


def test_every_level_that_a_strategy_has_is_explained() -> None:
    assert {s.complexity for s in STRATEGIES.values()} == set(LEVELS)
    for level in LEVELS.values():
        assert level.text.endswith(".")
        assert level.source_url.startswith("https://")


def test_no_two_rules_have_the_same_name() -> None:
    assert len({rule.id for rule in RULES}) == len(RULES)
