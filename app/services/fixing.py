"""The search for what makes a job fit: every single change, then the cheapest pairs.

Each change that is offered was evaluated like a request of its own, so its verdict is what the
patched request is answered. Only misses are found by a short cut: the strategies that were leanest
before are tried first, and a change that helps none of them is not looked at further.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple, Protocol

from pydantic import ValidationError

from app.domain.assessment import Assessed, Assessment
from app.domain.choice import (
    Choice,
    allowed,
    choose,
    headroom_of,
    leanest,
    peak_of,
    reaches,
    verdict_of,
)
from app.domain.errors import InvalidInput
from app.domain.estimate import Evaluator
from app.domain.evaluators import Evaluators
from app.domain.hardware import Gpu
from app.domain.job import Job
from app.domain.strategies import Strategy
from app.domain.units import GIB
from app.schemas.estimates import EstimateRequest
from app.schemas.planning import Fix, Preferences
from app.services.changes import NO_HARDWARE, Change, Context, both, bundle, pairs, settings
from app.services.patching import apply
from app.services.purchases import purchases
from app.services.reasons import offload_sentence
from app.services.words import whole_gib

# Changes that fit before the search for pairs stops.
ENOUGH = 3
# Evaluations of a strategy after which no further pair is tried: the cheapest come first.
PATIENCE = 120
# Strategies of each place to offload to, of as many engines, that have to miss for a change to be
# given up.
PROBES = 2


class Estimates(Protocol):
    """Resolves requests and evaluates jobs."""

    def resolve(self, request: EstimateRequest) -> tuple[Job, list[Strategy]]: ...

    def assess(
        self, job: Job, strategies: Sequence[Strategy], evaluator: Evaluator
    ) -> Assessed: ...


class Found(NamedTuple):
    """Changes that make the job fit, the cheapest first; else the one that comes nearest."""

    fixes: list[Fix]
    nearest: Fix | None


class _Tried(NamedTuple):
    """A change with what it comes to."""

    change: Change
    fix: Fix


class Fixer:
    """Looks for changes."""

    def __init__(self, estimates: Estimates, market: Sequence[Gpu]) -> None:
        self._estimates = estimates
        self._market = market

    def find(
        self,
        request: EstimateRequest,
        preferences: Preferences,
        job: Job,
        assessed: Assessed,
        best: Assessment | None,
    ) -> Found:
        """What makes a job fit that does not, or not safely; `best` is what came nearest."""
        lean = leanest(allowed(assessed.outcomes, preferences.offload))
        need = 0 if lean is None else peak_of(lean)
        context = Context(request, preferences, job, self._market, need)
        return _Search(self._estimates, context, assessed, best).run()


class _Search:
    def __init__(
        self,
        estimates: Estimates,
        context: Context,
        assessed: Assessed,
        best: Assessment | None,
    ) -> None:
        self._estimates = estimates
        self._context = context
        self._before = 0 if best is None else peak_of(best)
        self._lacks = None if best is None else _missing(context.job, best)
        # By where may be offloaded to: strategies that have to miss for a change to be given up.
        self._probes = {context.preferences.offload: _probes(assessed, context.preferences)}
        self._evaluators = Evaluators(assessed.evaluator)
        self._evaluated = 0
        self._fitting: list[_Tried] = []
        self._missing: list[_Tried] = []

    def run(self) -> Found:
        singles = settings(self._context)
        bought = purchases(self._context)
        helpful = [variants for variants in (*singles, *bought) if not self._try(variants)]
        self._pairs(helpful)
        if not self._fitting:
            self._everything_free(singles, bought)
        return Found(self._fixes(), self._nearest())

    def _pairs(self, offered: list[list[Change]]) -> None:
        """Pairs of changes that do not fit alone, while they cost less than what does."""
        for variants in pairs(offered):
            cheaper = sum(t.change.burden < variants[0].burden for t in self._fitting)
            if cheaper >= ENOUGH or self._evaluated > PATIENCE:
                break
            self._try(variants)

    def _everything_free(self, singles: list[list[Change]], bought: list[list[Change]]) -> None:
        """Where no pair helps: all that is free at once, then with one costlier change."""
        free = bundle(singles)
        if free is None:
            return
        if self._try([free]):
            return
        for variants in (*singles, *bought):
            if not variants[-1].free:
                self._try([both(free, change) for change in variants])

    def _try(self, variants: list[Change]) -> bool:
        """Keep the mildest variant that fits, or the strongest if none does. Whether one fits."""
        strongest = self._outcome(variants[-1])
        if strongest is None or strongest.fix.verdict != "fits":
            # Variants are ordered by strength but for GPUs, which are ordered by price.
            if strongest is not None:
                self._missing.append(strongest)
            if not variants[-1].patch.get("hardware", {}).get("gpu"):
                return False
        for change in variants[:-1]:
            tried = self._outcome(change)
            if tried is not None and tried.fix.verdict == "fits":
                self._fitting.append(tried)
                return True
        if strongest is not None and strongest.fix.verdict == "fits":
            self._fitting.append(strongest)
            return True
        return False

    def _outcome(self, change: Change) -> _Tried | None:
        context = self._context
        try:
            request, wishes = apply(context.request, context.preferences, change.patch)
            job, strategies = self._estimates.resolve(request)
        except (ValidationError, InvalidInput):
            return None  # the change leaves the bounds of a request
        # No change is to the model, which one that came with the request is read anew as.
        job = replace(job, spec=context.job.spec)
        known = self._is_comparable(change)
        probes = self._probes.get(wishes.offload, frozenset()) if known else frozenset()
        assessed, choice = self._choose(job, strategies, wishes, probes)
        best = choice.best
        if best is None or best.usage is None or best.judgement is None:
            return None
        fix = Fix(
            change=change.text,
            noun=change.noun,
            detail=_detail(change, job, assessed, best),
            patch=change.patch,
            strategy=best.strategy.id,
            strategy_title=best.strategy.title,
            verdict=best.judgement.verdict,
            headroom_bytes=headroom_of(best),
            saves_bytes=max(0, self._before - peak_of(best)),
            cost=_cost(change, job, best),
            missing_bytes=_missing(job, best),
        )
        return _Tried(change, fix)

    def _assess(self, job: Job, strategies: list[Strategy]) -> Assessed:
        assessed = self._estimates.assess(job, strategies, self._evaluators.of(job))
        self._evaluated += sum(outcome.usage is not None for outcome in assessed.outcomes)
        return assessed

    def _is_comparable(self, change: Change) -> bool:
        """Whether what was leanest before the change should still be: on one GPU all are alike."""
        if "strategies" in change.patch:
            return False
        return "hardware" not in change.patch or self._context.job.hardware.world_size > 1

    def _choose(
        self,
        job: Job,
        strategies: list[Strategy],
        wishes: Preferences,
        probes: frozenset[str],
    ) -> tuple[Assessed, Choice]:
        """What the patched request would be answered, evaluating no more than that takes."""
        usable = [s for s in strategies if reaches(wishes.offload, s)]
        known: list[Assessment] = []
        if probes:
            assessed = self._assess(job, [s for s in usable if s.id in probes])
            known = assessed.outcomes
            if all(verdict_of(outcome) == "does_not_fit" for outcome in known):
                return assessed, _chosen(job, assessed, known, wishes)
        seen = {outcome.strategy.id for outcome in known}
        assessed = self._assess(job, [s for s in usable if s.common and s.id not in seen])
        outcomes = [*known, *assessed.outcomes]
        if not any(verdict_of(outcome) == "fits" for outcome in outcomes):
            # Those that are folded away are taken only where no other fits.
            outcomes += self._assess(job, [s for s in usable if not s.common]).outcomes
        # A job that nothing can run as it is has no leanest strategy until a change lets one run.
        if not self._probes.get(wishes.offload):
            self._probes[wishes.offload] = _probes(assessed, wishes)
        return assessed, _chosen(job, assessed, outcomes, wishes)

    def _fixes(self) -> list[Fix]:
        """What fits, the cheapest first, without costlier ways to the same."""
        fitting = sorted(self._fitting, key=lambda tried: tried.change.burden)
        by_outcome: dict[tuple[object, ...], Fix] = {}
        for _, fix in fitting:
            outcome = (fix.strategy, fix.headroom_bytes, fix.detail, fix.cost)
            by_outcome.setdefault(outcome, fix)
        return list(by_outcome.values())

    def _nearest(self) -> Fix | None:
        """Where nothing fits, what comes nearest, if it comes nearer than the job as it is."""
        if self._fitting:
            return None
        misses = [
            fix
            for _, fix in self._missing
            if fix.verdict == "tight" or self._lacks is None or fix.missing_bytes < self._lacks
        ]
        return max(misses, key=_closeness, default=None)


def _chosen(
    job: Job, assessed: Assessed, outcomes: list[Assessment], wishes: Preferences
) -> Choice:
    return choose(job, assessed.evaluator.quantities, outcomes, wishes.wishes)


def _probes(assessed: Assessed, preferences: Preferences) -> frozenset[str]:
    """The leanest strategies of different engines: where these miss, the others do."""
    possible = sorted(allowed(assessed.outcomes, preferences.offload), key=peak_of)
    leanest_of: dict[str, dict[str, str]] = {}
    for outcome in possible:
        strategy = outcome.strategy
        if not strategy.common:
            continue
        leanest_of.setdefault(strategy.offload, {}).setdefault(strategy.engine, strategy.id)
    return frozenset(
        name for engines in leanest_of.values() for name in list(engines.values())[:PROBES]
    )


def _closeness(fix: Fix) -> tuple[bool, int]:
    """What is tight first, then what lacks the fewest bytes."""
    return fix.verdict == "tight", -fix.missing_bytes


def _missing(job: Job, best: Assessment) -> int:
    """Bytes that one node lacks, of every kind of memory together."""
    usage, hardware = best.usage, job.hardware
    if usage is None:
        return 0
    return (
        max(0, -headroom_of(best)) * hardware.gpus_per_node
        + max(0, int(usage.host) - hardware.host_memory_bytes)
        + max(0, int(usage.nvme) - hardware.nvme_bytes)
    )


def _detail(change: Change, job: Job, assessed: Assessed, best: Assessment) -> str:
    """What the change means for this job, in numbers where there are any, and what it lacks."""
    lacks = best.judgement.notes if best.judgement is not None else ()
    return " ".join((_meaning(change, job, assessed, best), *lacks))


def _meaning(change: Change, job: Job, assessed: Assessed, best: Assessment) -> str:
    if best.strategy.offload != "none" and "preferences" in change.patch:
        return f"Same result. Slower: {offload_sentence(job, assessed, best)}"
    if "method" in change.patch.get("training", {}):
        trained = assessed.evaluator.quantities.trained
        total = job.spec.total_parameters
        return f"Trains {_parameters(trained)} of {_parameters(total)} parameters. {change.detail}"
    return change.detail


def _cost(change: Change, job: Job, best: Assessment) -> str:
    """Money, or host memory where that is what the change takes."""
    usage, hardware = best.usage, job.hardware
    if change.cost != NO_HARDWARE or usage is None or "preferences" not in change.patch:
        return change.cost
    if usage.nvme:
        return f"{whole_gib(usage.nvme)} of {hardware.nvme_bytes // GIB:,} GiB NVMe"
    return f"{whole_gib(usage.host)} of {hardware.host_memory_bytes // GIB:,} GiB host memory"


def _parameters(count: int) -> str:
    """A number of parameters in three or four figures: 207 M or 70.55 B."""
    if count >= 10**9:
        return f"{count / 10**9:,.2f} B"
    return f"{count / 10**6:,.0f} M"
