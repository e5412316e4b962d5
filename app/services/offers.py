"""The systems that a search looks at: the catalogue's GPUs in every count, and saved systems."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.catalog import GpuEntry
from app.domain.systems.machines import Machines
from app.domain.systems.ranking import NO_PRICE
from app.domain.units import GIB, Integer, ceil_div
from app.schemas.system_searches import PriceRange, SystemSearchRequest
from app.services.hardware_profiles import SavedSystem


@dataclass(frozen=True, eq=False)
class Offers:
    """Systems side by side with what they cost: `low` and `high` in cents, or `NO_PRICE`.

    `origin` is a place in `entries`, or behind them one in `saved`.
    """

    machines: Machines
    origin: Integer
    low: Integer
    high: Integer
    entries: tuple[GpuEntry, ...]
    saved: tuple[SavedSystem, ...]

    def __len__(self) -> int:
        return len(self.origin)

    def within(self, cents: int) -> Offers:
        """Those that cost at most this much at the upper end of their range."""
        affordable = self.high <= cents
        return Offers(
            self.machines.take(affordable),
            self.origin[affordable],
            self.low[affordable],
            self.high[affordable],
            self.entries,
            self.saved,
        )

    def saved_at(self, place: int) -> SavedSystem | None:
        """The saved system at a place; None where the catalogue's GPU was counted out."""
        index = int(self.origin[place]) - len(self.entries)
        return self.saved[index] if index >= 0 else None

    def name(self, place: int) -> str:
        """What people call the system: its saved name, or GPUs and nodes."""
        saved = self.saved_at(place)
        if saved is not None:
            return saved.name
        machine = self.machines.hardware(place)
        nodes = f"{machine.nodes:,} nodes of " if machine.nodes > 1 else ""
        return f"{nodes}{machine.gpus_per_node:,} × {machine.gpu.name}"

    def hardware(self, place: int) -> dict[str, Any]:
        """The system as an estimate request names it."""
        saved = self.saved_at(place)
        if saved is not None:
            return {"profile": saved.id}
        machine = self.machines.hardware(place)
        return {
            "gpu": machine.gpu.id,
            "gpus_per_node": machine.gpus_per_node,
            "nodes": machine.nodes,
            "host_memory_gib": machine.host_memory_bytes // GIB,
            "nvme_gib": machine.nvme_bytes // GIB,
        }

    def price(self, place: int) -> PriceRange | None:
        """What the system costs, and who says so; None where nobody does."""
        low, high = int(self.low[place]), int(self.high[place])
        if low == NO_PRICE:
            return None
        saved = self.saved_at(place)
        if saved is not None:
            day = f"{saved.updated_at:%Y-%m-%d}"
            return PriceRange("saved", low / 100, high / 100, saved.name, day)
        known = self.entries[self.origin[place]].price
        if known is None:
            return None
        return PriceRange(known.kind, low / 100, high / 100, known.source, known.as_of)


def offers_for(
    request: SystemSearchRequest, entries: Sequence[GpuEntry], saved: Sequence[SavedSystem]
) -> Offers:
    """Every system that a search asks for."""
    wanted = tuple(entry for entry in entries if request.vendor in (None, entry.vendor))
    joining = tuple(system for system in saved if _joins(request, system))
    machines = Machines.grid(
        [entry.gpu for entry in wanted],
        sorted(set(request.gpu_counts)),
        range(1, request.max_nodes + 1),
        request.host_memory_gib * GIB,
        request.nvme_gib * GIB,
    )
    cards = ceil_div(
        machines.world_size, _column(e.devices_per_package for e in wanted)[machines.gpu]
    )
    low, high = (
        np.where(cents[machines.gpu] == NO_PRICE, NO_PRICE, cents[machines.gpu] * cards)
        for cents in (
            _column(entry.price.low_cents if entry.price else NO_PRICE for entry in wanted),
            _column(entry.price.high_cents if entry.price else NO_PRICE for entry in wanted),
        )
    )
    said = (system.hardware.price_cents for system in joining)
    own = _column(NO_PRICE if cents is None else cents for cents in said)
    offers = Offers(
        machines=machines + Machines.of([system.hardware for system in joining]),
        origin=np.append(machines.gpu, len(wanted) + np.arange(len(joining))),
        low=np.append(low, own),
        high=np.append(high, own),
        entries=wanted,
        saved=joining,
    )
    if request.max_price_usd is None:
        return offers
    return offers.within(int(request.max_price_usd * 100))


def _joins(request: SystemSearchRequest, system: SavedSystem) -> bool:
    hardware = system.hardware
    any_count = "gpu_counts" not in request.model_fields_set
    return (
        hardware.nodes <= request.max_nodes
        and (any_count or hardware.gpus_per_node in request.gpu_counts)
        and request.vendor in (None, hardware.gpu.vendor)
    )


def _column(values: Any) -> Integer:
    return np.array(list(values), dtype=np.int64)
