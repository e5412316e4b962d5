"""The reference: every formula that a prediction is made of, as the API and the pages show it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from app.schemas.estimates import Group, Phase


@dataclass(frozen=True, slots=True)
class Symbol:
    """A name in an equation, and what it stands for."""

    name: str
    meaning: str


@dataclass(frozen=True, slots=True)
class AliveIn:
    """A phase, and the moments of it in which the allocation is alive; none means all of them."""

    phase: Phase
    moments: list[str]


@dataclass(frozen=True, slots=True)
class Appearance:
    """The strategies of one framework that allocate this, and when it is alive."""

    framework: str
    strategies: list[str]
    phases: list[AliveIn]


@dataclass(frozen=True, slots=True)
class Example:
    """The formula with values. `job` says what differs from the reference's base job."""

    model: str
    strategy: str
    job: str
    phase: Phase
    moment: str
    values: str
    bytes: int


@dataclass(frozen=True, slots=True)
class FormulaDocument:
    """One formula: what it allocates, its equation in bytes per GPU, its source and its evidence.

    `kind` says how far it can be believed: derived from the code or paper that `source` names,
    fitted to measured runs, or assumed. `measured_runs` counts the runs that contain it.
    """

    id: str
    name: str
    group: Group
    description: str
    equation: str
    unit: Literal["bytes"]
    symbols: list[Symbol]
    source: str
    source_url: str
    kind: Literal["derived", "fitted", "assumed"]
    measured_runs: int
    appearances: list[Appearance]
    example: Example | None


@dataclass(frozen=True, slots=True)
class Overhead:
    """What strategies need outside the allocator, in bytes; fitted to the measured runs.

    `nccl_bytes` are those of two ranks; `host_bytes` those of one process without offload.
    """

    strategies: list[str]
    context_bytes: int
    libraries_bytes: int
    nccl_bytes: int
    host_bytes: int


@dataclass(frozen=True, slots=True)
class FormulaList:
    """Every formula, in the order of the chart's groups, and what lies around their sum.

    `measured_runs` is how many runs there are. `reserved` says how much the caching allocator
    holds beyond the peak; `overhead_basis` on what that and `overheads` were fitted.
    """

    engine_version: str
    base_job: str
    measured_runs: int
    items: list[FormulaDocument]
    reserved: list[str]
    overheads: list[Overhead]
    overhead_basis: str
