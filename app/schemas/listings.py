"""What strategies and frameworks are, as the API lists them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from app.schemas.framework_comparison import Comparison

Scope = Literal["none", "world", "node"]
Place = Literal["gpu", "cpu", "nvme"]


@dataclass(slots=True)
class StrategyListing:
    """A strategy: over which ranks each state is sharded, and where it lives."""

    id: str
    title: str
    framework: str
    summary: str
    shard_parameters: Scope
    shard_gradients: Scope
    shard_optimizer: Scope
    parameters_on: Place
    optimizer_on: Place
    offload: Literal["none", "cpu", "nvme"]
    source: str
    source_url: str


@dataclass(slots=True)
class StrategyList:
    items: list[StrategyListing]


@dataclass(slots=True)
class FrameworkListing:
    """A framework, the version its numbers were measured on, and its strategies' ids."""

    id: str
    title: str
    package: str
    measured_version: str
    summary: str
    source_url: str
    strategies: list[str]


@dataclass(slots=True)
class FrameworkList:
    """Every framework, and how they compare; `comparison` names them by id."""

    items: list[FrameworkListing]
    comparison: Comparison
