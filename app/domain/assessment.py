"""A job under several strategies: usage and verdict of each, or why it cannot be."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeAlias

from app.domain.estimate import Capacity, Evaluator, Usage, capacity_of
from app.domain.job import Job
from app.domain.limits import unsupported
from app.domain.strategies import STRATEGIES, Strategy
from app.domain.verdict import DERIVED_BAND_PERCENT, Judgement, judge

# How many per cent around its estimate a job's real peak may lie, under a strategy.
BandOf: TypeAlias = Callable[[Job, Strategy], int]


class Assessment(NamedTuple):
    """One strategy's outcome. `usage` and `judgement` are None exactly when `reason` is not."""

    strategy: Strategy
    reason: str | None
    usage: Usage | None
    judgement: Judgement | None


class Assessed(NamedTuple):
    """All outcomes of one job, and the capacity that they were held against."""

    evaluator: Evaluator
    capacity: Capacity
    outcomes: list[Assessment]


def narrowest(job: Job, strategy: Strategy) -> int:
    """Takes every job for one like the measured runs."""
    return DERIVED_BAND_PERCENT


def assess(
    job: Job,
    strategies: Iterable[Strategy] = tuple(STRATEGIES.values()),
    band_of: BandOf = narrowest,
    evaluator: Evaluator | None = None,
) -> Assessed:
    """Evaluate a job of plain numbers under each strategy.

    `band_of` knows which jobs are like measured ones; without it, every job counts as one.
    `evaluator`: one that was made for a job which differs in nothing but the capacity.
    """
    evaluator = evaluator or Evaluator(job)
    capacity = capacity_of(job)
    outcomes = [_one(job, evaluator, strategy, capacity, band_of) for strategy in strategies]
    return Assessed(evaluator, capacity, outcomes)


def _one(
    job: Job, evaluator: Evaluator, strategy: Strategy, capacity: Capacity, band_of: BandOf
) -> Assessment:
    reason = unsupported(job, strategy)
    if reason is not None:
        return Assessment(strategy, reason, None, None)
    usage = evaluator.usage(strategy)
    judgement = judge(job, strategy, usage, capacity, band_of(job, strategy))
    return Assessment(strategy, None, usage, judgement)
