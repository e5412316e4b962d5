"""Which system is named first, and what is run on it."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from app.catalog import load_catalog
from app.domain.assessment import assess
from app.domain.choice import allowed, choose
from app.domain.guidance import Offload, Wishes
from app.domain.hardware import Gpu, Hardware
from app.domain.job import Job
from app.domain.strategies import STRATEGIES, Strategy
from app.domain.systems.machines import Machines
from app.domain.systems.ranking import NO_PRICE, Best, best_of, missed, preference, ranked
from app.domain.systems.sweep import Outcome, sweep
from app.domain.training import Options, Training
from app.domain.units import GIB
from app.domain.verdict import DOES_NOT_FIT, FITS, TIGHT, UNSUPPORTED, VERDICTS

GPUS = [entry.gpu for entry in load_catalog().gpus.values()]
DDP, ZERO2, ZERO3, OFFLOAD = (STRATEGIES[s] for s in ("ddp", "zero2", "zero3", "zero3_offload"))


def strategies_within(offload: Offload) -> list[Strategy]:
    reach = {"none": ["none"], "cpu": ["none", "cpu"], "nvme": ["none", "cpu", "nvme"]}[offload]
    return [strategy for strategy in STRATEGIES.values() if strategy.offload in reach]


def test_strategies_are_preferred_by_offload_then_as_sent_then_by_level() -> None:
    tiers = preference([OFFLOAD, ZERO3, DDP], variants=2)
    assert [(tier.variant, tier.strategies) for tier in tiers] == [
        (0, (DDP,)),
        (0, (ZERO3,)),
        (1, (DDP,)),
        (1, (ZERO3,)),
        (0, (OFFLOAD,)),
        (1, (OFFLOAD,)),
    ]


def test_strategies_that_the_page_folds_away_come_last() -> None:
    tiers = preference(STRATEGIES.values(), variants=1)
    common = [all(s.common for s in tier.strategies) for tier in tiers]
    assert common == sorted(common, reverse=True)
    assert not common[-1]
    assert sorted(s.id for t in tiers for s in t.strategies) == sorted(STRATEGIES)


def outcome(strategy: Strategy, grade: int, headroom: int = 0, need: int = 1000) -> Outcome:
    grades, rooms, needs = (np.array([value]) for value in (grade, headroom, need))
    return Outcome(strategy, grades, rooms, np.array([1]), needs)


def best_among(*outcomes: Outcome) -> tuple[int, int, int]:
    """Grade, tier and headroom of the best of one machine's outcomes under one training."""
    order = preference([found.strategy for found in outcomes], variants=1)
    best = best_of(order, [{found.strategy.id: found for found in outcomes}])
    return int(best.grade[0]), int(best.tier[0]), int(best.headroom[0])


def test_the_simplest_that_fits_is_best_whatever_room_others_leave() -> None:
    assert best_among(outcome(DDP, FITS, 1), outcome(ZERO3, FITS, 99)) == (FITS, 0, 1)


def test_what_fits_with_more_sharding_is_better_than_what_is_tight() -> None:
    assert best_among(outcome(DDP, TIGHT, 9), outcome(ZERO3, FITS, 1)) == (FITS, 1, 1)


def test_an_impossible_strategy_is_passed_over() -> None:
    assert best_among(outcome(DDP, UNSUPPORTED, 99), outcome(ZERO3, TIGHT, 5)) == (TIGHT, 1, 5)


def test_equals_are_ordered_by_headroom() -> None:
    shard_grad_op = STRATEGIES["fsdp2_shard_grad_op"]
    assert ZERO2.complexity == shard_grad_op.complexity
    assert best_among(outcome(ZERO2, FITS, 1), outcome(shard_grad_op, FITS, 2)) == (FITS, 0, 2)
    assert best_among(outcome(ZERO2, FITS, 2), outcome(shard_grad_op, FITS, 1)) == (FITS, 0, 2)


def test_of_misses_the_nearest_is_best() -> None:
    found = best_among(outcome(DDP, DOES_NOT_FIT, -9, 1090), outcome(ZERO3, DOES_NOT_FIT, -1, 1010))
    assert found == (DOES_NOT_FIT, 1, -1)


def test_the_best_of_equals_is_told_apart() -> None:
    order = preference([ZERO2, STRATEGIES["fsdp2_shard_grad_op"]], variants=1)
    for headroom, expected in ((1, "fsdp2_shard_grad_op"), (3, "zero2")):
        swept = {"zero2": outcome(ZERO2, FITS, headroom)}
        shard_grad_op = STRATEGIES["fsdp2_shard_grad_op"]
        swept[shard_grad_op.id] = outcome(shard_grad_op, FITS, 2)
        found = best_of(order, [swept])
        assert order[int(found.tier[0])].strategies[int(found.member[0])].id == expected


def test_nothing_to_choose_from_is_an_error() -> None:
    with pytest.raises(ValueError, match="swept"):
        best_of([], [])


def machines(*gpus_per_node: int, gpu: Gpu = GPUS[0]) -> Machines:
    return Machines.of([Hardware(gpu, count, 1, GIB, GIB) for count in gpus_per_node])


def best(grades: list[int], tiers: list[int], headroom: list[int], need: list[int]) -> Best:
    columns = (grades, tiers, [0] * len(tiers), headroom, need)
    return Best(*(np.array(column) for column in columns))


def test_systems_are_ordered_by_verdict_price_size_strategy_and_headroom() -> None:
    rows = [
        # grade, price, GPUs, tier, headroom
        (FITS, 100, 8, 5, 1),
        (FITS, 200, 1, 0, 9),
        (FITS, NO_PRICE, 1, 1, 5),
        (FITS, NO_PRICE, 1, 1, 4),
        (FITS, NO_PRICE, 1, 2, 9),
        (FITS, NO_PRICE, 2, 0, 9),
        (TIGHT, 1, 1, 0, 9),
        (TIGHT, NO_PRICE, 1, 0, 9),
    ]
    shuffled = Random(3).sample(range(len(rows)), len(rows))
    grades, prices, sizes, tiers, rooms = zip(*(rows[place] for place in shuffled), strict=True)
    found = best(list(grades), list(tiers), list(rooms), [0] * len(rows))
    order = ranked(machines(*sizes), found, np.array(prices))
    assert [shuffled[place] for place in order] == list(range(len(rows)))


def test_only_what_runs_is_ranked_and_only_what_does_not_fit_is_missed() -> None:
    found = best(
        [DOES_NOT_FIT, FITS, UNSUPPORTED, DOES_NOT_FIT], [0] * 4, [0] * 4, [1200, 1, 1, 1100]
    )
    assert ranked(machines(1, 1, 1, 1), found, np.full(4, NO_PRICE)) == [1]
    assert missed(machines(1, 1, 1, 1), found) == [3, 0]


@pytest.mark.parametrize("offload", ["none", "cpu", "nvme"])
@pytest.mark.parametrize(
    "model", ["meta-llama/Llama-3.2-1B", "meta-llama/Llama-3.1-8B", "meta-llama/Llama-3.1-70B"]
)
def test_the_best_of_a_machine_is_what_the_planner_recommends(model: str, offload: Offload) -> None:
    spec, training, options = load_catalog().model(model).spec, Training(), Options()
    grid = Machines.grid(GPUS[::7], [1, 8], [1, 2], 512 * GIB, 4000 * GIB)
    strategies = strategies_within(offload)
    order = preference(strategies, variants=1)
    swept = sweep(spec, training, options, grid, strategies)
    found = best_of(order, [{outcome.strategy.id: outcome for outcome in swept}])
    for place in range(len(grid)):
        job = Job(spec, grid.hardware(place), training, options)
        assessed = assess(job)
        q = assessed.evaluator.quantities
        choice = choose(job, q, allowed(assessed.outcomes, offload), Wishes(offload=offload))
        assert VERDICTS[found.grade[place]] == choice.verdict
        if choice.level:
            assert {o.strategy for o in choice.level} <= set(order[found.tier[place]].strategies)
