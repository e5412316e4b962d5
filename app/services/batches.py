"""Many jobs at once: each is planned when its turn comes, a bad one spoils its own line alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from app.domain.errors import FieldError, InvalidInput
from app.domain.guidance import Offload
from app.domain.job import Job
from app.domain.units import ceil_div
from app.domain.version import ENGINE_VERSION
from app.schemas.batches import BatchCounts, BatchJob, BatchLine, EstimateBatch, JobSummary
from app.schemas.estimates import EstimateRequest, StrategyEstimate
from app.schemas.planning import PlanResult, Preferences
from app.schemas.problems import BadField
from app.services.behind import estimate_behind
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
    summary = _summary(result, resolver.job(request), preferences.offload)
    return BatchLine(row, name, summary, result=result if full else None)


def _summary(result: PlanResult, job: Job, offload: Offload) -> JobSummary:
    """The answer with the figures of the strategy behind it."""
    estimate = estimate_behind(result, offload)
    summary = JobSummary(
        model=result.estimate.model.id,
        verdict=result.headline.verdict,
        headline=result.headline.title,
        usable_bytes=result.estimate.capacity.usable_bytes,
        change=result.fixes[0].change if result.fixes else None,
    )
    gpu = job.hardware.gpu
    if gpu.price_low_cents is not None and gpu.price_high_cents is not None:
        cards = ceil_div(job.hardware.world_size, gpu.devices_per_package)
        summary.cards_low_usd = gpu.price_low_cents * cards / 100
        summary.cards_high_usd = gpu.price_high_cents * cards / 100
    if estimate is not None:
        _add_figures(summary, estimate)
    return summary


def _add_figures(summary: JobSummary, estimate: StrategyEstimate) -> None:
    summary.strategy = estimate.strategy
    summary.strategy_title = estimate.title
    summary.framework = estimate.framework
    summary.headroom_bytes = estimate.headroom_bytes
    summary.device_used_bytes = estimate.device_used_bytes
    summary.host_bytes = estimate.host_bytes
    summary.nvme_bytes = estimate.nvme_bytes
    summary.max_micro_batch_size = estimate.max_micro_batch_size
    summary.measured_runs = estimate.evidence.measured_runs
    if estimate.peak is not None:
        summary.peak_allocated_bytes = estimate.peak.allocated_bytes
        summary.low_bytes = estimate.peak.low_bytes
        summary.high_bytes = estimate.peak.high_bytes
