"""A measured run beside its prediction, and sums over several."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from app.domain.estimate import STEP_PHASES
from app.domain.job import PHASES, Phase
from app.domain.strategies import STRATEGIES
from app.domain.verdict import Band, band_around
from app.schemas.accuracy import (
    AccuracySummary,
    PeakAccuracy,
    PhaseAccuracy,
    ReservedAccuracy,
    RunAccuracy,
)
from app.services.evidence import Comparison
from app.services.resolving import IMPORTED
from app.services.validated_region import ValidatedRegion

DIGITS = 6


def run_accuracy(comparison: Comparison, region: ValidatedRegion) -> RunAccuracy:
    """A run's document. The band is the one that the region gives its job."""
    run, job, strategy = comparison.run, comparison.job, comparison.strategy
    training, hardware = job.training, job.hardware
    band = band_around(comparison.usage, region.band_percent(job, strategy))
    return RunAccuracy(
        id=run.id,
        campaign=run.campaign,
        model=model_name(comparison),
        family=job.spec.model_type,
        parameters=job.spec.total_parameters,
        strategy=strategy.id,
        framework=strategy.framework,
        method=training.method,
        precision=training.precision,
        optimizer=training.optimizer,
        attention=training.attention,
        sequence_length=training.sequence_length,
        micro_batch_size=training.micro_batch_size,
        activation_checkpointing=training.activation_checkpointing,
        gpu=hardware.gpu.name,
        gpus=run.gpus,
        world_size=hardware.world_size,
        versions=run.versions,
        peak=_peak(comparison, band),
        phases=[_phase(comparison, phase) for phase in PHASES],
        reserved=_reserved(comparison),
        band_percent=band.percent,
        trainer=job.options.trainer,
    )


def model_name(comparison: Comparison) -> str:
    """The catalogue's id, or for a configuration the model that it was cut from, or its family."""
    spec, base = comparison.job.spec, comparison.run.base_model
    if spec.id != IMPORTED:
        return spec.id
    size = f"{spec.total_parameters / 1e9:.2f} B"
    return f"{base or spec.family}, {len(spec.layers)} layers, {size}"


def _peak(comparison: Comparison, band: Band) -> PeakAccuracy:
    usage, measured = comparison.usage, comparison.measured
    steady = measured.steady_peak_allocated
    highest = max(steady, measured.peak_allocated)
    return PeakAccuracy(
        phase=usage.top.phase,
        predicted_bytes=usage.peak,
        low_bytes=band.low,
        high_bytes=band.high,
        measured_bytes=steady,
        measured_highest_bytes=highest,
        error=round(comparison.error, DIGITS),
        within_band=band.low <= steady and highest <= band.high,
    )


def _phase(comparison: Comparison, phase: Phase) -> PhaseAccuracy:
    measured = comparison.measured
    found = {
        "setup": measured.after_setup,
        "forward": measured.phase_forward,
        "backward": measured.phase_backward,
        "step": measured.phase_step,
        "resident": measured.resident_after_step,
    }[phase]
    predicted = comparison.usage.phases[phase]
    whole = found if phase in STEP_PHASES else measured.steady_peak_allocated
    if found is None or not whole:
        return PhaseAccuracy(phase, predicted, None, None)
    return PhaseAccuracy(phase, predicted, found, _share(predicted - found, whole))


def _reserved(comparison: Comparison) -> ReservedAccuracy:
    predicted, measured = comparison.usage.reserved, comparison.measured.peak_reserved
    error = _share(predicted - measured, measured) if measured else None
    return ReservedAccuracy(predicted, measured, error)


def _share(part: int, whole: int) -> float:
    return round(part / whole, DIGITS)


def peak_summary(key: str, title: str, runs: Sequence[RunAccuracy]) -> AccuracySummary:
    """The errors of the peaks of some runs, at least one."""
    summary = _summary(key, title, ((run.id, run.peak.error) for run in runs))
    return AccuracySummary(*summary, sum(run.peak.within_band for run in runs))


def reserved_summary(runs: Iterable[RunAccuracy]) -> AccuracySummary | None:
    """The errors of what the allocator held; None where no run tells."""
    return _unbanded("reserved", "Reserved", ((run.id, run.reserved.error) for run in runs))


def phase_summaries(runs: Sequence[RunAccuracy]) -> list[AccuracySummary]:
    """The errors by phase, of the runs that marked it."""
    summaries = (
        _unbanded(phase, phase.capitalize(), ((run.id, run.phases[place].error) for run in runs))
        for place, phase in enumerate(PHASES)
    )
    return [summary for summary in summaries if summary is not None]


def grouped(
    runs: Iterable[RunAccuracy],
    key: Callable[[RunAccuracy], str],
    order: Iterable[str] = (),
    title: Callable[[str], str] = str,
) -> list[AccuracySummary]:
    """A summary for each group of runs, in the order given, the others by name after them."""
    groups: dict[str, list[RunAccuracy]] = {name: [] for name in order}
    for run in sorted(runs, key=key):
        groups.setdefault(key(run), []).append(run)
    return [peak_summary(name, title(name), found) for name, found in groups.items() if found]


def by_strategy(runs: Iterable[RunAccuracy]) -> list[AccuracySummary]:
    """A summary for each strategy, in registry order."""
    return grouped(runs, lambda run: run.strategy, STRATEGIES, lambda name: STRATEGIES[name].title)


def _unbanded(
    key: str, title: str, errors: Iterable[tuple[str, float | None]]
) -> AccuracySummary | None:
    known = [(run, error) for run, error in errors if error is not None]
    return AccuracySummary(*_summary(key, title, known), None) if known else None


def _summary(
    key: str, title: str, errors: Iterable[tuple[str, float]]
) -> tuple[str, str, int, float, float, str]:
    found = list(errors)
    worst_run, worst = max(found, key=lambda item: abs(item[1]))
    mean = sum(abs(error) for _, error in found) / len(found)
    return key, title, len(found), round(mean, DIGITS), worst, worst_run
