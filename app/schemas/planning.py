"""A plan's result: the estimate, the one-line answer, the advice and the changes that make it fit.

Saved plans keep this as JSON: a field that is added has a default, so that older plans stay
readable.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import TypeAdapter

from app.domain.guidance import Offload, Trainer, Wishes
from app.schemas.estimates import EstimateResponse, Request, Verdict
from app.schemas.numbers import Flag


class Preferences(Request):
    """What the customer's team prefers; it steers the advice, never the numbers."""

    trainer: Trainer = "hf_trainer"
    offload: Offload = "none"
    team_knows_deepspeed: Flag = False
    debugging_matters: Flag = False

    @property
    def wishes(self) -> Wishes:
        """The preferences as the domain takes them."""
        return Wishes(self.trainer, self.offload, self.team_knows_deepspeed, self.debugging_matters)


@dataclass(slots=True)
class Headline:
    """One line that says whether the job fits; `strategy` is the one the page opens on."""

    verdict: Verdict
    title: str
    detail: str
    strategy: str | None


@dataclass(slots=True)
class Fix:
    """One change that makes the job fit, as an imperative (`change`) and as a `noun`.

    Merge `patch` into the request, and this verdict holds. `patch` has the request's shape plus an
    optional `preferences`; objects merge, lists and scalars replace. `headroom_bytes` is per GPU
    with the patch applied, under `strategy`; `saves_bytes` is how much lower its peak is than that
    of the strategy that came nearest before, 0 where the change gives room instead.
    `missing_bytes`: what a node lacks all the same, of GPU memory, host memory and NVMe together.
    """

    change: str
    noun: str
    detail: str
    patch: dict[str, Any]
    strategy: str
    strategy_title: str
    verdict: Verdict
    headroom_bytes: int
    saves_bytes: int
    cost: str
    missing_bytes: int = 0


@dataclass(slots=True)
class Reason:
    """One sentence for the advice. It has a number of this job, a source, or both."""

    text: str
    source: str
    source_url: str = ""


@dataclass(slots=True)
class Alternative:
    """A strategy that is not recommended, and why."""

    strategy: str
    title: str
    framework: str
    verdict: Verdict
    why_not: str


Effect = Literal["decides", "agrees", "overruled", "no_effect"]


@dataclass(slots=True)
class FiredRule:
    """A rule of the field's guidance that applies here, and what it does.

    `favours` is a framework, or null for the rule that orders strategies. Of the rules that favour
    a framework the first `decides`; others agree or are overruled. None has an effect where only
    one framework has a strategy that fits.
    """

    id: str
    favours: str | None
    text: str
    source: str
    source_url: str
    effect: Effect
    explanation: str


@dataclass(slots=True)
class Stream:
    """Bytes that one optimizer step moves: per GPU over network and PCIe, per node to NVMe."""

    name: str
    route: Literal["network", "pcie_to_gpu", "pcie_to_host", "nvme_read", "nvme_write"]
    bytes: int
    formula: str
    values: str
    source: str
    source_url: str


@dataclass(slots=True)
class Traffic:
    """What a step moves. `floor_seconds` is the least that its offload takes, on `floor_link`."""

    streams: list[Stream]
    sent_per_gpu_bytes: int
    sent_between_nodes_bytes: int
    floor_seconds: float | None
    floor_link: str


@dataclass(slots=True)
class Swing:
    """A preference that would change the advice, and what it would be then."""

    preference: str
    patch: dict[str, Any]
    strategy: str
    title: str
    framework: str


@dataclass(slots=True)
class Advice:
    """What to do: a framework and a strategy, why, and why not the others.

    Without a strategy that runs, `framework` is "none" and `strategy` null.
    """

    framework: str
    strategy: str | None
    title: str
    reasons: list[Reason]
    alternatives: list[Alternative]
    rules: list[FiredRule] = field(default_factory=list)
    traffic: Traffic | None = None
    swings: list[Swing] = field(default_factory=list)


@dataclass(slots=True)
class PlanResult:
    """Everything the planner shows and a saved plan keeps.

    `fixes` are those that make the job fit, the cheapest for the customer first; without any,
    `nearest` is the change that comes closest.
    """

    estimate: EstimateResponse
    headline: Headline
    fixes: list[Fix]
    advice: Advice | None = None
    nearest: Fix | None = None


PLAN_RESULT: TypeAdapter[PlanResult] = TypeAdapter(PlanResult)
