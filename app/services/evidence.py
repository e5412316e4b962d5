"""How far an estimate can be believed: the measured runs near it, the engine's error on them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import log
from typing import NamedTuple

from app.catalog import Catalog
from app.catalog.measured import Measured, MeasuredRun, measured_runs
from app.domain.estimate import Evaluator, Usage
from app.domain.job import Job
from app.domain.recipe import Trainer
from app.domain.strategies import STRATEGIES, Strategy
from app.domain.training import Method
from app.domain.units import Integer
from app.schemas.estimates import EstimateRequest
from app.schemas.estimates import Evidence as EvidenceDocument
from app.services.no_profiles import NoProfiles
from app.services.resolving import Resolver, chosen_strategies
from app.services.validated_region import ValidatedRegion

NEAREST = 3


@dataclass(frozen=True)
class Comparison:
    """A measured run and what the engine says of it."""

    run: MeasuredRun
    job: Job
    strategy: Strategy
    usage: Usage

    @property
    def run_id(self) -> str:
        return self.run.id

    @property
    def campaign(self) -> str:
        return self.run.campaign

    @property
    def measured(self) -> Measured:
        return self.run.measured

    @cached_property
    def error(self) -> float:
        """Signed relative error of the steady peak."""
        return float(self.usage.peak / self.measured.steady_peak_allocated - 1)


def compare(runs: Iterable[MeasuredRun], resolver: Resolver) -> list[Comparison]:
    """Evaluate every measured run with the engine as it is now."""
    compared = []
    for run in runs:
        request = EstimateRequest.model_validate(run.request)
        job = resolver.job(request)
        strategy = chosen_strategies(request.strategies)[0]
        compared.append(Comparison(run, job, strategy, Evaluator(job).usage(strategy)))
    return compared


class _Shape(NamedTuple):
    """What of a job decides which runs are near: keeps caches from holding whole models."""

    model_type: str
    parameters: int
    method: Method
    checkpointing: bool
    trainer: Trainer

    @classmethod
    def of(cls, job: Job) -> _Shape:
        spec, training = job.spec, job.training
        return cls(
            spec.model_type,
            spec.total_parameters,
            training.method,
            training.activation_checkpointing,
            job.options.trainer,
        )


class _Speaking(NamedTuple):
    """The runs that speak for a job, in figures."""

    runs: int
    mean_abs_error: float
    worst_error: float
    same_family: int
    nearest: tuple[str, ...]


_NOBODY = _Speaking(0, 0.0, 0.0, 0, ())


class Evidence:
    """Answers which measured runs speak for an estimate, and how far it may be off.

    A run speaks for a strategy when it used the same engine with states in the same places and
    trained by the same method, whichever loop ran it; the nearest are by the same loop.

    The runs are evaluated when first asked for, which takes most of a second.
    """

    def __init__(self, compare_runs: Callable[[], Sequence[Comparison]]) -> None:
        self._compare_runs = compare_runs
        self._speaking = lru_cache(maxsize=4096)(self._find)

    @cached_property
    def comparisons(self) -> tuple[Comparison, ...]:
        """Every measured run beside what the engine says of it."""
        return tuple(self._compare_runs())

    @cached_property
    def region(self) -> ValidatedRegion:
        """Where the measured runs are."""
        return ValidatedRegion((c.job, c.strategy, c.error) for c in self.comparisons)

    def band_percent(self, job: Job, strategy: Strategy) -> Integer:
        """How far a job's peak may be off, in per cent: see `ValidatedRegion.band_percent`."""
        return self.region.band_percent(job, strategy)

    def near(self, job: Job, strategy: Strategy) -> EvidenceDocument:
        """The evidence for one estimate."""
        return self.near_any(job, (strategy,))

    def near_any(self, job: Job, strategies: Iterable[Strategy]) -> EvidenceDocument:
        """The evidence for several strategies together, each run counted once.

        It lies outside in those respects in which every one of the strategies does.
        """
        chosen = tuple(strategies)
        found = self._speaking(_Shape.of(job), tuple(strategy.id for strategy in chosen))
        outside = self.region.outside(job, chosen)
        return EvidenceDocument(
            measured_runs=found.runs,
            mean_abs_error=found.mean_abs_error,
            nearest=list(found.nearest),
            worst_error=found.worst_error,
            same_family_runs=found.same_family,
            validated=not outside,
            outside=outside,
        )

    def _find(self, shape: _Shape, strategies: tuple[str, ...]) -> _Speaking:
        families = {_family(STRATEGIES[name]) for name in strategies}
        speaking = [
            c
            for c in self.comparisons
            if _family(c.strategy) in families and c.job.training.method == shape.method
        ]
        if not speaking:
            return _NOBODY
        nearest = sorted(speaking, key=lambda c: _distance(c, shape, strategies))
        return _Speaking(
            runs=len(speaking),
            mean_abs_error=round(sum(abs(c.error) for c in speaking) / len(speaking), 6),
            worst_error=round(max(speaking, key=lambda c: abs(c.error)).error, 6),
            same_family=sum(c.job.spec.model_type == shape.model_type for c in speaking),
            nearest=tuple(c.run_id for c in nearest[:NEAREST]),
        )


def _family(strategy: Strategy) -> tuple[str, str, str]:
    return strategy.engine, strategy.optimizer_on, strategy.parameters_on


def _distance(
    comparison: Comparison, shape: _Shape, strategies: tuple[str, ...]
) -> tuple[bool, bool, bool, bool, float]:
    other = _Shape.of(comparison.job)
    return (
        comparison.strategy.id not in strategies,
        other.trainer != shape.trainer,
        other.model_type != shape.model_type,
        other.checkpointing != shape.checkpointing,
        abs(log(other.parameters / shape.parameters)),
    )


@lru_cache(maxsize=1)
def measured_comparisons(catalog: Catalog) -> tuple[Comparison, ...]:
    """All measured runs, evaluated once for a catalogue."""
    return tuple(compare(measured_runs(), Resolver(catalog, NoProfiles())))


@lru_cache(maxsize=1)
def measured_evidence(catalog: Catalog) -> Evidence:
    """The evidence of all measured runs."""
    return Evidence(lambda: measured_comparisons(catalog))
