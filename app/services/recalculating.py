"""A stored result beside today's: what moved, by how much, and why."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from app.domain.hardware import Gpu
from app.domain.strategies import STRATEGIES
from app.schemas.estimates import StrategyEstimate
from app.schemas.planning import PlanResult
from app.schemas.plans import (
    PlannedHardware,
    PlannedJob,
    RecalculatedValue,
    Recalculation,
    Unit,
)
from app.services.words import listed

_VERDICTS = {
    "fits": "Fits",
    "tight": "Tight",
    "does_not_fit": "Does not fit",
    "unsupported": "Unsupported",
}
# Of a GPU's facts, those that no memory figure depends on.
_NOT_OF_MEMORY = frozenset({"price_low_cents", "price_high_cents", "power_w", "name"})


def compared(
    stored_job: PlannedJob, stored: PlanResult, job: PlannedJob, today: PlanResult
) -> Recalculation:
    """Both results value by value; figures are those of the strategy that the plan opens on."""
    values = [*_of_job(stored_job, stored, job, today), *_of_strategy(stored, today)]
    causes = _causes(stored_job, stored, job, today)
    explained = [_explained(value, causes) for value in values]
    return Recalculation(
        stored_engine_version=stored.estimate.engine_version,
        engine_version=today.estimate.engine_version,
        stored_catalog_version=stored.estimate.catalog_version,
        catalog_version=today.estimate.catalog_version,
        verdict_changed=stored.headline.verdict != today.headline.verdict,
        changed=sum(value.stored != value.today for value in explained),
        values=explained,
    )


def _of_job(
    stored_job: PlannedJob, stored: PlanResult, job: PlannedJob, today: PlanResult
) -> Iterator[RecalculatedValue]:
    before, now = stored.headline, today.headline
    yield _value("verdict", "Verdict", "text", _VERDICTS[before.verdict], _VERDICTS[now.verdict])
    yield _value("strategy", "Strategy", "text", _title(before.strategy), _title(now.strategy))
    yield _value(
        "total_parameters",
        "Parameters",
        "count",
        stored.estimate.model.total_parameters,
        today.estimate.model.total_parameters,
    )
    yield _value(
        "usable_bytes",
        "Usable per GPU",
        "bytes",
        stored.estimate.capacity.usable_bytes,
        today.estimate.capacity.usable_bytes,
    )
    for bound in ("low", "high"):
        yield _value(
            f"card_price_{bound}_cents",
            f"Card price, {bound}",
            "cents",
            getattr(stored_job.hardware.gpu, f"price_{bound}_cents"),
            getattr(job.hardware.gpu, f"price_{bound}_cents"),
        )


def _of_strategy(stored: PlanResult, today: PlanResult) -> Iterator[RecalculatedValue]:
    strategy = stored.headline.strategy
    before, now = _estimate(stored, strategy), _estimate(today, strategy)
    if before is None:
        return
    title = before.title
    yield _value("peak_bytes", f"Peak per GPU, {title}", "bytes", _peak(before), _peak(now))
    for name, label in (
        ("headroom_bytes", "Headroom per GPU"),
        ("host_bytes", "Host memory per node"),
        ("nvme_bytes", "NVMe per node"),
    ):
        yield _value(name, label, "bytes", getattr(before, name), getattr(now, name, None))
    yield _value(
        "max_micro_batch_size",
        "Largest micro-batch",
        "count",
        before.max_micro_batch_size,
        None if now is None else now.max_micro_batch_size,
    )


def _estimate(result: PlanResult, strategy: str | None) -> StrategyEstimate | None:
    return next((e for e in result.estimate.estimates if e.strategy == strategy), None)


def _peak(estimate: StrategyEstimate | None) -> int | None:
    return None if estimate is None or estimate.peak is None else estimate.peak.allocated_bytes


def _title(strategy: str | None) -> str:
    found = STRATEGIES.get(strategy or "")
    return "None" if strategy is None else strategy if found is None else found.title


def _value(
    name: str, label: str, unit: Unit, stored: int | str | None, today: int | str | None
) -> RecalculatedValue:
    both = isinstance(stored, int) and isinstance(today, int)
    change = today - stored if both else None  # type: ignore[operator]
    return RecalculatedValue(name, label, unit, stored, today, change, "")


def _explained(value: RecalculatedValue, causes: dict[str, str]) -> RecalculatedValue:
    if value.stored == value.today:
        return value
    specific = causes.get(value.name, "")
    return dataclasses.replace(value, why=specific or causes["any"])


def _causes(
    stored_job: PlannedJob, stored: PlanResult, job: PlannedJob, today: PlanResult
) -> dict[str, str]:
    """Why a value moved, by its name; `any` is for those without a reason of their own."""
    before, now = stored.estimate, today.estimate
    versions = [
        f"{word} {old} → {new}"
        for word, old, new in (
            ("engine", before.engine_version, now.engine_version),
            ("catalogue", before.catalog_version, now.catalog_version),
        )
        if old != new
    ]
    inputs = [
        *_inputs(stored_job.hardware, job.hardware),
        *(["the model"] if before.model.total_parameters != now.model.total_parameters else []),
    ]
    said = [*versions, *([f"changed: {listed(inputs)}"] if inputs else [])]
    whole = "; ".join(said)
    general = whole[:1].upper() + whole[1:] if whole else "Same versions, another computation"
    price = job.hardware.price
    priced = "" if price is None else f"{price.kind.capitalize()} price, {price.as_of}"
    return {
        "any": general,
        "headroom_bytes": "Usable minus peak",
        "card_price_low_cents": priced,
        "card_price_high_cents": priced,
    }


def _inputs(stored: PlannedHardware, today: PlannedHardware) -> list[str]:
    """What of the machine is not as it was."""
    facts = [
        field.name.removesuffix("_bytes").replace("_", " ")
        for field in dataclasses.fields(Gpu)
        if field.name not in _NOT_OF_MEMORY
        and getattr(stored.gpu, field.name) != getattr(today.gpu, field.name)
    ]
    hosts = [
        words
        for name, words in (
            ("gpus_per_node", "GPUs per node"),
            ("nodes", "nodes"),
            ("host_memory_bytes", "host memory"),
            ("nvme_bytes", "NVMe"),
            ("usable_memory_bytes", "usable memory"),
        )
        if getattr(stored, name) != getattr(today, name)
    ]
    return [f"the GPU’s {fact}" for fact in facts] + hosts
