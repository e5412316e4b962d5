"""The band's rule put to the test: what if nothing of a kind had been measured?

For each respect, the runs that are alike in it are held out together, the validated region is drawn
from the others, and the held-out runs are looked for in the bands that this region gives them. The
engine is the same throughout, and was corrected after some of these runs: this tests the rule; how
well the engine predicts a new kind, it can only flatter.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from statistics import mean, median_low
from typing import NamedTuple, TypeAlias

from app.domain.verdict import DERIVED_BAND_PERCENT, Band, band_around
from app.schemas.accuracy import HeldOut
from app.services.evidence import Comparison
from app.services.validated_region import (
    AMOUNTS,
    KINDS,
    NEAR,
    Amount,
    Kind,
    ValidatedRegion,
    traits_of,
)

# Runs that are held out, and those that the region is drawn from without them.
_Split: TypeAlias = tuple[list[Comparison], list[Comparison]]


class _Trial(NamedTuple):
    band_percent: int
    covered: bool
    covered_narrow: bool


def held_out(comparisons: Sequence[Comparison]) -> list[HeldOut]:
    """A row for each kind that the runs differ in, and for each amount that varies enough."""
    rows = [_row(kind.name, _splits(comparisons, kind)) for kind in KINDS]
    rows += [
        _row(f"{amount.name}, the largest", _largest(comparisons, amount)) for amount in AMOUNTS
    ]
    return [row for row in rows if row is not None]


def _splits(comparisons: Sequence[Comparison], kind: Kind) -> Iterator[_Split]:
    groups: dict[Hashable, list[Comparison]] = defaultdict(list)
    for c in comparisons:
        groups[kind.key(traits_of(c.job), c.strategy)].append(c)
    for name, group in groups.items():
        yield group, [c for other, found in groups.items() if other != name for c in found]


def _largest(comparisons: Sequence[Comparison], amount: Amount) -> Iterator[_Split]:
    """Those beyond what is near the smaller half, held against the smaller half."""
    amounts = [amount.of(c.job) for c in comparisons]
    middle = median_low([value for value in amounts if value])
    pairs = list(zip(comparisons, amounts, strict=True))
    yield (
        [c for c, value in pairs if value > NEAR * middle],
        [c for c, value in pairs if value <= middle],
    )


def _row(respect: str, splits: Iterator[_Split]) -> HeldOut | None:
    trials = [trial for held, rest in splits if rest for trial in _trials(held, rest)]
    if not trials:
        return None
    return HeldOut(
        respect=respect,
        runs=len(trials),
        covered=sum(trial.covered for trial in trials),
        covered_narrow=sum(trial.covered_narrow for trial in trials),
        mean_band_percent=round(float(mean(trial.band_percent for trial in trials)), 1),
    )


def _trials(held: list[Comparison], rest: list[Comparison]) -> Iterator[_Trial]:
    region = ValidatedRegion((c.job, c.strategy, c.error) for c in rest)
    for comparison in held:
        band = band_around(
            comparison.usage, region.band_percent(comparison.job, comparison.strategy)
        )
        derived = comparison.usage._replace(assumed=False)
        narrow = band_around(derived, DERIVED_BAND_PERCENT)
        yield _Trial(band.percent, _covers(band, comparison), _covers(narrow, comparison))


def _covers(band: Band, comparison: Comparison) -> bool:
    measured = comparison.measured
    return bool(band.low <= measured.steady_peak_allocated <= measured.peak_allocated <= band.high)
