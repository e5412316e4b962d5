"""Estimate batches: many jobs in one request, one line of the answer for each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import Field, TypeAdapter

from app.schemas.estimates import EstimateRequest, Request, Verdict
from app.schemas.planning import PlanResult, Preferences
from app.schemas.problems import BadField

MAX_JOBS = 1_000


class BatchJob(EstimateRequest):
    """One job: what `POST /recommendations` takes, and a name that comes back with its line."""

    name: str = Field("", max_length=200)
    preferences: Preferences = Preferences()


class EstimateBatch(Request):
    """Jobs, each checked when its turn comes: a bad one spoils its own line alone."""

    jobs: list[dict[str, Any]] = Field(
        min_length=1,
        max_length=MAX_JOBS,
        description="Each like the body of `POST /recommendations`, with an optional `name`.",
    )
    detail: Literal["summary", "full"] = Field(
        "summary", description="`full` adds `result`: the whole plan of each job, every strategy."
    )


@dataclass(slots=True)
class JobSummary:
    """A job's answer for the strategy to use, or for the leanest allowed where nothing fits.

    Prices are those of the cards alone, in dollars; `change` is the cheapest one that makes the
    job fit.
    """

    model: str
    verdict: Verdict
    headline: str
    usable_bytes: int
    strategy: str | None = None
    strategy_title: str | None = None
    framework: str | None = None
    peak_allocated_bytes: int | None = None
    low_bytes: int | None = None
    high_bytes: int | None = None
    headroom_bytes: int | None = None
    device_used_bytes: int | None = None
    host_bytes: int | None = None
    nvme_bytes: int | None = None
    max_micro_batch_size: int | None = None
    measured_runs: int = 0
    cards_low_usd: float | None = None
    cards_high_usd: float | None = None
    change: str | None = None


@dataclass(slots=True)
class BatchCounts:
    """How a batch ended, and what computed it."""

    jobs: int
    failed: int
    engine_version: str
    catalog_version: str


@dataclass(slots=True)
class BatchLine:
    """One line: `row` counts the jobs from 1. Either `summary` is there or `errors` says why not.

    Pointers are into the job. The last line of a batch has `row` 0 and `counts` alone: a stream
    without it was cut off.
    """

    row: int
    name: str = ""
    summary: JobSummary | None = None
    errors: list[BadField] = field(default_factory=list)
    result: PlanResult | None = None
    counts: BatchCounts | None = None


BATCH_LINE: TypeAdapter[BatchLine] = TypeAdapter(BatchLine)

ESTIMATE_BATCHES: dict[str, Any] = {
    "two_options": {
        "summary": "The same model on two machines",
        "value": {
            "jobs": [
                {
                    "name": "What they have",
                    "model": {"id": "meta-llama/Llama-3.1-8B"},
                    "hardware": {"gpu": "rtx4090", "gpus_per_node": 2},
                    "training": {"method": "lora"},
                },
                {
                    "name": "What they could buy",
                    "model": {"id": "meta-llama/Llama-3.1-8B"},
                    "hardware": {"gpu": "h100-80-sxm", "gpus_per_node": 8},
                },
            ]
        },
    },
}
