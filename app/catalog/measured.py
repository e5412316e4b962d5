"""The measured runs: training steps whose memory was read off real GPUs. Bytes throughout."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from typing import Any

from pydantic import BaseModel, ConfigDict


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Measured(_Record):
    """What one rank allocated; `steady` is a later step, where optimizer states exist.

    `phase_step` is 0 where the framework's step was not marked apart.
    """

    peak_allocated: int
    steady_peak_allocated: int
    phase_forward: int
    phase_backward: int
    phase_step: int | None = None
    after_setup: int
    resident_after_step: int
    peak_reserved: int
    context_bytes: int
    process_used: int
    reserved_at_end: int
    host_rss_peak: int
    step_seconds: float


class MeasuredRun(_Record):
    """One run: the estimate request that describes it, and what was measured.

    `campaign` is the month of measuring: overheads were fitted on the first, 2026-10, and the later
    ones test them. `gpus` says whether the other ranks were real or simulated; `base_model` names
    the model whose configuration was cut to fewer layers.
    """

    id: str
    campaign: str
    gpus: str
    versions: dict[str, str]
    request: dict[str, Any]
    measured: Measured
    base_model: str | None = None


def measured_runs() -> Iterator[MeasuredRun]:
    """Every measured run, in the order in which they were made."""
    text = (files("app.catalog") / "data" / "measured_runs.jsonl").read_text(encoding="utf-8")
    return (MeasuredRun.model_validate_json(line) for line in text.splitlines())
