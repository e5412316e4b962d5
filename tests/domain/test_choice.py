"""Of the strategies that fit, the one with the least communication and the fewest moving parts."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.assessment import Assessment, assess
from app.domain.choice import Choice, allowed, choose, leanest
from app.domain.guidance import Offload, Wishes
from app.domain.strategies import STRATEGIES
from app.domain.training import Options
from app.domain.units import GIB
from tests.jobs import job

SMALL = "meta-llama/Llama-3.2-1B"
EIGHT = "meta-llama/Llama-3.1-8B"
LARGE = "meta-llama/Llama-3.1-70B"


def outcomes(model: str = SMALL, **facts: Any) -> list[Assessment]:
    return assess(job(model, **facts)).outcomes


def choice(
    *strategies: str, model: str = SMALL, wishes: Wishes | None = None, **facts: Any
) -> Choice:
    """The choice among some strategies, or all of them."""
    asked = [STRATEGIES[name] for name in strategies or STRATEGIES]
    the_job = job(model, **facts)
    assessed = assess(the_job, asked)
    quantities = assessed.evaluator.quantities
    return choose(the_job, quantities, assessed.outcomes, wishes or Wishes())


def chosen(*strategies: str, **facts: Any) -> str:
    best = choice(*strategies, **facts).best
    assert best is not None
    return best.strategy.id


@pytest.mark.parametrize(
    ("offload", "deepest"),
    [("none", {"none"}), ("cpu", {"none", "cpu"}), ("nvme", {"none", "cpu", "nvme"})],
)
def test_offload_is_allowed_down_to_what_was_asked(offload: Offload, deepest: set[str]) -> None:
    found = allowed(outcomes(nodes=2), offload)
    expected = {s.id for s in STRATEGIES.values() if s.offload in deepest}
    assert {outcome.strategy.id for outcome in found} == expected


def test_unsupported_strategies_are_never_allowed_nor_chosen() -> None:
    assert "fsdp2_hybrid" not in {o.strategy.id for o in allowed(outcomes(nodes=1), "nvme")}
    assert choice("fsdp2_hybrid", nodes=1) == Choice(None, (), ())
    assert leanest(o for o in outcomes() if o.strategy.id == "fsdp2_hybrid") is None


def test_nothing_is_chosen_where_nothing_is_possible() -> None:
    nothing = choice(gpu="v100-32-sxm")
    assert nothing == Choice(None, (), ())
    assert nothing.verdict == "unsupported"


def test_what_fits_replicated_is_replicated_and_no_rule_is_asked() -> None:
    found = choice(wishes=Wishes(team_knows_deepspeed=True))
    assert found.best is not None
    assert found.best.strategy.id == "ddp"
    assert found.rules == ()


def test_less_memory_makes_the_choice_shard_more_and_then_offload() -> None:
    """As the limit comes down, the level only ever goes up, until nothing fits."""
    levels = []
    for usable in range(40, 1, -1):
        best = choice(usable=usable * GIB, wishes=Wishes(offload="nvme")).best
        assert best is not None
        if best.judgement is None or best.judgement.verdict != "fits":
            break
        levels.append(best.strategy.complexity)
    assert levels == sorted(levels)
    assert {0, 1, 2} < set(levels)
    assert max(levels) >= 3


def test_a_strategy_that_fits_beats_a_simpler_one_that_is_tight() -> None:
    """At 105 % of DDP's peak DDP is tight; something sharded fits."""
    ddp = next(o for o in outcomes() if o.strategy.id == "ddp")
    assert ddp.usage is not None
    usable = ddp.usage.peak * 105 // 100
    assert choice("ddp", usable=usable).verdict == "tight"
    found = choice(usable=usable)
    assert found.verdict == "fits"
    assert found.best is not None
    assert found.best.strategy.id != "ddp"


def test_where_only_tight_ones_are_left_the_simplest_of_them_is_taken() -> None:
    ddp = next(o for o in outcomes() if o.strategy.id == "ddp")
    assert ddp.usage is not None
    found = choice("ddp", usable=ddp.usage.peak * 105 // 100)
    assert found.verdict == "tight"
    assert [o.strategy.id for o in found.level] == ["ddp"]


def test_where_nothing_fits_the_nearest_miss_is_named_and_is_no_choice() -> None:
    found = choice(model=LARGE, gpus=2)
    assert found.verdict == "does_not_fit"
    assert found.level == ()
    assert found.best is not None
    assert found.best.judgement is not None
    rooms = [
        o.judgement.headroom
        for o in allowed(outcomes(LARGE, gpus=2), "none")
        if o.judgement is not None and o.strategy.common
    ]
    assert found.best.judgement.headroom == max(rooms)


def test_strategies_that_the_page_folds_away_come_last_of_their_verdict() -> None:
    """Of those that fit, FSDP1 is taken only where no other does."""
    nvme = Wishes(offload="nvme")
    assert STRATEGIES["fsdp1"].complexity < STRATEGIES["zero_infinity"].complexity
    assert chosen("fsdp1", "zero_infinity", wishes=nvme) == "zero_infinity"
    assert chosen("fsdp1") == "fsdp1"


def test_of_one_frameworks_equals_the_one_that_sends_least_is_taken() -> None:
    """Accumulating, ZeRO-2 reduces after every micro-batch and ZeRO-1 once a step."""
    assert chosen("zero1", "zero2", gradient_accumulation_steps=8) == "zero1"


def test_equals_that_send_the_same_are_told_apart_by_room() -> None:
    assert chosen("zero1", "zero2") == "zero2"


def test_adapters_on_several_nodes_are_sharded_inside_each() -> None:
    """The frozen model would cross the network in every step; the adapters' gradients are small."""
    assert chosen(model=LARGE, gpus=8, nodes=2, method="lora") == "fsdp2_hybrid"


def test_a_full_fine_tune_on_several_nodes_is_sharded_over_all_of_them() -> None:
    """Hybrid sharding reduces in fp32 what full sharding gathers twice in bf16: no gain."""
    assert chosen("fsdp2", "fsdp2_hybrid", model=EIGHT, nodes=2) == "fsdp2"
    narrow = Options(fsdp_reduce_dtype="bf16")
    assert chosen("fsdp2", "fsdp2_hybrid", model=EIGHT, nodes=2, options=narrow) == "fsdp2_hybrid"


def test_the_leanest_has_the_lowest_peak() -> None:
    found = outcomes()
    lean = leanest(found)
    assert lean is not None
    assert lean.usage is not None
    assert lean.usage.peak == min(o.usage.peak for o in found if o.usage is not None)
