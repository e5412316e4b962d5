"""A plan's result as a page shows it: verdict, fixes, chart, arithmetic and phases."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from app.schemas.estimates import Component, Evidence, StrategyEstimate, Verdict
from app.schemas.planning import Fix, PlanResult
from app.services.formula_reference import formula_id
from app.web.advice import AdviceView, advice_of
from app.web.bars import (
    GROUP_TITLES,
    GROUPS,
    VERDICT_WORDS,
    Chart,
    chart_of,
    in_order,
    is_common,
    offloads,
)
from app.web.charts import Figure, figure_of
from app.web.forms import View
from app.web.numbers import NOTHING, error, gib, integer, percent, signed_gib, whole_gib

PHASES = ("setup", "forward", "backward", "step", "resident")
_PHASE_WORDS = {
    "setup": "setup",
    "forward": "forward pass",
    "backward": "backward pass",
    "step": "optimizer step",
    "resident": "between steps",
}
MAX_FIXES = 3
FEW_RUNS = 3
_AMOUNT = re.compile(r"^(\$?[\d,.]*\d(?:–[\d,.]*\d)?(?: ?(?:k|M|GiB|%))?),?\s+(.+)$")


@dataclass(frozen=True)
class FixRow:
    """One change. `cost` is the figure of its price, `cost_note` the words after it.

    `headroom_note` also says how much less each GPU holds at the peak than without the change.
    """

    change: str
    detail: str
    verdict: Verdict
    word: str
    headroom: str
    headroom_note: str
    cost: str
    cost_note: str
    href: str | None


@dataclass(frozen=True)
class PartRow:
    """One component of the peak with its arithmetic. `id` is that of its formula, "" if gone."""

    id: str
    name: str
    group: str
    bytes: int
    amount: str
    formula: str
    values: str
    source: str
    source_url: str
    kind: str


@dataclass(frozen=True)
class Why:
    """Where the bytes of one strategy's peak go, or why it has none."""

    strategy: str
    title: str
    total: str
    phase: str
    parts: tuple[PartRow, ...]
    band: str
    notes: tuple[str, ...]
    chip: str
    measured: bool
    nearest: tuple[str, ...]
    outside: tuple[str, ...]


@dataclass(frozen=True)
class PhaseRow:
    """One strategy's figures in GiB. `cells` pairs a phase's text with whether it is the peak."""

    strategy: str
    title: str
    cells: tuple[tuple[str, bool], ...]
    device: str
    headroom: str
    tone: str
    host: str
    nvme: str
    max_batch: str
    verdict: Verdict
    word: str
    reason: str


@dataclass(frozen=True)
class Answer:
    """Everything under the headline, ready to print.

    `chart` and `figure` are None where no strategy has a figure to draw; `reasons` says why, once.
    """

    verdict: Verdict
    title: str
    detail: str
    fixes: tuple[FixRow, ...]
    chart: Chart | None
    legend: tuple[tuple[str, str], ...]
    figure: Figure | None
    evidence_chip: str
    measured: bool
    outside: tuple[str, ...]
    why: Why | None
    phases: tuple[PhaseRow, ...]
    selected: str | None
    short: str
    reasons: tuple[str, ...] = ()
    more_fixes: tuple[FixRow, ...] = ()
    advice: AdviceView | None = None


def answer_of(
    result: PlanResult, view: View, apply: Callable[[dict[str, Any]], str | None]
) -> Answer:
    """The view of a result. `apply` gives a patch's address, or None where none may be applied."""
    ordered = in_order(result.estimate.estimates)
    selected = shown_estimate(result, view.strategy)
    fsdp1 = view.fsdp1 or (selected is not None and not is_common(selected))
    chart = chart_of(result.estimate, full_scale=view.full_scale, fsdp1=fsdp1)
    shown = {row.strategy for row in chart.rows}
    drawn = any(row.total_bytes is not None for row in chart.rows)
    offered = result.fixes or ([result.nearest] if result.nearest is not None else [])
    reasons = () if drawn else tuple(dict.fromkeys(row.reason for row in chart.rows))
    return Answer(
        verdict=result.headline.verdict,
        title=result.headline.title,
        detail=result.headline.detail,
        fixes=tuple(_fix(fix, apply(fix.patch)) for fix in offered[:MAX_FIXES]),
        more_fixes=tuple(_fix(fix, apply(fix.patch)) for fix in offered[MAX_FIXES:]),
        advice=advice_of(result.advice, apply),
        chart=chart if drawn else None,
        legend=GROUPS,
        figure=figure_of(chart) if drawn else None,
        evidence_chip=evidence_words(result.estimate.evidence),
        measured=result.estimate.evidence.measured_runs > 0,
        outside=tuple(result.estimate.evidence.outside),
        why=None if selected is None else _why(selected, result.estimate.capacity.device_bytes),
        phases=tuple(_phases(e, reasons) for e in ordered if e.strategy in shown),
        selected=None if selected is None else selected.strategy,
        short=_short(result, selected),
        reasons=tuple(text for text in reasons if text not in result.headline.detail),
    )


def shown_estimate(result: PlanResult, strategy: str | None = None) -> StrategyEstimate | None:
    """The strategy asked for, else the recommended one, else the leanest."""
    ordered = in_order(result.estimate.estimates)
    by_id = {estimate.strategy: estimate for estimate in ordered}
    for name in (strategy, result.headline.strategy):
        if name in by_id:
            return by_id[name]
    possible = [e for e in ordered if e.peak is not None]
    return min(possible, key=lambda e: e.peak.allocated_bytes if e.peak else 0, default=None)


def _fix(fix: Fix, href: str | None) -> FixRow:
    found = _AMOUNT.match(fix.cost)
    over = fix.headroom_bytes < 0
    saved = f"saves {gib(fix.saves_bytes)} GiB" if fix.saves_bytes else "per GPU"
    return FixRow(
        change=fix.change,
        detail=f"{fix.strategy_title}. {fix.detail}".rstrip(),
        verdict=fix.verdict,
        word="Does not fit" if fix.verdict == "does_not_fit" else VERDICT_WORDS[fix.verdict],
        headroom=gib(abs(fix.headroom_bytes)),
        headroom_note=f"{'over' if over else 'headroom'}, {saved}",
        cost=found[1] if found else fix.cost,
        cost_note=found[2] if found else "",
        href=href,
    )


def evidence_words(evidence: Evidence) -> str:
    """What stands behind a figure: "19 measured runs, mean error 0.4 %, worst +2.1 %"."""
    runs = evidence.measured_runs
    if runs == 0:
        return "Not measured"
    if runs < FEW_RUNS:
        return f"Few measured runs: {runs}"
    text = f"{runs:,} measured runs, mean error {percent(evidence.mean_abs_error)}"
    worst = evidence.worst_error
    return text if worst is None else f"{text}, worst {error(worst)}"


def _why(estimate: StrategyEstimate, device_bytes: int) -> Why:
    peak = estimate.peak
    band = ""
    if peak is not None:
        band = f"9 in 10 runs fall between {gib(peak.low_bytes)} and {gib(peak.high_bytes)} GiB."
        band += _on_the_device(estimate.device_used_bytes, device_bytes)
    return Why(
        strategy=estimate.strategy,
        title=estimate.title,
        total="" if peak is None else gib(peak.allocated_bytes),
        phase="" if peak is None else _PHASE_WORDS[peak.phase],
        parts=part_rows(estimate.components),
        band=band,
        notes=tuple(estimate.notes),
        chip=evidence_words(estimate.evidence),
        measured=estimate.evidence.measured_runs > 0,
        nearest=tuple(estimate.evidence.nearest),
        outside=tuple(estimate.evidence.outside),
    )


def _on_the_device(used: int | None, device_bytes: int) -> str:
    """What nvidia-smi will show; a cache that the card has no room for is freed, not an error."""
    if used is None:
        return ""
    if used <= device_bytes:
        return f" nvidia-smi will show about {gib(used)} GiB."
    return (
        f" With PyTorch's cache it would be about {gib(used)} GiB: the card has "
        f"{gib(device_bytes)}, so nvidia-smi will show it full."
    )


def part_rows(components: Iterable[Component]) -> tuple[PartRow, ...]:
    """The arithmetic of a moment, in the order of the chart's groups; alike ones are one row."""
    order = list(GROUP_TITLES)
    parts = sorted(components, key=lambda part: order.index(part.group))
    return tuple(_part(part, count) for part, count in _merged(parts))


def _merged(parts: list[Component]) -> list[tuple[Component, int]]:
    """Parts that are alike as one, with how many there are; its bytes are those of all."""
    alike: dict[tuple[str, ...], list[Component]] = {}
    for part in parts:
        key = (part.group, part.name, part.formula, part.values, part.source, part.kind)
        alike.setdefault(key, []).append(part)
    return [
        (replace(same[0], bytes=sum(part.bytes for part in same)), len(same))
        for same in alike.values()
    ]


def _part(part: Component, count: int) -> PartRow:
    return PartRow(
        id=formula_id(part.name, part.formula),
        name=_capitalised(part.name),
        group=part.group,
        bytes=part.bytes,
        amount=gib(part.bytes),
        formula=part.formula,
        values=part.values if count == 1 else f"{count} × ({part.values})",
        source=part.source,
        source_url=part.source_url if part.source_url.startswith("https://") else "",
        kind="" if part.kind == "derived" else part.kind,
    )


def _capitalised(name: str) -> str:
    """A name with a capital first letter, unless it has its own spelling, as cuBLAS does."""
    first = name.split(" ", 1)[0]
    return name[:1].upper() + name[1:] if first == first.lower() else name


def _phases(estimate: StrategyEstimate, told: tuple[str, ...]) -> PhaseRow:
    """A row of the table. A reason that all rows share is `told` above it and not repeated."""
    peak = estimate.peak
    cells = tuple(
        (
            NOTHING if estimate.phases is None else gib(getattr(estimate.phases, phase)),
            peak is not None and peak.phase == phase,
        )
        for phase in PHASES
    )
    return PhaseRow(
        strategy=estimate.strategy,
        title=estimate.title,
        cells=cells,
        device=_or_nothing(estimate.device_used_bytes, gib),
        headroom=_or_nothing(estimate.headroom_bytes, signed_gib),
        tone=_tone(estimate),
        host=_or_nothing(estimate.host_bytes, whole_gib),
        max_batch=_or_nothing(estimate.max_micro_batch_size or None, integer),
        verdict=estimate.verdict,
        word=VERDICT_WORDS[estimate.verdict],
        nvme="" if not estimate.nvme_bytes else whole_gib(estimate.nvme_bytes),
        reason="" if len(told) == 1 else _reason(estimate),
    )


def _tone(estimate: StrategyEstimate) -> str:
    """How the headroom reads: room alone is not a verdict, host memory may be what is missing."""
    if estimate.headroom_bytes is None:
        return ""
    if estimate.verdict == "tight":
        return "tight"
    return "short" if estimate.headroom_bytes < 0 else "enough"


def _reason(estimate: StrategyEstimate) -> str:
    """Why a strategy that has room on the GPU, or no figures at all, does not run."""
    room = estimate.headroom_bytes is None or estimate.headroom_bytes >= 0
    refused = estimate.verdict in ("does_not_fit", "unsupported")
    return estimate.notes[0] if refused and room and estimate.notes else ""


def _or_nothing(value: int | None, show: Callable[[int], str]) -> str:
    return NOTHING if value is None else show(value)


def _short(result: PlanResult, selected: StrategyEstimate | None) -> str:
    """What the phone's bottom bar says beside the verdict: the figure that the verdict is about."""
    verdict = result.headline.verdict
    if verdict == "does_not_fit":
        rooms = [e.headroom_bytes for e in result.estimate.estimates if not offloads(e)]
        over = [room for room in rooms if room is not None and room < 0]
        return f"{gib(-max(over))} GiB over" if over else ""
    if selected is None or selected.verdict != verdict or selected.headroom_bytes is None:
        return ""
    room = selected.headroom_bytes
    return f"{gib(-room)} GiB over" if room < 0 else f"{gib(room)} GiB headroom"
