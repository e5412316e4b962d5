"""Saved plans and the links to them: what comes in and what goes out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from app.domain.hardware import Gpu
from app.schemas.configurations import Configuration
from app.schemas.estimates import EstimateRequest, Request, Verdict
from app.schemas.names import Name
from app.schemas.numbers import INTEGRAL
from app.schemas.planning import PlanResult, Preferences

_REQUEST_EXAMPLE: dict[str, JsonValue] = {
    "model": {"id": "meta-llama/Llama-3.1-70B"},
    "hardware": {"gpu": "rtxpro6000-ws", "gpus_per_node": 4},
    "training": {"sequence_length": 2048},
}


class NewPlan(Request):
    """A plan to save: a name, the job, and what the team prefers. The result is computed here."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "Llama 70B on four RTX PRO 6000",
                    "request": _REQUEST_EXAMPLE,
                    "preferences": {"offload": "cpu"},
                }
            ]
        }
    )

    name: Name
    request: EstimateRequest
    preferences: Preferences = Preferences()


@dataclass(frozen=True, slots=True)
class PlannedModel:
    """The model that a plan was computed for."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class PlannedPrice:
    """What kind of price the card's is, who says so, and when."""

    kind: str
    source: str
    as_of: str


@dataclass(frozen=True, slots=True)
class PlannedHardware:
    """The machine that a plan was computed for, with the facts used then. Memory is per node.

    `price` is of the card's price, `price_cents` what the owner says the whole system costs.
    """

    gpu: Gpu
    gpus_per_node: int
    nodes: int
    host_memory_bytes: int
    nvme_bytes: int
    usable_memory_bytes: int | None
    price: PlannedPrice | None = None
    price_cents: int | None = None


@dataclass(frozen=True, slots=True)
class PlannedJob:
    """What the request meant when it was planned: profiles and catalogue may change later."""

    model: PlannedModel
    hardware: PlannedHardware


@dataclass(frozen=True, slots=True)
class PlanSummary:
    """A plan in a list."""

    id: str
    version: int
    name: str
    verdict: Verdict
    headline: str
    engine_version: str
    catalog_version: str
    created_at: datetime
    updated_at: datetime
    job: PlannedJob


class PlanDocument(BaseModel):
    """A plan with its inputs and the result as it was computed, never recomputed on reading."""

    id: str = Field(examples=["pl_6f1c2a9be0d34c57"])
    version: int
    name: str
    verdict: Verdict
    headline: str
    engine_version: str
    catalog_version: str
    created_at: datetime
    updated_at: datetime
    request: dict[str, Any] = Field(description="The estimate request as it was sent.")
    preferences: Preferences
    job: PlannedJob
    result: PlanResult
    configurations: dict[str, list[Configuration]] = Field(
        {}, description="By strategy, the files that run the job as it was computed."
    )


class NewCopy(Request):
    """A copy of a plan, frozen as the plan is; without a name it is called a copy."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Northwind, option B"}]})

    name: Name | None = None


class NewRecalculation(Request):
    """A plan's inputs computed again, with today's engine and catalogue, as a plan of its own."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Northwind, January"}]})

    name: Name | None = None


Unit = Literal["bytes", "cents", "count", "text"]


@dataclass(frozen=True, slots=True)
class RecalculatedValue:
    """One value as it is stored and as it would be today; `change` where both are numbers."""

    name: str
    label: str
    unit: Unit
    stored: int | str | None
    today: int | str | None
    change: int | None
    why: str


@dataclass(frozen=True, slots=True)
class Recalculation:
    """A stored plan beside today's result; `changed` counts the values that moved."""

    stored_engine_version: str
    engine_version: str
    stored_catalog_version: str
    catalog_version: str
    verdict_changed: bool
    changed: int
    values: list[RecalculatedValue]


class NewShare(Request):
    """A link to a plan, with an end or without one."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"expires_in_days": 90}]})

    expires_in_days: Annotated[int, Field(strict=True, ge=1, le=3_650), INTEGRAL] | None = Field(
        90, description="Null for a link that ends only when it is revoked."
    )


@dataclass(frozen=True, slots=True)
class CreatedShare:
    """A new link. Token and address are shown once: only the token's hash is kept."""

    id: str
    token: str | None
    url: str | None
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Share:
    """A link in a list: everything but its token. It shows one version of its plan for good."""

    id: str
    plan_version: int
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_opened_at: datetime | None


class SharedPlanDocument(PlanDocument):
    """A plan as its link shows it."""

    expires_at: datetime | None = Field(description="When the link ends; null for never.")
