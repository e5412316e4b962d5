"""The measured runs: training steps whose memory was read off real GPUs. Bytes throughout."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.resources import files
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from app.domain.recipe import Trainer

# Bounds far beyond any real run: files of measured runs come from users too.
Bytes = Annotated[int, Field(strict=True, ge=0, le=2**50)]
Peak = Annotated[int, Field(strict=True, ge=1, le=2**50)]
Label = Annotated[str, Field(min_length=1, max_length=200)]


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, frozen=True)


class Measured(_Record):
    """What one rank allocated; `steady` is a later step, where optimizer states exist.

    `phase_step` is 0 where the framework's step was not marked apart.
    """

    peak_allocated: Peak
    steady_peak_allocated: Peak
    phase_forward: Bytes
    phase_backward: Bytes
    phase_step: Bytes | None = None
    after_setup: Bytes
    resident_after_step: Bytes
    peak_reserved: Bytes
    context_bytes: Bytes
    process_used: Bytes
    reserved_at_end: Bytes
    host_rss_peak: Bytes
    step_seconds: Annotated[float, Field(ge=0)]


class MeasuredRun(_Record):
    """One run: the estimate request that describes it, and what was measured.

    `campaign` names the round of measuring. The runs of a blind one were drawn at random and
    predicted before they were made. `gpus` says whether the other ranks were real or simulated;
    `base_model` names the model whose configuration was cut to fewer layers. `trainer` is the loop
    that ran the step: a plain PyTorch loop, or Hugging Face Trainer. It is `options.trainer` of the
    request, and where a line leaves either out, the other stands for it.
    """

    id: Label
    campaign: Label
    gpus: Label
    versions: dict[Label, Label]
    request: dict[str, Any]
    measured: Measured
    base_model: Label | None = None
    trainer: Trainer = "pytorch"

    @model_validator(mode="before")
    @classmethod
    def _named_once(cls, line: Any) -> Any:
        """The trainer in both of its places; a line that is no such document is left as it is."""
        request = line.get("request") if isinstance(line, dict) else None
        if not isinstance(request, dict):
            return line
        options = request.get("options", {})
        if not isinstance(options, dict):
            return line
        trainer = line.get("trainer", options.get("trainer", "pytorch"))
        if trainer == "pytorch" and "trainer" not in options:
            return line
        options = {"trainer": trainer, **options}
        return {**line, "trainer": trainer, "request": {**request, "options": options}}

    @model_validator(mode="after")
    def _ran_as_asked(self) -> MeasuredRun:
        asked = self.request.get("options")
        said = asked.get("trainer", "pytorch") if isinstance(asked, dict) else self.trainer
        if said != self.trainer:
            detail = f"This run's trainer is {self.trainer}, its request's options.trainer {said}."
            raise ValueError(detail)
        return self


def known_gaps() -> dict[str, str]:
    """By the id of a measured run that the engine misses by more than 4 %: why it does."""
    text = (files("app.catalog") / "data" / "known_gaps.json").read_text(encoding="utf-8")
    gaps: dict[str, str] = json.loads(text)
    return gaps


def measured_runs() -> Iterator[MeasuredRun]:
    """Every measured run, in the order in which they were made."""
    text = (files("app.catalog") / "data" / "measured_runs.jsonl").read_text(encoding="utf-8")
    return (MeasuredRun.model_validate_json(line) for line in text.splitlines())


class CappedRun(_Record):
    """A measured step again, with the allocator allowed `cap_bytes` and no more: did it run?"""

    id: Label
    cap_over_peak: float
    expandable_segments: bool
    cap_bytes: Peak
    ran: bool

    @property
    def allocator(self) -> Literal["default", "expandable_segments"]:
        return "expandable_segments" if self.expandable_segments else "default"


def capped_runs() -> Iterator[CappedRun]:
    """Every step that was run again under a cap."""
    text = (files("app.catalog") / "data" / "capped_runs.jsonl").read_text(encoding="utf-8")
    return (CappedRun.model_validate_json(line) for line in text.splitlines())
