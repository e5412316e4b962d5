"""A job under several strategies: usage and verdict of each, or why it cannot be."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from app.domain.estimate import Capacity, Evaluator, Usage, capacity_of
from app.domain.job import Job
from app.domain.limits import unsupported
from app.domain.strategies import STRATEGIES, Strategy
from app.domain.verdict import Judgement, judge


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


def assess(job: Job, strategies: Iterable[Strategy] = tuple(STRATEGIES.values())) -> Assessed:
    """Evaluate a job of plain numbers under each strategy."""
    evaluator = Evaluator(job)
    capacity = capacity_of(job)
    outcomes = [_one(job, evaluator, strategy, capacity) for strategy in strategies]
    return Assessed(evaluator, capacity, outcomes)


def _one(job: Job, evaluator: Evaluator, strategy: Strategy, capacity: Capacity) -> Assessment:
    reason = unsupported(job, strategy)
    if reason is not None:
        return Assessment(strategy, reason, None, None)
    usage = evaluator.usage(strategy)
    return Assessment(strategy, None, usage, judge(job, strategy, usage, capacity))
