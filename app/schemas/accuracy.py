"""The engine held against measured runs: what the API and the pages show of it.

Errors are signed shares of what was measured: −0.01 is one per cent too little.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, WithJsonSchema

from app.catalog.measured import MeasuredRun
from app.domain.recipe import Trainer
from app.schemas.estimates import Component, Phase, Request


def _run_schema() -> dict[str, Any]:
    """The schema of a line, whole: `$defs` would not be found from inside the API's document."""
    schema = MeasuredRun.model_json_schema()
    schema["properties"]["measured"] = schema.pop("$defs")["Measured"]
    return schema


# Checked one by one, so that a bad run is named by its place.
_RUN = WithJsonSchema(_run_schema())


class MeasuredRuns(Request):
    """Runs to compare, each as a line of the harness's results."""

    runs: list[Annotated[Any, _RUN]] = Field(min_length=1, max_length=500)


@dataclass(frozen=True, slots=True)
class PhaseAccuracy:
    """The highest bytes of one phase. Null where that phase was not marked apart in the run.

    The error of `setup` and `resident` is a share of the measured peak: with everything offloaded
    some kilobytes of tables are all that stays.
    """

    phase: Phase
    predicted_bytes: int
    measured_bytes: int | None
    error: float | None


@dataclass(frozen=True, slots=True)
class PeakAccuracy:
    """The steady peak; `within_band` if it and the highest of the run lie in the predicted band."""

    phase: Phase
    predicted_bytes: int
    low_bytes: int
    high_bytes: int
    measured_bytes: int
    measured_highest_bytes: int
    error: float
    within_band: bool


@dataclass(frozen=True, slots=True)
class ReservedAccuracy:
    """What the caching allocator held; no error where the run does not tell."""

    predicted_bytes: int
    measured_bytes: int
    error: float | None


@dataclass(frozen=True, slots=True)
class RunAccuracy:
    """One measured run: what ran, and how far off the engine is. `family` is the model's type.

    `gpus` says whether the other ranks were real, `trainer` which training loop ran the step, as
    in `options.trainer`; `band_percent` is the half-width of the band;
    `known_gap` says why the engine misses, where we know that it does.
    """

    id: str
    campaign: str
    model: str
    family: str
    parameters: int
    strategy: str
    framework: str
    method: str
    precision: str
    optimizer: str
    attention: str
    sequence_length: int
    micro_batch_size: int
    activation_checkpointing: bool
    gpu: str
    gpus: str
    world_size: int
    versions: dict[str, str]
    peak: PeakAccuracy
    phases: list[PhaseAccuracy]
    reserved: ReservedAccuracy
    band_percent: int
    known_gap: str | None = None
    trainer: Trainer = "pytorch"


@dataclass(frozen=True, slots=True)
class AccuracySummary:
    """The errors of several runs. `worst_error` is signed; `worst_run` is whose it is.

    `within_band` counts runs whose peak lies in the band; null for errors that have no band.
    """

    key: str
    title: str
    runs: int
    mean_abs_error: float
    worst_error: float
    worst_run: str
    within_band: int | None


@dataclass(frozen=True, slots=True)
class CappedAccuracy:
    """The verdicts on steps that ran again with the allocator allowed only so much.

    `false_fits` did not run and were said to fit; `refusals` ran and were said not to.
    """

    runs: int
    false_fits: int
    refusals: int


@dataclass(frozen=True, slots=True)
class HeldOut:
    """How the band would have done had nothing of a kind been measured.

    Every run is judged by the others that differ from it in `respect`. `covered` of them lie in the
    band of `mean_band_percent` that the rule gives them then, `covered_narrow` in one of 3 %.
    """

    respect: str
    runs: int
    covered: int
    covered_narrow: int
    mean_band_percent: float


@dataclass(frozen=True, slots=True)
class Unproven:
    """A fitted formula with the runs it was fitted on, or an assumed one with runs that have it."""

    name: str
    equation: str
    kind: Literal["fitted", "assumed"]
    source: str
    source_url: str
    runs: list[str]


@dataclass(frozen=True, slots=True)
class NotMeasured:
    """A respect, and what of it no run has."""

    respect: str
    missing: list[str]


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Every measured run held against the engine as it is now, and sums of their errors."""

    engine_version: str
    catalog_version: str
    campaigns: list[str]
    versions: dict[str, list[str]]
    gpus: list[str]
    overall: AccuracySummary
    reserved: AccuracySummary | None
    by_strategy: list[AccuracySummary]
    by_phase: list[AccuracySummary]
    by_method: list[AccuracySummary]
    by_family: list[AccuracySummary]
    by_campaign: list[AccuracySummary]
    capped: CappedAccuracy
    held_out: list[HeldOut]
    unproven: list[Unproven]
    not_measured: list[NotMeasured]
    runs: list[RunAccuracy]


@dataclass(frozen=True, slots=True)
class RunComparison:
    """The engine held against runs that somebody sent; nothing of them is kept."""

    engine_version: str
    catalog_version: str
    overall: AccuracySummary
    reserved: AccuracySummary | None
    by_strategy: list[AccuracySummary]
    by_phase: list[AccuracySummary]
    runs: list[RunAccuracy]


@dataclass(frozen=True, slots=True)
class RunDetail:
    """One measured run with the allocations alive at its predicted peak and the request it ran."""

    run: RunAccuracy
    components: list[Component]
    outside: list[str]
    request: dict[str, Any]


ACCURACY: TypeAdapter[Accuracy] = TypeAdapter(Accuracy)
