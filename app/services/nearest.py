"""What else comes close: the catalogue's rows that differ least from one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import log
from typing import TypeVar

from app.catalog import Catalog, GpuEntry, ModelEntry
from app.services.model_parts import kind_of

Entry = TypeVar("Entry", GpuEntry, ModelEntry)
COUNT = 5


def nearest_gpus(catalog: Catalog, entry: GpuEntry, count: int = COUNT) -> list[GpuEntry]:
    """GPUs that are alike: memory counts twice, then bandwidth and bf16 rate, all per device.

    Distances are logarithms of ratios, so that half as much is as far as twice as much. Another
    vendor means another software stack, and counts as two thirds more of one of them.
    """
    share = entry.devices_per_package

    def distance(other: GpuEntry) -> float:
        far = 2 * _ratio(entry.gpu.torch_bytes, other.gpu.torch_bytes)
        parts = share / other.devices_per_package
        far += _ratio(entry.memory_bandwidth_gb_s, other.memory_bandwidth_gb_s * parts)
        if entry.bf16_tflops and other.bf16_tflops:
            far += _ratio(entry.bf16_tflops, other.bf16_tflops * parts)
        else:
            far += 1.0 * (entry.bf16_native != other.bf16_native)
        return far + 0.5 * (entry.vendor != other.vendor)

    return _nearest(entry, catalog.gpus.values(), distance, count)


def nearest_models(catalog: Catalog, entry: ModelEntry, count: int = COUNT) -> list[ModelEntry]:
    """Models of about as many parameters, all and active; the same kind and family come first."""
    kind = kind_of(entry.spec)

    def distance(other: ModelEntry) -> float:
        far = 2 * _ratio(entry.verified_parameters, other.verified_parameters)
        far += _ratio(entry.verified_active_parameters, other.verified_active_parameters)
        far += 0.5 * (kind != kind_of(other.spec))
        return far + 0.1 * (entry.family != other.family)

    return _nearest(entry, catalog.models.values(), distance, count)


def _ratio(one: float, other: float) -> float:
    return abs(log(one / other))


def _nearest(
    entry: Entry, entries: Iterable[Entry], distance: Callable[[Entry], float], count: int
) -> list[Entry]:
    return sorted((other for other in entries if other.id != entry.id), key=distance)[:count]
