"""docs/accuracy.md: the engine's error on the measured runs, as `make accuracy` last wrote it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from app.domain.units import GIB
from app.domain.verdict import DERIVED_BAND_PERCENT
from app.schemas.accuracy import Accuracy, AccuracySummary, RunAccuracy
from app.web.accuracy_words import BAND_RULE, HELD_OUT
from app.web.numbers import error, error_size

WORST = 10
_TEXTS = (
    "Strategy", "Phase", "Method", "Model family", "Campaign", "Run", "What ran", "Held out",
    "Formula", "Equation", "Kind", "Basis", "Respect", "Not measured", "Worst run", "Known",
)  # fmt: skip
_WRITTEN = "<!-- Written by `make accuracy` from the measured runs: do not edit. -->"


def document(accuracy: Accuracy) -> str:
    """The whole document."""
    return "\n".join(_lines(accuracy)) + "\n"


def _lines(accuracy: Accuracy) -> Iterator[str]:
    overall, capped = accuracy.overall, accuracy.capped
    yield "# Accuracy"
    yield f"\n{_WRITTEN}\n"
    yield (
        f"The engine held against {overall.runs} training steps that were measured on "
        f"{' and '.join(accuracy.gpus)} ({_versions(accuracy)}). `/accuracy` shows every one of "
        "them, `GET /api/v1/accuracy` gives them to programs, and [Measuring on your own "
        "GPU](measuring.md) adds to them."
    )
    yield (
        f"\n- Peak of allocated memory: mean error {error_size(overall.mean_abs_error)}, "
        f"worst {error(overall.worst_error)} (`{overall.worst_run}`)."
    )
    yield f"- Inside the predicted band: {overall.within_band} of {overall.runs} runs."
    if accuracy.reserved is not None:
        mean = error_size(accuracy.reserved.mean_abs_error)
        yield f"- Reserved by the allocator: mean error {mean}."
    yield (
        f"- Steps that ran again with capped memory: {capped.runs}; of those, {capped.false_fits} "
        f"were said to fit and did not run, {capped.refusals} ran and were said not to fit."
    )
    yield "\nErrors are shares of what was measured; a minus means that we say too little."
    yield from _sums("Strategy", accuracy.by_strategy)
    yield from _sums("Phase", accuracy.by_phase)
    yield (
        "\nSetup and resident in per cent of the run's peak: with everything offloaded, kilobytes "
        "are all that stays."
    )
    yield from _sums("Method", accuracy.by_method)
    yield from _sums("Model family", accuracy.by_family)
    yield from _sums("Campaign", accuracy.by_campaign)
    yield from _worst(accuracy.runs)
    yield from _band(accuracy)
    yield from _not_measured(accuracy)
    yield from _unproven(accuracy)


def _versions(accuracy: Accuracy) -> str:
    return ", ".join(f"{name} {' and '.join(all_)}" for name, all_ in accuracy.versions.items())


def _sums(title: str, summaries: Iterable[AccuracySummary]) -> Iterator[str]:
    yield f"\n## By {title[0].lower()}{title[1:]}\n"
    yield from _table(
        (title, "Runs", "Mean error", "Worst", "Worst run", "In the band"),
        (
            (
                row.title,
                str(row.runs),
                error_size(row.mean_abs_error),
                error(row.worst_error),
                f"`{row.worst_run}`",
                "" if row.within_band is None else str(row.within_band),
            )
            for row in summaries
        ),
    )


def _worst(runs: list[RunAccuracy]) -> Iterator[str]:
    yield "\n## Where we are off\n"
    worst = sorted(runs, key=lambda run: -abs(run.peak.error))[:WORST]
    yield from _table(
        ("Run", "What ran", "Predicted, GiB", "Measured, GiB", "Error", "Band", "Known"),
        (
            (
                f"`{run.id}`",
                f"{run.model}, {run.strategy}, {run.method}, {run.precision}",
                f"{run.peak.predicted_bytes / GIB:.2f}",
                f"{run.peak.measured_bytes / GIB:.2f}",
                error(run.peak.error),
                f"±{run.band_percent} %",
                run.known_gap or "",
            )
            for run in worst
        ),
    )


def _band(accuracy: Accuracy) -> Iterator[str]:
    yield "\n## The band\n"
    yield BAND_RULE
    yield f"\n{HELD_OUT}\n"
    yield from _table(
        ("Held out", "Runs", "Mean band", "Inside it", f"Inside ±{DERIVED_BAND_PERCENT} %"),
        (
            (
                row.respect[:1].upper() + row.respect[1:],
                str(row.runs),
                f"±{row.mean_band_percent} %",
                f"{row.covered} ({row.covered / row.runs:.0%})".replace("%", " %"),
                str(row.covered_narrow),
            )
            for row in accuracy.held_out
        ),
    )
    missed = [f"`{run.id}`" for run in accuracy.runs if not run.peak.within_band]
    yield f"\nOutside their band, with nothing held out: {', '.join(missed) or 'none'}."


def _not_measured(accuracy: Accuracy) -> Iterator[str]:
    yield "\n## What has not been measured\n"
    yield from _table(
        ("Respect", "Not measured"),
        ((row.respect, "; ".join(row.missing)) for row in accuracy.not_measured),
    )


def _unproven(accuracy: Accuracy) -> Iterator[str]:
    yield "\n## What is not derived\n"
    yield from _table(
        ("Formula", "Equation", "Kind", "Basis", "Runs"),
        (
            (row.name, f"`{row.equation}`", row.kind, row.source, str(len(row.runs)))
            for row in accuracy.unproven
        ),
    )


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield f"| {' | '.join('---' if head in _TEXTS else '---:' for head in heads)} |"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', '∣') for cell in row)} |"
