"""How far an estimate can be believed: the measured runs near it, the engine's error on them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import log
from typing import NamedTuple

from app.catalog import Catalog
from app.catalog.measured import Measured, MeasuredRun, measured_runs
from app.domain.architecture import ModelSpec
from app.domain.estimate import Evaluator, Usage
from app.domain.hardware import Hardware
from app.domain.job import Job
from app.domain.strategies import Strategy
from app.domain.training import Method
from app.schemas.estimates import EstimateRequest
from app.schemas.estimates import Evidence as EvidenceDocument
from app.services.resolving import Resolver, chosen_strategies

NEAREST = 3


@dataclass(frozen=True)
class Comparison:
    """A measured run and what the engine says of it."""

    run_id: str
    campaign: str
    job: Job
    strategy: Strategy
    usage: Usage
    measured: Measured

    @property
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
        usage = Evaluator(job).usage(strategy)
        compared.append(Comparison(run.id, run.campaign, job, strategy, usage, run.measured))
    return compared


class _Shape(NamedTuple):
    """What of a model decides which runs are near: keeps caches from holding whole models."""

    model_type: str
    parameters: int

    @classmethod
    def of(cls, spec: ModelSpec) -> _Shape:
        return cls(spec.model_type, spec.total_parameters)


class Evidence:
    """Answers which measured runs speak for an estimate.

    A run speaks for a strategy when it used the same engine with states in the same places and
    trained by the same method.
    """

    def __init__(self, comparisons: Sequence[Comparison]) -> None:
        self._comparisons = comparisons
        self._near = lru_cache(maxsize=4096)(self._find)

    def near(self, job: Job, strategy: Strategy) -> EvidenceDocument:
        """The evidence for one estimate."""
        return self._near(_Shape.of(job.spec), job.training.method, (strategy,))

    def near_any(self, job: Job, strategies: Iterable[Strategy]) -> EvidenceDocument:
        """The evidence for several strategies together, each run counted once."""
        return self._near(_Shape.of(job.spec), job.training.method, tuple(strategies))

    def _find(
        self, shape: _Shape, method: Method, strategies: tuple[Strategy, ...]
    ) -> EvidenceDocument:
        families = {_family(strategy) for strategy in strategies}
        speaking = [
            c
            for c in self._comparisons
            if _family(c.strategy) in families and c.job.training.method == method
        ]
        if not speaking:
            return EvidenceDocument(measured_runs=0, mean_abs_error=0.0, nearest=[])
        mean = sum(abs(c.error) for c in speaking) / len(speaking)
        nearest = sorted(speaking, key=lambda c: _distance(c, shape, strategies))
        return EvidenceDocument(
            measured_runs=len(speaking),
            mean_abs_error=round(mean, 6),
            nearest=[c.run_id for c in nearest[:NEAREST]],
        )


def _family(strategy: Strategy) -> tuple[str, str, str]:
    return strategy.engine, strategy.optimizer_on, strategy.parameters_on


def _distance(
    comparison: Comparison, shape: _Shape, strategies: tuple[Strategy, ...]
) -> tuple[bool, bool, float]:
    other = comparison.job.spec
    ratio = log(other.total_parameters / shape.parameters)
    return comparison.strategy not in strategies, other.model_type != shape.model_type, abs(ratio)


class _NoProfiles:
    """Measured runs name models and GPUs of the catalogue, or bring a config."""

    def model_spec(self, profile_id: str) -> ModelSpec:
        raise LookupError(profile_id)

    def hardware(self, profile_id: str) -> Hardware:
        raise LookupError(profile_id)


@lru_cache(maxsize=1)
def measured_comparisons(catalog: Catalog) -> tuple[Comparison, ...]:
    """All measured runs, evaluated once for a catalogue."""
    return tuple(compare(measured_runs(), Resolver(catalog, _NoProfiles())))


@lru_cache(maxsize=1)
def measured_evidence(catalog: Catalog) -> Evidence:
    """The evidence of all measured runs."""
    return Evidence(measured_comparisons(catalog))
