"""The chart's geometry: rows of stacked bars on one scale, as the server draws them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.domain.strategies import STRATEGIES
from app.domain.units import GIB
from app.schemas.estimates import Component, EstimateResponse, Group, StrategyEstimate, Verdict
from app.web.numbers import gib

# The palette's order is the stack's order.
GROUPS: tuple[tuple[Group, str], ...] = (
    ("weights", "Weights"),
    ("gradients", "Gradients"),
    ("optimizer_states", "Optimizer states"),
    ("activations", "Activations"),
    ("logits_and_loss", "Logits and loss"),
    ("buffers", "Communication buffers"),
)
GROUP_TITLES: dict[str, str] = dict(GROUPS)
VERDICT_WORDS: dict[Verdict, str] = {
    "fits": "Fits",
    "tight": "Tight",
    "does_not_fit": "No",
    "unsupported": "n/a",
}
_SPOKEN: dict[Verdict, str] = {
    "fits": "fits",
    "tight": "tight",
    "does_not_fit": "does not fit",
    "unsupported": "not applicable",
}
_STEP = 50 * GIB
_WIDE = 1.2  # percent of the scale


@dataclass(frozen=True)
class Segment:
    """One component group of a bar. `start` and `width` are percentages of the scale.

    `formula` is that of its largest allocation, with how many others there are. `gap` asks for a
    hairline before it: only where it and its neighbour are wide enough for one.
    """

    group: str
    title: str
    bytes: int
    start: float
    width: float
    gap: bool = False
    formula: str = ""


@dataclass(frozen=True)
class Row:
    """One strategy. `low` and `high` are where nine of ten runs fall, None on a cut bar."""

    strategy: str
    title: str
    verdict: Verdict
    word: str
    label: str
    reason: str
    total_bytes: int | None
    segments: tuple[Segment, ...]
    torn: bool
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Section:
    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Chart:
    """Everything that is drawn. `capacity` and the ticks' first figures are percentages."""

    sections: tuple[Section, ...]
    scale_bytes: int
    usable_bytes: int
    capacity: float
    ticks: tuple[tuple[float, str], ...]
    torn: bool
    folded: int

    @property
    def rows(self) -> tuple[Row, ...]:
        return tuple(row for section in self.sections for row in section.rows)


def in_order(estimates: Iterable[StrategyEstimate]) -> list[StrategyEstimate]:
    """Estimates in the registry's order; ids that it no longer knows come last."""
    order = {name: place for place, name in enumerate(STRATEGIES)}
    return sorted(estimates, key=lambda e: order.get(e.strategy, len(order)))


def offloads(estimate: StrategyEstimate) -> bool:
    """Whether a strategy keeps part of the training state outside the GPU."""
    known = STRATEGIES.get(estimate.strategy)
    return known is not None and known.offload != "none"


def is_common(estimate: StrategyEstimate) -> bool:
    """Whether a strategy is shown without asking."""
    known = STRATEGIES.get(estimate.strategy)
    return known is None or known.common


def scale_of(estimates: Sequence[StrategyEstimate], usable_bytes: int, full: bool) -> int:
    """The scale's end in bytes.

    The next 50 GiB above 1.25 × usable and 1.05 × the leanest peak that stays on the GPU, at most
    3.5 × usable; in full, above the largest peak.
    """
    peaks = [e.peak.high_bytes for e in estimates if e.peak]
    if full:
        return _next_step(max([usable_bytes * 1.25, *(1.02 * peak for peak in peaks)]))
    resident = [e.peak.allocated_bytes for e in estimates if e.peak and not offloads(e)]
    wanted = max(1.25 * usable_bytes, 1.05 * min(resident, default=0))
    return min(_next_step(wanted), int(3.5 * usable_bytes))


def common_scale(bars: Iterable[tuple[StrategyEstimate | None, int]]) -> int:
    """The end in bytes of one scale for bars of several jobs, each with its usable bytes.

    The next 50 GiB above the longest of them, at most 3.5 × the largest usable.
    """
    pairs = list(bars)
    most = max(usable for _, usable in pairs)
    longest = max((e.peak.high_bytes for e, _ in pairs if e and e.peak), default=0)
    return min(_next_step(max(1.05 * longest, 1.05 * most)), _next_step(3.5 * most))


def _next_step(wanted: float) -> int:
    return max(1, math.ceil(wanted / _STEP)) * _STEP


def ticks_of(scale_bytes: int) -> tuple[tuple[float, str], ...]:
    """At most eight labelled places on the scale, on round GiB; the last carries the unit."""
    scale = scale_bytes / GIB
    power = 10.0 ** math.floor(math.log10(scale / 7))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if scale / (factor * power) <= 7)
    places = [step * place for place in range(math.floor(scale / step + 1e-9) + 1)]
    texts = [f"{place:,.4g}" if place < 1000 else f"{place:,.0f}" for place in places]
    texts[-1] += " GiB"
    return tuple((100 * place / scale, text) for place, text in zip(places, texts, strict=True))


def chart_of(estimate: EstimateResponse, *, full_scale: bool = False, fsdp1: bool = False) -> Chart:
    """The chart of an answer: strategies on the GPU alone first, then those that offload."""
    ordered = in_order(estimate.estimates)
    shown = [e for e in ordered if fsdp1 or is_common(e)] or ordered
    usable = estimate.capacity.usable_bytes
    scale = scale_of(shown, usable, full_scale)
    sections = [
        Section(title, tuple(bar_of(e, scale, usable) for e in shown if offloads(e) == outside))
        for title, outside in (("GPU memory only", False), ("With CPU or NVMe offload", True))
    ]
    rows = [row for section in sections for row in section.rows]
    return Chart(
        sections=tuple(section for section in sections if section.rows),
        scale_bytes=scale,
        usable_bytes=usable,
        capacity=100 * usable / scale,
        ticks=ticks_of(scale),
        torn=any(row.torn for row in rows),
        folded=len(ordered) - len(shown),
    )


def totals_by_group(estimate: StrategyEstimate) -> dict[str, int]:
    """Bytes of the peak by component group, in the palette's order."""
    totals: dict[str, int] = {group: 0 for group, _ in GROUPS}
    for component in estimate.components:
        totals[component.group] += component.bytes
    return totals


def bar_of(estimate: StrategyEstimate, scale: int, usable: int) -> Row:
    """One strategy's bar on a scale that ends at `scale` bytes, `usable` of them on the GPU."""
    peak = estimate.peak
    if peak is None:
        reason = estimate.notes[0] if estimate.notes else "Not available for this job."
        return Row(
            estimate.strategy, estimate.title, estimate.verdict, VERDICT_WORDS[estimate.verdict],
            f"{estimate.title}: {_SPOKEN[estimate.verdict]}. {reason}", reason,
            None, (), False, None, None,
        )  # fmt: skip
    torn = peak.allocated_bytes > scale
    return Row(
        strategy=estimate.strategy,
        title=estimate.title,
        verdict=estimate.verdict,
        word=VERDICT_WORDS[estimate.verdict],
        label=(
            f"{estimate.title}: {gib(peak.allocated_bytes)} GiB per GPU of {gib(usable)} usable, "
            f"{_SPOKEN[estimate.verdict]}"
        ),
        reason="",
        total_bytes=peak.allocated_bytes,
        segments=_segments(estimate, scale),
        torn=torn,
        low=None if torn else 100 * peak.low_bytes / scale,
        high=None if torn else min(100.0, 100 * peak.high_bytes / scale),
    )


def _segments(estimate: StrategyEstimate, scale: int) -> tuple[Segment, ...]:
    found: list[Segment] = []
    start = 0
    formulas = _formulas(estimate)
    for group, count in totals_by_group(estimate).items():
        if count > 0 and start < scale:
            width = 100 * min(count, scale - start) / scale
            gap = bool(found) and min(width, found[-1].width) > _WIDE
            title = GROUP_TITLES[group]
            place = 100 * start / scale
            found.append(Segment(group, title, count, place, width, gap, formulas[group]))
        start += count
    return tuple(found)


def _formulas(estimate: StrategyEstimate) -> dict[str, str]:
    """By group the largest allocation's formula: "2Ψ / N", "n·s·h, and 3 more"."""
    largest: dict[str, Component] = {}
    kinds: dict[str, set[tuple[str, str]]] = {}
    for part in estimate.components:
        kinds.setdefault(part.group, set()).add((part.name, part.formula))
        if part.group not in largest or part.bytes > largest[part.group].bytes:
            largest[part.group] = part
    return {
        group: part.formula
        + (f", and {len(kinds[group]) - 1} more" if len(kinds[group]) > 1 else "")
        for group, part in largest.items()
    }
