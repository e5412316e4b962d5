"""Plan results made by hand: what a presenter shows is stated here, not computed by the engine."""

from __future__ import annotations

from typing import Any

from app.domain.strategies import STRATEGIES
from app.domain.units import GIB
from app.schemas.estimates import (
    Capacity,
    Component,
    EstimateResponse,
    Evidence,
    Group,
    ModelSummary,
    Peak,
    Phases,
    StrategyEstimate,
    Verdict,
)
from app.schemas.planning import Fix, Headline, PlanResult


def component(group: Group, gib: float, **changes: Any) -> Component:
    fields: dict[str, Any] = {
        "name": group.replace("_", " "),
        "group": group,
        "bytes": int(gib * GIB),
        "formula": "P × 2 B",
        "values": "1e9 × 2",
        "source": "A paper",
        "source_url": "https://example.org/paper",
    }
    return Component(**(fields | changes))


def estimate(
    strategy: str, verdict: Verdict = "fits", runs: int = 0, error: float = 0.0, **groups: float
) -> StrategyEstimate:
    """A strategy whose peak is made of so many GiB per component group."""
    record = STRATEGIES[strategy]
    components = [component(group, gib) for group, gib in groups.items()]  # type: ignore[arg-type]
    peak = sum(part.bytes for part in components)
    return StrategyEstimate(
        strategy=strategy,
        title=record.title,
        framework=record.framework,
        verdict=verdict,
        peak=Peak("backward", peak, int(peak * 0.95), int(peak * 1.05)),
        phases=Phases(peak // 4, peak // 2, peak, peak // 3, peak // 5),
        components=components,
        reserved_bytes=peak,
        device_used_bytes=peak + GIB,
        headroom_bytes=80 * GIB - peak,
        host_bytes=12 * GIB,
        nvme_bytes=0,
        max_micro_batch_size=3,
        notes=[],
        evidence=Evidence(runs, error, []),
    )


def unsupported(strategy: str, note: str) -> StrategyEstimate:
    record = STRATEGIES[strategy]
    return StrategyEstimate(
        strategy, record.title, record.framework, "unsupported", None, None, [],
        None, None, None, None, None, None, [note], Evidence(0, 0.0, []),
    )  # fmt: skip


def response(
    *estimates: StrategyEstimate, usable_gib: int = 80, evidence: Evidence | None = None
) -> EstimateResponse:
    return EstimateResponse(
        engine_version="1.0.0",
        catalog_version="2026.11",
        model=ModelSummary("a/model", 10**9, 10**9, 10**9),
        capacity=Capacity(84 * GIB, 4 * GIB, usable_gib * GIB),
        estimates=list(estimates),
        evidence=evidence or Evidence(0, 0.0, []),
    )


def fix(**changes: Any) -> Fix:
    fields: dict[str, Any] = {
        "change": "Switch to LoRA",
        "noun": "LoRA",
        "detail": "Trains less.",
        "patch": {"training": {"method": "lora"}},
        "strategy": "fsdp2",
        "strategy_title": "FSDP2, full shard",
        "verdict": "fits",
        "headroom_bytes": 50 * GIB,
        "saves_bytes": GIB,
        "cost": "$0 no new hardware",
    }
    return Fix(**(fields | changes))


def result(
    *estimates: StrategyEstimate,
    verdict: Verdict = "fits",
    strategy: str | None = None,
    fixes: list[Fix] | None = None,
) -> PlanResult:
    return PlanResult(
        response(*estimates), Headline(verdict, "An answer.", "A detail.", strategy), fixes or []
    )
