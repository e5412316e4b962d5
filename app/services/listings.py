"""The domain's registries as lists for menus and the API."""

from __future__ import annotations

from app.domain.frameworks import FRAMEWORKS
from app.domain.strategies import STRATEGIES
from app.schemas.listings import (
    FrameworkList,
    FrameworkListing,
    StrategyList,
    StrategyListing,
)
from app.services.framework_comparison import framework_comparison


def strategy_list() -> StrategyList:
    """Every strategy, in registry order."""
    return StrategyList(
        [
            StrategyListing(
                id=s.id,
                title=s.title,
                framework=s.framework,
                summary=s.summary,
                shard_parameters=s.shard_parameters,
                shard_gradients=s.shard_gradients,
                shard_optimizer=s.shard_optimizer,
                parameters_on=s.parameters_on,
                optimizer_on=s.optimizer_on,
                offload=s.offload,
                source=s.source,
                source_url=s.source_url,
            )
            for s in STRATEGIES.values()
        ]
    )


def framework_list() -> FrameworkList:
    """Every framework with its strategies' ids, and the comparison of them."""
    return FrameworkList(
        items=[
            FrameworkListing(
                id=f.id,
                title=f.title,
                package=f.package,
                measured_version=f.measured_version,
                summary=f.summary,
                source_url=f.source_url,
                strategies=[s.id for s in STRATEGIES.values() if s.framework == f.id],
            )
            for f in FRAMEWORKS.values()
        ],
        comparison=framework_comparison(),
    )
