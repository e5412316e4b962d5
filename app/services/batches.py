"""Many jobs at once: each is planned when its turn comes, a bad one spoils its own line alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from app.domain.errors import FieldError, InvalidInput
from app.domain.job import Job
from app.domain.units import ceil_div
from app.domain.version import ENGINE_VERSION
from app.schemas.batches import BatchCounts, BatchJob, BatchLine, EstimateBatch, JobSummary
from app.schemas.estimates import EstimateRequest
from app.schemas.planning import PlanResult, Preferences
from app.schemas.problems import BadField
from app.services.json_lines import validated


class Plans(Protocol):
    """Plans a job."""

    def plan(self, request: EstimateRequest, preferences: Preferences) -> PlanResult: ...


class Resolves(Protocol):
    """Finds the model and the machine that a request names."""

    def job(self, request: EstimateRequest) -> Job: ...


def batch_lines(
    batch: EstimateBatch, planner: Plans, resolver: Resolves, catalog_version: str
) -> Iterator[BatchLine]:
    """The lines of a batch, each computed when it is asked for; the last one counts them."""
    failed = 0
    for row, document in enumerate(batch.jobs, 1):
        line = _line(row, document, planner, resolver, full=batch.detail == "full")
        failed += bool(line.errors)
        yield line
    yield counted(len(batch.jobs), failed, catalog_version)


def counted(jobs: int, failed: int, catalog_version: str) -> BatchLine:
    """The line that ends a batch."""
    return BatchLine(0, counts=BatchCounts(jobs, failed, ENGINE_VERSION, catalog_version))


def refused(row: int, name: str, errors: Iterable[FieldError]) -> BatchLine:
    """The line of a job that cannot be planned."""
    return BatchLine(
        row, name, errors=[BadField(pointer=e.pointer, detail=e.detail) for e in errors]
    )


def _line(
    row: int, document: dict[str, Any], planner: Plans, resolver: Resolves, *, full: bool
) -> BatchLine:
    given = document.get("name", "")
    name = given[:200] if isinstance(given, str) else ""
    try:
        job = validated(BatchJob, document)
        return planned_line(row, name, job, job.preferences, planner, resolver, full=full)
    except InvalidInput as error:
        return refused(row, name, error.errors)


def planned_line(
    row: int,
    name: str,
    request: EstimateRequest,
    preferences: Preferences,
    planner: Plans,
    resolver: Resolves,
    *,
    full: bool = False,
) -> BatchLine:
    """The line of a job.

    Raises:
        InvalidInput: the job cannot be planned.
    """
    result = planner.plan(request, preferences)
    summary = _summary(result, resolver.job(request))
    return BatchLine(row, name, summary, result=result if full else None)


def _summary(result: PlanResult, job: Job) -> JobSummary:
    """The answer for the strategy that the headline is about."""
    chosen = result.headline.strategy
    estimate = next((e for e in result.estimate.estimates if e.strategy == chosen), None)
    peak = None if estimate is None else estimate.peak
    gpu = job.hardware.gpu
    cards = ceil_div(job.hardware.world_size, gpu.devices_per_package)
    low, high = gpu.price_low_cents, gpu.price_high_cents
    return JobSummary(
        model=result.estimate.model.id,
        verdict=result.headline.verdict,
        headline=result.headline.title,
        strategy=chosen,
        strategy_title=estimate and estimate.title,
        framework=estimate and estimate.framework,
        peak_allocated_bytes=peak and peak.allocated_bytes,
        low_bytes=peak and peak.low_bytes,
        high_bytes=peak and peak.high_bytes,
        usable_bytes=result.estimate.capacity.usable_bytes,
        headroom_bytes=estimate and estimate.headroom_bytes,
        device_used_bytes=estimate and estimate.device_used_bytes,
        host_bytes=estimate and estimate.host_bytes,
        nvme_bytes=estimate and estimate.nvme_bytes,
        max_micro_batch_size=estimate and estimate.max_micro_batch_size,
        measured_runs=0 if estimate is None else estimate.evidence.measured_runs,
        cards_low_usd=None if low is None else low * cards / 100,
        cards_high_usd=None if high is None else high * cards / 100,
        change=result.fixes[0].change if result.fixes else None,
    )
