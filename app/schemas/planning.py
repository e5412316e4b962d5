"""A plan's result: the estimate, the one-line answer and the changes that make the job fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import TypeAdapter

from app.schemas.estimates import EstimateResponse, Request, Verdict
from app.schemas.numbers import Flag


class Preferences(Request):
    """What the customer's team prefers; it steers the headline, never the numbers."""

    trainer: Literal["hf_trainer", "pytorch", "megatron"] = "hf_trainer"
    offload: Literal["none", "cpu", "nvme"] = "none"
    team_knows_deepspeed: Flag = False
    debugging_matters: Flag = False


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
    with the patch applied, under `strategy`; `saves_bytes` is how much lower its peak is than the
    leanest before (negative where a simpler strategy that now fits needs more).
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


@dataclass(slots=True)
class PlanResult:
    """Everything the planner shows and a saved plan keeps."""

    estimate: EstimateResponse
    headline: Headline
    fixes: list[Fix]


PLAN_RESULT: TypeAdapter[PlanResult] = TypeAdapter(PlanResult)
