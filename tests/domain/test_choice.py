"""Of the strategies that fit, the one with the least communication and the fewest moving parts."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.assessment import Assessment, assess
from app.domain.choice import Offload, allowed, leanest, preferred
from app.domain.strategies import STRATEGIES
from app.domain.units import GIB
from tests.jobs import job


def outcomes(**facts: Any) -> list[Assessment]:
    return assess(job("meta-llama/Llama-3.2-1B", **facts)).outcomes


def chosen(found: list[Assessment]) -> str:
    best = preferred(found)
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


def test_unsupported_strategies_are_never_allowed_nor_preferred() -> None:
    found = outcomes(nodes=1)
    assert "fsdp2_hybrid" not in {o.strategy.id for o in allowed(found, "nvme")}
    hybrid = [o for o in found if o.strategy.id == "fsdp2_hybrid"]
    assert preferred(hybrid) is None
    assert leanest(hybrid) is None


def test_nothing_is_preferred_where_nothing_is_possible() -> None:
    assert preferred([]) is None
    assert leanest([]) is None
    assert preferred(outcomes(gpu="v100-32-sxm")) is None


def test_what_fits_replicated_is_replicated() -> None:
    assert chosen(outcomes()) == "ddp"


def test_less_memory_makes_the_choice_shard_more() -> None:
    """As the limit comes down, complexity only ever goes up, until nothing fits."""
    complexities = []
    for usable in range(40, 2, -1):
        best = preferred(allowed(outcomes(usable=usable * GIB), "none"))
        assert best is not None
        if best.judgement is None or best.judgement.verdict != "fits":
            break
        complexities.append(best.strategy.complexity)
    assert complexities == sorted(complexities)
    assert len(set(complexities)) > 2


def test_a_strategy_that_fits_beats_a_simpler_one_that_is_tight() -> None:
    """At 105 % of DDP's peak DDP is tight; something sharded fits."""
    ddp = next(o for o in outcomes() if o.strategy.id == "ddp")
    assert ddp.usage is not None
    found = outcomes(usable=ddp.usage.peak * 105 // 100)
    verdicts = {o.strategy.id: o.judgement.verdict for o in found if o.judgement is not None}
    assert verdicts["ddp"] == "tight"
    assert verdicts[chosen(found)] == "fits"


def test_strategies_that_the_page_folds_away_come_last_of_their_verdict() -> None:
    """Of those that fit, FSDP1 is taken only where no other does."""
    found = [o for o in outcomes() if o.strategy.id in ("fsdp1", "zero_infinity")]
    assert {o.strategy.common for o in found} == {True, False}
    assert STRATEGIES["fsdp1"].complexity < STRATEGIES["zero_infinity"].complexity
    assert chosen(found) == "zero_infinity"


def test_equally_complex_strategies_are_told_apart_by_headroom() -> None:
    found = [
        o for o in outcomes(gradient_accumulation_steps=8) if o.strategy.id in ("zero1", "zero2")
    ]
    assert len({o.strategy.complexity for o in found}) == 1
    assert chosen(found) == "zero2"


def test_the_leanest_has_the_lowest_peak() -> None:
    found = outcomes()
    lean = leanest(found)
    assert lean is not None
    assert lean.usage is not None
    assert lean.usage.peak == min(o.usage.peak for o in found if o.usage is not None)
