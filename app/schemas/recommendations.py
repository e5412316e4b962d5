"""`POST /api/v1/recommendations`: an estimate request with preferences; one answer with reasons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from app.schemas.configurations import Configuration
from app.schemas.estimates import EstimateRequest, Verdict
from app.schemas.planning import (
    Alternative,
    FiredRule,
    Fix,
    Preferences,
    Reason,
    Swing,
    Traffic,
)


class RecommendationRequest(EstimateRequest):
    """A job, and what the customer's team prefers."""

    preferences: Preferences = Preferences()


@dataclass(slots=True)
class Recommendation:
    """What to run a job with, why, and why not with anything else.

    `framework` is "none" and `strategy` null where nothing runs; `verdict` and `headline` say so.
    `changes_to_fit` are sorted by how little they cost the customer; where there are none,
    `nearest_miss` is the change that comes closest (negative headroom: bytes that are missing).
    `rules` are those that applied, `swings` the preferences that would change the answer.
    """

    engine_version: str
    catalog_version: str
    framework: str
    strategy: str | None
    verdict: Verdict
    headline: str
    detail: str
    reasons: list[Reason]
    alternatives: list[Alternative]
    rules: list[FiredRule]
    swings: list[Swing]
    traffic: Traffic | None
    changes_to_fit: list[Fix]
    nearest_miss: Fix | None
    configs: list[Configuration]


RECOMMENDATION: TypeAdapter[Recommendation] = TypeAdapter(Recommendation)

RECOMMENDATION_REQUESTS: dict[str, Any] = {
    "full_fine_tune": {
        "summary": "Llama-3.1-70B on four workstation cards, offload allowed",
        "value": {
            "model": {"id": "meta-llama/Llama-3.1-70B"},
            "hardware": {
                "gpu": "rtxpro6000-ws",
                "gpus_per_node": 4,
                "nodes": 1,
                "host_memory_gib": 2048,
                "nvme_gib": 4000,
            },
            "training": {"sequence_length": 2048, "micro_batch_size": 1},
            "preferences": {"trainer": "hf_trainer", "offload": "cpu"},
        },
    },
    "team_knows_deepspeed": {
        "summary": "Llama-3.1-8B on eight cards, by a team that runs DeepSpeed",
        "value": {
            "model": {"id": "meta-llama/Llama-3.1-8B"},
            "hardware": {"gpu": "h100-80-sxm", "gpus_per_node": 8},
            "preferences": {"team_knows_deepspeed": True},
        },
    },
    "what_would_fit": {
        "summary": "A job that does not fit, and what would make it fit",
        "value": {
            "model": {"id": "meta-llama/Llama-3.1-70B"},
            "hardware": {"gpu": "rtxpro6000-ws", "gpus_per_node": 4},
        },
    },
}
