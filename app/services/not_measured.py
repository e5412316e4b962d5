"""What lies outside the measured runs, spelt out: the other side of the validated region."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import get_args

from app.catalog import Catalog
from app.domain.frameworks import FRAMEWORKS
from app.domain.job import Job
from app.domain.limits import unsupported
from app.domain.optimizers import OPTIMIZERS
from app.domain.strategies import STRATEGIES, Strategy
from app.domain.training import AttentionKernel, Method, OptimizerId, PrecisionId, Training
from app.schemas.accuracy import NotMeasured
from app.services.evidence import Evidence
from app.services.validated_region import (
    AMOUNTS,
    ATTENTION,
    FEED_FORWARDS,
    METHODS,
    NEAR,
    places,
)


def not_measured(evidence: Evidence, catalog: Catalog) -> list[NotMeasured]:
    """Every respect in which something that can be planned was never measured."""
    found = (
        NotMeasured("Strategies", list(_strategies(evidence))),
        NotMeasured("Model families of the catalogue", list(_families(evidence, catalog))),
        NotMeasured("Methods", list(_methods(evidence))),
        NotMeasured("Precisions", list(_precisions(evidence))),
        NotMeasured("Optimizers", list(_optimizers(evidence))),
        NotMeasured("Attention kernels", list(_attention(evidence))),
        NotMeasured("GPU architectures", list(_architectures(evidence, catalog))),
        NotMeasured("Amounts", list(_amounts(evidence))),
    )
    return [respect for respect in found if respect.missing]


def _strategies(evidence: Evidence) -> Iterator[str]:
    seen = evidence.region.seen("strategy")
    return (strategy.title for strategy in STRATEGIES.values() if strategy.id not in seen)


def _families(evidence: Evidence, catalog: Catalog) -> Iterator[str]:
    seen = evidence.region.seen("model family")
    families = {m.spec.family: m.spec.model_type for m in catalog.models.values()}
    return (name for name in sorted(families) if families[name] not in seen)


def _methods(evidence: Evidence) -> Iterator[str]:
    measured = evidence.region.seen("strategy")
    seen = evidence.region.seen("method with the strategy")
    for method in get_args(Method):
        lacking = [
            strategy.title
            for strategy in STRATEGIES.values()
            if strategy.id in measured
            and (*places(strategy), method) not in seen
            and _possible(evidence, strategy, method)
        ]
        if lacking:
            # Titles have commas of their own.
            yield f"{METHODS[method]} with {'; '.join(lacking)}"
    for method, mixture in ((m, x) for m in get_args(Method) for x in (False, True)):
        if (method, mixture) not in evidence.region.seen("method with the feed-forward block"):
            yield f"{METHODS[method]} on {FEED_FORWARDS[mixture]}"


def _possible(evidence: Evidence, strategy: Strategy, method: Method) -> bool:
    """Whether a method exists under a strategy at all, on machines with room for both."""
    any_job = evidence.comparisons[0].job
    hardware = replace(any_job.hardware, nodes=2)
    return unsupported(Job(any_job.spec, hardware, Training(method=method)), strategy) is None


def _precisions(evidence: Evidence) -> Iterator[str]:
    seen = evidence.region.seen("precision with the framework")
    for framework in FRAMEWORKS.values():
        lacking = [p for p in get_args(PrecisionId) if (framework.id, p) not in seen]
        if lacking:
            yield f"{_listed(lacking)} with {framework.title}"


def _optimizers(evidence: Evidence) -> Iterator[str]:
    seen = evidence.region.seen("optimizer with the framework")
    for framework in FRAMEWORKS.values():
        lacking = [o for o in get_args(OptimizerId) if (framework.id, o) not in seen]
        if lacking:
            yield f"{_listed(OPTIMIZERS[o].title for o in lacking)} with {framework.title}"


def _attention(evidence: Evidence) -> Iterator[str]:
    seen = evidence.region.seen("attention kernel")
    return (ATTENTION[kernel] for kernel in get_args(AttentionKernel) if kernel not in seen)


def _architectures(evidence: Evidence, catalog: Catalog) -> Iterator[str]:
    every = {entry.architecture for entry in catalog.gpus.values()}
    return iter(sorted(every - evidence.region.architectures))


def _amounts(evidence: Evidence) -> Iterator[str]:
    for amount in AMOUNTS:
        most = evidence.region.most(amount.name)
        yield f"more than {NEAR * most:,} {amount.unit} (measured to {most:,})"


def _listed(words: Iterable[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last
