"""Which of the strategies that fit to take: the cheapest in communication and complexity.

Memory comes first: only what fits is taken, or what is tight where nothing fits. Of those the
lowest level of `Strategy.complexity` wins: replicate, shard the optimizer and the gradients, shard
the parameters, offload to the host, NVMe last. Between equals guidance decides on the framework and
this job's traffic on the strategy.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from app.domain.assessment import Assessment
from app.domain.guidance import Offload, Rule, Situation, Wishes, fired
from app.domain.job import Job
from app.domain.quantities import ModelQuantities
from app.domain.strategies import Strategy
from app.domain.traffic import communication

REACH: dict[Offload, int] = {"none": 0, "cpu": 1, "nvme": 2}
_BEST_VERDICT_FIRST = {"fits": 0, "tight": 1, "does_not_fit": 2, "unsupported": 3}


class Choice(NamedTuple):
    """The strategy to take, or the nearest miss; None where nothing is possible.

    `level`: the outcomes that are its equals, itself included, the best first; empty where nothing
    runs. `rules`: the guidance that applies to them, the deciding rule first.
    """

    best: Assessment | None
    level: tuple[Assessment, ...]
    rules: tuple[Rule, ...]

    @property
    def verdict(self) -> str:
        """What the best one's memory comes to."""
        return verdict_of(self.best) if self.best is not None else "unsupported"


def choose(job: Job, q: ModelQuantities, outcomes: Iterable[Assessment], wishes: Wishes) -> Choice:
    """The strategy to take among those that offload no deeper than wished.

    Where nothing fits, the one that misses by least. Strategies that the page folds away come after
    the others of their verdict.
    """
    possible = sorted(allowed(outcomes, wishes.offload), key=_rank)
    if not possible:
        return Choice(None, (), ())
    best = possible[0]
    if verdict_of(best) == "does_not_fit":
        return Choice(best, (), ())
    level = [outcome for outcome in possible if _rank(outcome) == _rank(best)]
    sharded = any(
        verdict_of(o) == "does_not_fit"
        and o.strategy.shard_parameters == "world"
        and o.strategy.regathers
        and o.strategy.offload == "none"
        for o in possible
    )
    strategies = tuple(outcome.strategy for outcome in level)
    rules = fired(Situation(job, wishes, strategies, sharded)) if best.strategy.complexity else ()
    if len(level) > 1:
        level.sort(key=lambda outcome: _among_equals(job, q, rules, outcome))
    return Choice(level[0], tuple(level), rules)


def allowed(outcomes: Iterable[Assessment], offload: Offload) -> list[Assessment]:
    """The possible strategies that offload no deeper than allowed."""
    return [o for o in outcomes if o.judgement is not None and reaches(offload, o.strategy)]


def reaches(offload: Offload, strategy: Strategy) -> bool:
    """Whether a strategy offloads no deeper than allowed."""
    return REACH[strategy.offload] <= REACH[offload]


def leanest(outcomes: Iterable[Assessment]) -> Assessment | None:
    """The one with the lowest peak."""
    return min((o for o in outcomes if o.usage is not None), key=peak_of, default=None)


def peak_of(outcome: Assessment) -> int:
    """The peak of a possible outcome in bytes; 0 for an impossible one."""
    return int(outcome.usage.peak) if outcome.usage is not None else 0


def verdict_of(outcome: Assessment) -> str:
    """The verdict of an outcome."""
    return outcome.judgement.verdict if outcome.judgement is not None else "unsupported"


def headroom_of(outcome: Assessment) -> int:
    """Bytes that a possible outcome leaves of the usable memory, negative where it misses."""
    return int(outcome.judgement.headroom) if outcome.judgement is not None else 0


def _rank(outcome: Assessment) -> tuple[int, bool, int, int]:
    """Best verdict first; of those that fit the lowest level, of those that miss the nearest."""
    missing = verdict_of(outcome) == "does_not_fit"
    return (
        _BEST_VERDICT_FIRST[verdict_of(outcome)],
        not outcome.strategy.common,
        -headroom_of(outcome) if missing else outcome.strategy.complexity,
        outcome.strategy.complexity,
    )


def _among_equals(
    job: Job, q: ModelQuantities, rules: Sequence[Rule], outcome: Assessment
) -> tuple[int, int, int, int]:
    """The favoured framework, then what sends least between nodes, between GPUs, then room."""
    favoured = list(dict.fromkeys(rule.favours for rule in rules))
    framework = outcome.strategy.framework
    place = favoured.index(framework) if framework in favoured else len(favoured)
    moved = communication(job, outcome.strategy, q)
    return place, int(moved.between_nodes), int(moved.sent), -headroom_of(outcome)
