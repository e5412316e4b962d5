"""Which of the swept systems to name first, and what to run on each.

Of one system: the best verdict, then what the field prefers: no offload before offload to the host
and that before NVMe, the training as sent before a variant of it, and the simplest level of
strategies. Of all systems: what fits before what is tight, what has a price before what has none,
the lower price, fewer GPUs, fewer nodes, the more preferred way to run it, more headroom.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np

from app.domain.choice import REACH
from app.domain.strategies import Strategy
from app.domain.systems.machines import Machines
from app.domain.systems.sweep import Outcome
from app.domain.units import Integer
from app.domain.verdict import DOES_NOT_FIT, TIGHT

# Behind every price in cents.
NO_PRICE = 2**62


class Tier(NamedTuple):
    """Strategies that are equals, under one variant of the training."""

    variant: int
    strategies: tuple[Strategy, ...]


class Best(NamedTuple):
    """What is best on each machine: arrays in the machines' order.

    `tier` is a place in the order of preference, `member` one among the tier's strategies; the
    others are as in `Outcome`.
    """

    grade: Integer
    tier: Integer
    member: Integer
    headroom: Integer
    need: Integer


def preference(strategies: Iterable[Strategy], variants: int) -> list[Tier]:
    """Every level of strategies under every variant of the training, the preferred one first."""
    equals: dict[tuple[bool, int, int, int], list[Strategy]] = {}
    for strategy, variant in product(strategies, range(variants)):
        place = (not strategy.common, REACH[strategy.offload], variant, strategy.complexity)
        equals.setdefault(place, []).append(strategy)
    return [Tier(place[2], tuple(equals[place])) for place in sorted(equals)]


def best_of(order: Sequence[Tier], outcomes: Sequence[dict[str, Outcome]]) -> Best:
    """The best on each machine. `outcomes`: by strategy, for each variant of the training.

    Where nothing runs, the nearest miss.
    """
    best: Best | None = None
    for tier, (variant, strategies) in enumerate(order):
        for member, strategy in enumerate(strategies):
            found = outcomes[variant][strategy.id]
            places = np.full((2, *found.grade.shape), [[tier], [member]])
            here = Best(found.grade, places[0], places[1], found.headroom, found.need)
            best = here if best is None else _better(best, here)
    if best is None:
        raise ValueError("nothing was swept")
    return best


def _better(best: Best, other: Best) -> Best:
    """Element by element; `other` is of the same tier or of one that is less preferred."""
    runs = (other.tier == best.tier) & (other.headroom > best.headroom) & (best.grade <= TIGHT)
    misses = (best.grade == DOES_NOT_FIT) & (other.need < best.need)
    wins = (other.grade < best.grade) | (other.grade == best.grade) & (runs | misses)
    return Best(*(np.where(wins, new, old) for new, old in zip(other, best, strict=True)))


def ranked(machines: Machines, best: Best, lowest_cents: Integer) -> list[int]:
    """The places of the machines that can run the job, best first."""
    runs = np.flatnonzero(best.grade <= TIGHT)
    keys = (
        machines.gpu,
        -best.headroom,
        best.tier,
        machines.nodes,
        machines.world_size,
        lowest_cents,
        best.grade,
    )
    return [int(place) for place in runs[np.lexsort([key[runs].astype(np.int64) for key in keys])]]


def missed(machines: Machines, best: Best) -> list[int]:
    """The places of the machines on which the job does not fit, the nearest miss first."""
    misses = np.flatnonzero(best.grade == DOES_NOT_FIT)
    need = np.minimum(best.need[misses], NO_PRICE).astype(np.int64)
    order = np.lexsort([machines.gpu[misses], machines.world_size[misses], need])
    return [int(place) for place in misses[order]]
