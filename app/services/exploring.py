"""Around one answer: what every setting changes, and how far micro-batch and sequence can grow."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from pydantic import ValidationError

from app.domain.assessment import Assessment
from app.domain.batch_grid import BatchGrid, batch_grid
from app.domain.errors import InvalidInput
from app.domain.job import Job
from app.domain.strategies import STRATEGIES, Strategy
from app.domain.verdict import Verdict
from app.schemas.estimates import EstimateRequest
from app.services.estimating import Estimator
from app.services.knobs import KNOBS, Knob
from app.services.patching import Patch, merge

# The grid's axes: doubling steps, with the job's own values among them.
SEQUENCES = tuple(512 * 2**power for power in range(9))
MICRO_BATCHES = tuple(2**power for power in range(7))


@dataclass(frozen=True)
class Effect:
    """One setting changed, everything else as it was. Bytes per GPU; `delta` is signed."""

    path: tuple[str, ...]
    value: Any
    patch: Patch
    peak: int
    delta: int
    headroom: int
    verdict: Verdict


class Sensitivity(NamedTuple):
    """How a strategy's peak answers to each setting.

    `effects`: what saves most first, then what adds least; `without`: settings that move nothing.
    """

    strategy: Strategy
    peak: int
    usable: int
    verdict: Verdict
    effects: tuple[Effect, ...]
    without: tuple[tuple[str, ...], ...]


class Edge(NamedTuple):
    """Micro-batches against sequence lengths; `notes`: what the job is short of besides the GPU."""

    strategy: Strategy
    grid: BatchGrid
    notes: tuple[str, ...]


class Explorer:
    """Asks the engine about the neighbourhood of a job."""

    def __init__(self, estimator: Estimator) -> None:
        self._estimator = estimator

    def sensitivity(self, request: EstimateRequest, strategy_id: str) -> Sensitivity | None:
        """Turn each knob by itself. None where the strategy cannot run the job as it is.

        Of a knob's values only the one that saves most and the one that adds most are kept.

        Raises:
            InvalidInput: see `Estimator.estimate`.
        """
        strategy = STRATEGIES[strategy_id]
        job, _ = self._estimator.resolve(request)
        here = self._outcome(job, strategy)
        if here.usage is None or here.judgement is None:
            return None
        effects: list[Effect] = []
        without: list[tuple[str, ...]] = []
        for knob in KNOBS:
            found = list(self._effects(request, strategy, knob, here))
            effects += _extremes(found)
            if found and not any(effect.delta for effect in found):
                without.append(knob.path)
        return Sensitivity(
            strategy=strategy,
            peak=here.usage.peak,
            usable=here.judgement.headroom + here.usage.peak,
            verdict=here.judgement.verdict,
            effects=tuple(sorted(effects, key=lambda effect: effect.delta)),
            without=tuple(without),
        )

    def edge(self, request: EstimateRequest, strategy_id: str) -> Edge | None:
        """Micro-batches against sequence lengths. None where the strategy cannot run the job.

        Raises:
            InvalidInput: see `Estimator.estimate`.
        """
        strategy = STRATEGIES[strategy_id]
        job, _ = self._estimator.resolve(request)
        here = self._outcome(job, strategy)
        if here.judgement is None:
            return None
        training = job.training
        limit = job.spec.max_position
        sequences = {s for s in SEQUENCES if limit is None or s <= limit}
        grid = batch_grid(
            job,
            strategy,
            sorted({*MICRO_BATCHES, training.micro_batch_size}),
            sorted({*sequences, training.sequence_length}),
            self._estimator.band_of,
        )
        return Edge(strategy, grid, here.judgement.notes)

    def _outcome(self, job: Job, strategy: Strategy) -> Assessment:
        return self._estimator.assess(job, [strategy]).outcomes[0]

    def _effects(
        self, request: EstimateRequest, strategy: Strategy, knob: Knob, here: Assessment
    ) -> Iterable[Effect]:
        for value, patch in knob.patches(request):
            try:
                document = merge(request.model_dump(mode="json"), patch)
                job, _ = self._estimator.resolve(EstimateRequest.model_validate(document))
            except (ValidationError, InvalidInput):
                continue  # the value leaves the bounds of a request
            there = self._outcome(job, strategy)
            if there.usage is None or there.judgement is None or here.usage is None:
                continue
            yield Effect(
                path=knob.path,
                value=value,
                patch=patch,
                peak=there.usage.peak,
                delta=there.usage.peak - here.usage.peak,
                headroom=there.judgement.headroom,
                verdict=there.judgement.verdict,
            )


def _extremes(effects: list[Effect]) -> list[Effect]:
    """The strongest saving and the strongest addition, where there are any."""
    saving = min(effects, key=lambda effect: effect.delta, default=None)
    adding = max(effects, key=lambda effect: effect.delta, default=None)
    found = [saving] if saving is not None and saving.delta < 0 else []
    return [*found, adding] if adding is not None and adding.delta > 0 else found
