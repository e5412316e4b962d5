"""The search for systems: every candidate swept at once, the best ones described one by one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice, takewhile
from typing import Any, NamedTuple

from app.catalog import Catalog
from app.domain.architecture import ModelSpec
from app.domain.assessment import Assessment
from app.domain.choice import choose, reaches
from app.domain.evaluators import Evaluators
from app.domain.guidance import Wishes
from app.domain.hardware import Hardware
from app.domain.job import Job
from app.domain.limits import unsupported
from app.domain.strategies import STRATEGIES, Strategy
from app.domain.systems.ranking import Best, Tier, best_of, missed, preference, ranked
from app.domain.systems.sweep import Outcome, sweep
from app.domain.training import Options, Training
from app.domain.verdict import FITS, TIGHT, VERDICTS
from app.domain.version import ENGINE_VERSION
from app.schemas.system_searches import SystemResult, SystemSearch, SystemSearchRequest
from app.services.estimating import Estimator
from app.services.hardware_profiles import HardwareProfiles, SavedSystem
from app.services.offers import Offers, offers_for
from app.services.resolving import Resolver

NEAR_MISSES = 3
# A near miss asks for at most so many thousandths of what is there. Where nothing runs, the nearest
# are named however far they are.
NEAR = 1_100
MOST_REASONS = 2
NO_WISHES = Wishes()


class Variant(NamedTuple):
    """A training to try; `patch` makes it from the one that was sent."""

    training: Training
    patch: dict[str, Any] | None


class Counts(NamedTuple):
    """How many configurations and systems were looked at, and how many systems can run the job."""

    candidates: int
    systems: int
    fitting: int
    tight: int


class _Found(NamedTuple):
    """Everything that a search has found out."""

    wishes: Wishes
    spec: ModelSpec
    options: Options
    strategies: tuple[Strategy, ...]
    variants: tuple[Variant, ...]
    offers: Offers
    order: list[Tier]
    outcomes: list[dict[str, Outcome]]
    best: Best
    evaluators: Evaluators


class SystemFinder:
    """Answers which systems can run a job."""

    def __init__(
        self,
        catalog: Catalog,
        resolver: Resolver,
        estimator: Estimator,
        profiles: HardwareProfiles,
    ) -> None:
        self._catalog = catalog
        self._resolver = resolver
        self._estimator = estimator
        self._profiles = profiles

    def search(self, request: SystemSearchRequest, wishes: Wishes = NO_WISHES) -> SystemSearch:
        """Search the catalogue and the saved systems. Raises as `find` does."""
        return self.find(request, self._profiles.systems(), wishes)

    def find(
        self,
        request: SystemSearchRequest,
        saved: Sequence[SavedSystem],
        wishes: Wishes = NO_WISHES,
    ) -> SystemSearch:
        """Search the catalogue and these systems. `wishes` decide between strategies' equals.

        Raises:
            InvalidInput: the model or the training has no answer; see `Resolver.question`.
        """
        spec, training, options = self._resolver.question(
            request.model, request.training, request.options
        )
        entries = list(self._catalog.gpus.values())
        offers = offers_for(request, entries, saved)
        strategies = tuple(s for s in STRATEGIES.values() if reaches(request.offload, s))
        variants = variants_of(training)
        if not len(offers):
            return self._document(Counts(0, 0, 0, 0))
        machines = offers.machines
        outcomes = [
            {
                outcome.strategy.id: outcome
                for outcome in sweep(
                    spec, training, options, machines, strategies, self._estimator.band_of
                )
            }
            for training, _ in variants
        ]
        order = preference(strategies, len(variants))
        best = best_of(order, outcomes)
        found = _Found(
            wishes._replace(offload=request.offload),
            spec, options, strategies, variants, offers, order, outcomes, best, Evaluators(),
        )  # fmt: skip
        runs = ranked(machines, best, offers.low)
        misses = missed(machines, best)
        if runs:
            misses = list(takewhile(lambda place: best.need[place] <= NEAR, misses))
        named = _first_of_each(runs, offers) if request.one_per_gpu else runs
        return self._document(
            Counts(
                candidates=len(offers) * len(strategies) * len(variants),
                systems=len(offers),
                fitting=int((best.grade == FITS).sum()),
                tight=int((best.grade == TIGHT).sum()),
            ),
            [self._row(found, place) for place in islice(named, request.limit)],
            [
                self._row(found, place)
                for place in islice(_first_of_each(misses, offers), NEAR_MISSES)
            ],
            [] if runs or misses else self._reasons(found),
        )

    def _document(
        self,
        counts: Counts,
        results: Sequence[SystemResult] = (),
        near_misses: Sequence[SystemResult] = (),
        reasons: Sequence[str] = (),
    ) -> SystemSearch:
        return SystemSearch(
            engine_version=ENGINE_VERSION,
            catalog_version=self._catalog.version,
            candidates=counts.candidates,
            systems=counts.systems,
            fitting=counts.fitting,
            tight=counts.tight,
            results=list(results),
            near_misses=list(near_misses),
            reasons=list(reasons),
        )

    def _reasons(self, found: _Found) -> list[str]:
        """Why no strategy can run the job on any system at all."""
        gpus = found.offers.machines.gpus
        reasons = (
            unsupported(Job(found.spec, Hardware(gpu, 1, 2, 0, 0), training, found.options), s)
            for gpu in gpus
            for training, _ in found.variants
            for s in found.strategies
        )
        return list(dict.fromkeys(reason for reason in reasons if reason))[:MOST_REASONS]

    def _row(self, found: _Found, place: int) -> SystemResult:
        """One system in words: assessed like any other estimate, and recommended like a plan."""
        tier = found.order[found.best.tier[place]]
        variant = found.variants[tier.variant]
        machine = found.offers.machines.hardware(place)
        job = Job(found.spec, machine, variant.training, found.options)
        assessed = self._estimator.assess(job, found.strategies, found.evaluators.of(job))
        choice = choose(job, assessed.evaluator.quantities, assessed.outcomes, found.wishes)
        nearest = tier.strategies[found.best.member[place]]
        chosen = choice.level[0] if choice.level else _of(assessed.outcomes, nearest)
        usage, judgement = chosen.usage, chosen.judgement
        if usage is None or judgement is None:
            raise ValueError("an unsupported strategy was ranked")
        swept = found.outcomes[tier.variant][chosen.strategy.id]
        return SystemResult(
            name=found.offers.name(place),
            hardware=found.offers.hardware(place),
            gpu=machine.gpu.id,
            gpus=machine.world_size,
            strategy=chosen.strategy.id,
            strategy_title=chosen.strategy.title,
            framework=chosen.strategy.framework,
            training_patch=variant.patch,
            verdict=VERDICTS[swept.grade[place]],
            headroom_bytes=int(swept.headroom[place]),
            peak_bytes=usage.peak,
            usable_bytes=assessed.capacity.usable,
            host_bytes=usage.host,
            nvme_bytes=usage.nvme,
            max_micro_batch_size=int(swept.max_micro_batch[place]),
            price_usd=found.offers.price(place),
            notes=[*judgement.notes, *usage.notes],
            evidence=self._estimator.evidence(job, chosen.strategy),
        )


def variants_of(training: Training) -> tuple[Variant, ...]:
    """The training as sent, and with checkpointing where that is off."""
    if training.activation_checkpointing:
        return (Variant(training, None),)
    checkpointed = replace(training, activation_checkpointing=True)
    return (Variant(training, None), Variant(checkpointed, {"activation_checkpointing": True}))


def _of(outcomes: Iterable[Assessment], strategy: Strategy) -> Assessment:
    return next(outcome for outcome in outcomes if outcome.strategy == strategy)


def _first_of_each(places: Iterable[int], offers: Offers) -> Iterator[int]:
    """The first system of each GPU, and every saved one."""
    seen = set()
    for place in places:
        origin = int(offers.origin[place])
        if origin not in seen:
            seen.add(origin)
            yield place
