"""What lies around a job as pages show it: the effect of each setting, and the grid of batches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from app.domain.verdict import VERDICTS
from app.schemas.estimates import Verdict
from app.services.exploring import Edge, Effect, Sensitivity
from app.web.bars import VERDICT_WORDS
from app.web.fields import FIELDS, choice_word
from app.web.forms import PARAMS, display
from app.web.numbers import gib, integer, signed_gib

Apply = Callable[[dict[str, Any]], str]

_FIELD_OF = {param.path: param.name for param in PARAMS}
# Bars end at so many times the larger of today's peak and what is usable.
_LONGEST = 1.6
# Shares of what is usable, in per cent, at which a cell of the grid gets darker.
_SHADES = (25, 50, 75)


@dataclass(frozen=True)
class EffectRow:
    """One setting changed. `start` and `width` place the difference on the scale, in per cent."""

    setting: str
    change: str
    delta: str
    saves: bool
    peak: str
    start: float
    width: float
    torn: bool
    verdict: Verdict
    word: str
    label: str
    href: str


@dataclass(frozen=True)
class EffectsView:
    """The waterfall: rows from today's peak; `today` and `capacity` are places in per cent."""

    title: str
    peak: str
    usable: str
    today: float
    capacity: float
    verdict: Verdict
    word: str
    rows: tuple[EffectRow, ...]
    without: tuple[str, ...]


@dataclass(frozen=True)
class Cell:
    """A micro-batch at a sequence length. `shade` is 1 to 4 where it fits, else 0.

    `right` and `below`: whether what fits ends there.
    """

    peak: str
    verdict: Verdict
    word: str
    shade: int
    here: bool
    right: bool
    below: bool
    href: str


@dataclass(frozen=True)
class GridView:
    """Micro-batches down, sequence lengths across; `largest` is the exact edge of each column."""

    title: str
    usable: str
    sequences: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]
    largest: tuple[str, ...]
    notes: tuple[str, ...]


def effects_view(found: Sensitivity, values: dict[str, str], apply: Apply) -> EffectsView:
    """The view of a sensitivity. `values` are the fields' texts today."""
    peaks = [effect.peak for effect in found.effects]
    longest = _LONGEST * max(found.peak, found.usable)
    scale = min(longest, 1.02 * max(found.peak, found.usable, *peaks, 1))

    def row(effect: Effect) -> EffectRow:
        low, high = sorted((effect.peak, found.peak))
        name = _FIELD_OF[effect.path]
        change = f"{_word(name, values[name])} → {_word(name, display(effect.value))}"
        start = min(100.0, 100 * low / scale)
        verdict = VERDICT_WORDS[effect.verdict]
        return EffectRow(
            setting=FIELDS[name].label,
            change=change,
            delta=signed_gib(effect.delta),
            saves=effect.delta < 0,
            peak=gib(effect.peak),
            start=start,
            width=max(0.3, min(100.0, 100 * high / scale) - start),
            torn=high > scale,
            verdict=effect.verdict,
            word=verdict,
            label=f"{FIELDS[name].label} {change}: {signed_gib(effect.delta)} GiB, "
            f"peak {gib(effect.peak)} GiB",
            href=apply(effect.patch),
        )

    return EffectsView(
        title=found.strategy.title,
        peak=gib(found.peak),
        usable=gib(found.usable),
        today=100 * found.peak / scale,
        capacity=100 * found.usable / scale,
        verdict=found.verdict,
        word=VERDICT_WORDS[found.verdict],
        rows=tuple(row(effect) for effect in found.effects),
        without=tuple(FIELDS[_FIELD_OF[path]].spoken for path in found.without),
    )


def _word(name: str, text: str) -> str:
    """A field's value as its control shows it."""
    if FIELDS[name].control == "checkbox":
        return "on" if text == "true" else "off"
    return choice_word(name, text)


def grid_view(edge: Edge, micro_batch: int, sequence: int, apply: Apply) -> GridView:
    """The view of a grid; the job's own pair is marked."""
    grid, usable = edge.grid, int(edge.grid.capacity.usable)
    fits = grid.grade == VERDICTS.index("fits")

    def cell(row: int, column: int) -> Cell:
        peak, verdict = int(grid.peak[row, column]), VERDICTS[int(grid.grade[row, column])]
        share = 100 * peak / usable
        batch, length = grid.micro_batches[row], grid.sequences[column]
        patch = {"training": {"micro_batch_size": batch, "sequence_length": length}}
        return Cell(
            peak=gib(peak),
            verdict=verdict,
            word=VERDICT_WORDS[verdict],
            shade=1 + sum(share > step for step in _SHADES) if verdict == "fits" else 0,
            here=(batch, length) == (micro_batch, sequence),
            right=_ends(fits[row, column : column + 2]),
            below=_ends(fits[row : row + 2, column]),
            href=apply(patch),
        )

    return GridView(
        title=edge.strategy.title,
        usable=gib(usable),
        sequences=tuple(integer(length) for length in grid.sequences),
        rows=tuple(
            (integer(batch), tuple(cell(row, column) for column in range(len(grid.sequences))))
            for row, batch in enumerate(grid.micro_batches)
        ),
        largest=tuple(integer(int(batch)) if batch else "none" for batch in grid.largest),
        notes=edge.notes,
    )


def _ends(pair: Any) -> bool:
    """Whether the first of two neighbours fits and the second does not."""
    return len(pair) == 2 and bool(pair[0]) and not bool(pair[1])
