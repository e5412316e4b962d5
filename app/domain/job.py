"""One question: this model, on this machine, trained this way."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from app.domain.architecture import ModelSpec
from app.domain.formulas.registry import Bundle, Part, Term
from app.domain.hardware import Hardware
from app.domain.training import Options, Training
from app.domain.units import Integer

Phase = Literal["setup", "forward", "backward", "step", "resident"]
PHASES: tuple[Phase, ...] = ("setup", "forward", "backward", "step", "resident")


@dataclass(frozen=True, eq=False)
class Job:
    """Everything that the memory of one rank follows from."""

    spec: ModelSpec
    hardware: Hardware
    training: Training = field(default_factory=Training)
    options: Options = field(default_factory=Options)


class Moment(NamedTuple):
    """What is alive on one GPU at one point of a steady step. A phase peaks at its largest."""

    phase: Phase
    label: str
    parts: tuple[Part, ...]

    @property
    def terms(self) -> tuple[Term, ...]:
        """Every allocation, in order."""
        return Bundle(*self.parts).terms


class Timeline(NamedTuple):
    """The moments of a strategy's steady step that can be its peak, and what it needs elsewhere.

    `host_bytes` and `nvme_bytes` are per rank. `second_step_bytes`: what a first-steps race may add
    to the peak (it widens the band, never the estimate).
    """

    moments: list[Moment]
    host_bytes: Integer
    nvme_bytes: Integer
    second_step_bytes: Integer
    notes: list[str]
