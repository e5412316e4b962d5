"""Where the marks of the accuracy page lie: predicted against measured, and errors by strategy.

Places are per cent of the drawing, so that it fits any width. The Plotly figure has the same marks.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import log10

from app.domain.strategies import STRATEGIES
from app.domain.units import GIB
from app.domain.verdict import DERIVED_BAND_PERCENT
from app.schemas.accuracy import AccuracySummary, RunAccuracy
from app.web.charts import Figure
from app.web.numbers import error, gib

# Shape and colour say the framework: group, title, Plotly's name of the shape.
GROUPS = (
    ("replicated", "DDP, one GPU", "circle"),
    ("fsdp", "FSDP", "square"),
    ("zero", "DeepSpeed ZeRO", "triangle-up"),
    ("offload", "Offload", "diamond"),
)
_OF_FRAMEWORK = {"pytorch_ddp": "replicated", "pytorch_fsdp": "fsdp", "deepspeed": "zero"}
_STEPS = (1, 2, 5)
# Room around the outermost marks, as a factor.
_ROOM = 1.25

# A strip of errors reaches this far to both sides, in per cent; marks beyond lie on its end.
STRIP_REACH = 4
_LANES = 5


@dataclass(frozen=True)
class Mark:
    """One run. `x` and `y` in per cent from the left and from the top."""

    run_id: str
    group: str
    x: float
    y: float
    title: str
    beyond: bool = False


@dataclass(frozen=True)
class Scatter:
    """Predicted over measured peaks, both on one logarithmic scale in GiB."""

    marks: tuple[Mark, ...]
    ticks: tuple[tuple[float, str], ...]
    band: str
    figure: Figure


@dataclass(frozen=True)
class Strip:
    """The signed errors of one strategy's runs."""

    summary: AccuracySummary
    marks: tuple[Mark, ...]


def group_of(run: RunAccuracy) -> str:
    """The mark that a run gets."""
    offloads = STRATEGIES[run.strategy].offload != "none"
    return "offload" if offloads else _OF_FRAMEWORK[run.framework]


def scatter_of(runs: Sequence[RunAccuracy]) -> Scatter:
    """The scatter of some runs, at least one."""
    peaks = [p for run in runs for p in (run.peak.measured_bytes, run.peak.predicted_bytes)]
    low, high = log10(min(peaks) / GIB / _ROOM), log10(max(peaks) / GIB * _ROOM)
    span = high - low

    def place(size: float) -> float:
        return round((log10(size / GIB) - low) / span * 100, 3)

    marks = tuple(
        Mark(
            run.id,
            group_of(run),
            place(run.peak.measured_bytes),
            round(100 - place(run.peak.predicted_bytes), 3),
            _title(run),
        )
        for run in runs
    )
    decades = range(int(low) - 1, int(high) + 2)
    values = [step * 10.0**decade for decade in decades for step in _STEPS]
    ticks = tuple(
        (place(value * GIB), f"{value:g}") for value in values if low <= log10(value) <= high
    )
    return Scatter(marks, ticks, _band(span), _figure(runs, low, high))


def _band(span: float) -> str:
    """The corners of the narrowest band in a square of 100, as the points of a polygon."""
    above = log10(1 + DERIVED_BAND_PERCENT / 100) / span * 100
    below = -log10(1 - DERIVED_BAND_PERCENT / 100) / span * 100
    corners = ((0, 100 - above), (100, -above), (100, below), (0, 100 + below))
    return " ".join(f"{x},{y:.3f}" for x, y in corners)


def _title(run: RunAccuracy) -> str:
    peak = run.peak
    return (
        f"{run.id}: predicted {gib(peak.predicted_bytes)}, measured {gib(peak.measured_bytes)} GiB,"
        f" {error(peak.error)}"
    )


def strips_of(runs: Iterable[RunAccuracy], summaries: Iterable[AccuracySummary]) -> list[Strip]:
    """A strip for each strategy, in the order of its summaries."""
    by_strategy: dict[str, list[RunAccuracy]] = {}
    for run in sorted(runs, key=lambda run: run.peak.error):
        by_strategy.setdefault(run.strategy, []).append(run)
    return [
        Strip(summary, tuple(_strip_mark(run, n) for n, run in enumerate(by_strategy[summary.key])))
        for summary in summaries
    ]


def _strip_mark(run: RunAccuracy, number: int) -> Mark:
    """Neighbours lie in different lanes, so that equal errors do not hide each other."""
    percent = run.peak.error * 100
    shown = max(-STRIP_REACH, min(STRIP_REACH, percent))
    lane = (number * 2) % _LANES
    return Mark(
        run.id,
        group_of(run),
        round((shown + STRIP_REACH) / (2 * STRIP_REACH) * 100, 3),
        round((lane + 0.5) / _LANES * 100, 3),
        _title(run),
        beyond=shown != percent,
    )


def _figure(runs: Sequence[RunAccuracy], low: float, high: float) -> Figure:
    axis = {"type": "log", "range": [low, high], "fixedrange": True, "visible": False}
    return {
        "data": [
            _trace(name, title, symbol, [run for run in runs if group_of(run) == name])
            for name, title, symbol in GROUPS
        ],
        "layout": {
            "margin": {"l": 0, "r": 0, "t": 0, "b": 0},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "showlegend": False,
            "hovermode": "closest",
            "dragmode": False,
            "xaxis": axis,
            "yaxis": axis,
        },
        "config": {"displayModeBar": False, "showSendToCloud": False, "doubleClick": False},
    }


def _trace(name: str, title: str, symbol: str, runs: Sequence[RunAccuracy]) -> Figure:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": title,
        "meta": name,
        "x": [run.peak.measured_bytes / GIB for run in runs],
        "y": [run.peak.predicted_bytes / GIB for run in runs],
        "customdata": [
            [
                html.escape(run.id),
                html.escape(f"{STRATEGIES[run.strategy].title}, {run.model}"),
                gib(run.peak.predicted_bytes),
                gib(run.peak.measured_bytes),
                error(run.peak.error),
            ]
            for run in runs
        ],
        "marker": {"symbol": symbol, "size": 9},
        "hovertemplate": (
            "%{customdata[0]}<br>%{customdata[1]}<br>Predicted %{customdata[2]} GiB, "
            "measured %{customdata[3]} GiB<br>%{customdata[4]}<extra></extra>"
        ),
    }
