"""The estimate: a job evaluated under strategies, as the contract's document."""

from __future__ import annotations

from collections.abc import Iterable

from app.domain.assessment import Assessed, Assessment, assess
from app.domain.estimate import Evaluator, Usage
from app.domain.formulas.registry import Term
from app.domain.job import Job
from app.domain.strategies import Strategy
from app.domain.units import Integer
from app.domain.version import ENGINE_VERSION
from app.schemas import estimates as document
from app.schemas.estimates import EstimateRequest, EstimateResponse, StrategyEstimate
from app.services.architecture_notes import architecture_notes
from app.services.evidence import Evidence
from app.services.recipe_notes import RecipeNotes
from app.services.resolving import Resolver, chosen_strategies
from app.services.tally import Tally


class Estimator:
    """Answers what a job needs under each strategy."""

    def __init__(
        self,
        resolver: Resolver,
        catalog_version: str,
        evidence: Evidence,
        tally: Tally | None = None,
    ) -> None:
        self._resolver = resolver
        self._catalog_version = catalog_version
        self._evidence = evidence
        self.tally = tally or Tally()

    def warm_up(self) -> None:
        """Evaluates the measured runs now, so that the first estimate need not wait for them."""
        _ = self._evidence.region

    def estimate(self, request: EstimateRequest) -> EstimateResponse:
        """Estimate a request.

        Raises:
            InvalidInput: the request has no answer; see `resolve`.
        """
        job, strategies = self.resolve(request)
        return self.document(job, self.assess(job, strategies))

    def resolve(self, request: EstimateRequest) -> tuple[Job, list[Strategy]]:
        """The job and the strategies that a request asks about.

        Raises:
            InvalidInput: see `Resolver.job` and `chosen_strategies`.
        """
        return self._resolver.job(request), chosen_strategies(request.strategies)

    def assess(
        self, job: Job, strategies: Iterable[Strategy], evaluator: Evaluator | None = None
    ) -> Assessed:
        """Evaluate a job; the bands are as wide as the measured runs near it allow."""
        return assess(job, strategies, self.band_of, evaluator)

    def band_of(self, job: Job, strategy: Strategy) -> Integer:
        """How far the measured runs let a job's peak be off, in per cent; arrays as in the job."""
        return self._evidence.band_percent(job, strategy)

    def evidence(self, job: Job, strategy: Strategy) -> document.Evidence:
        """Which measured runs speak for a job under a strategy."""
        return self._evidence.near(job, strategy)

    def document(self, job: Job, assessed: Assessed) -> EstimateResponse:
        """The contract's document of an assessed job."""
        self.tally.add(len(assessed.outcomes))
        spec, capacity = job.spec, assessed.capacity
        recipe = RecipeNotes(job)
        return EstimateResponse(
            engine_version=ENGINE_VERSION,
            catalog_version=self._catalog_version,
            model=document.ModelSummary(
                id=spec.id,
                total_parameters=spec.total_parameters,
                trainable_parameters=assessed.evaluator.quantities.trained,
                active_parameters=spec.active_parameters,
                assumptions=list(spec.assumptions),
            ),
            capacity=document.Capacity(
                device_bytes=capacity.device,
                reserved_for_runtime_bytes=capacity.runtime,
                usable_bytes=capacity.usable,
            ),
            estimates=[self._one(job, outcome, recipe) for outcome in assessed.outcomes],
            evidence=self._evidence.near_any(job, (o.strategy for o in assessed.outcomes)),
            trainer=job.options.trainer,
        )

    def _one(self, job: Job, outcome: Assessment, recipe: RecipeNotes) -> StrategyEstimate:
        strategy, usage, judgement = outcome.strategy, outcome.usage, outcome.judgement
        evidence = self.evidence(job, strategy)
        if usage is None or judgement is None:
            return _unsupported(strategy, outcome.reason or "", evidence)
        return StrategyEstimate(
            strategy=strategy.id,
            title=strategy.title,
            framework=strategy.framework,
            verdict=judgement.verdict,
            peak=document.Peak(
                phase=usage.top.phase,
                allocated_bytes=usage.peak,
                low_bytes=judgement.low,
                high_bytes=judgement.high,
            ),
            phases=_phases(usage),
            components=[component(term) for term in usage.components],
            reserved_bytes=usage.reserved,
            device_used_bytes=usage.device_used,
            headroom_bytes=judgement.headroom,
            host_bytes=usage.host,
            nvme_bytes=usage.nvme,
            max_micro_batch_size=judgement.max_micro_batch,
            notes=[
                *job.spec.assumptions,
                *judgement.notes,
                *usage.notes,
                *architecture_notes(job.spec),
                *recipe.of(strategy, usage),
            ],
            evidence=evidence,
        )


def _phases(usage: Usage) -> document.Phases:
    phases = usage.phases
    return document.Phases(
        setup=phases["setup"],
        forward=phases["forward"],
        backward=phases["backward"],
        step=phases["step"],
        resident=phases["resident"],
    )


def component(term: Term) -> document.Component:
    """An allocation as the contract shows it."""
    formula = term.formula
    return document.Component(
        name=formula.label,
        group=formula.group,
        bytes=term.bytes,
        formula=formula.equation,
        values=term.values,
        source=formula.source,
        source_url=formula.url,
        kind=formula.kind,
    )


def _unsupported(strategy: Strategy, reason: str, evidence: document.Evidence) -> StrategyEstimate:
    return StrategyEstimate(
        strategy=strategy.id,
        title=strategy.title,
        framework=strategy.framework,
        verdict="unsupported",
        peak=None,
        phases=None,
        components=[],
        reserved_bytes=None,
        device_used_bytes=None,
        headroom_bytes=None,
        host_bytes=None,
        nvme_bytes=None,
        max_micro_batch_size=None,
        notes=[reason],
        evidence=evidence,
    )
