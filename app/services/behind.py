"""Which strategy's figures stand behind an answer's verdict."""

from __future__ import annotations

from app.domain.choice import reaches
from app.domain.guidance import Offload
from app.domain.strategies import STRATEGIES
from app.schemas.estimates import StrategyEstimate
from app.schemas.planning import PlanResult


def estimate_behind(result: PlanResult, offload: Offload) -> StrategyEstimate | None:
    """The strategy that the headline recommends; where nothing fits, the leanest that is allowed.

    A strategy that fits only with more offload than is allowed is no answer, though pages open on
    it to show that it would be one. None where no strategy has figures.
    """
    estimates = result.estimate.estimates
    if result.headline.verdict in ("fits", "tight"):
        return next((e for e in estimates if e.strategy == result.headline.strategy), None)
    possible = [e for e in estimates if e.peak is not None]
    allowed = [
        e for e in possible if (s := STRATEGIES.get(e.strategy)) is None or reaches(offload, s)
    ]
    return min(
        allowed or possible,
        key=lambda e: e.peak.allocated_bytes if e.peak else 0,
        default=None,
    )
