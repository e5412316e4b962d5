"""What the planner's lists offer: catalogue entries and saved profiles."""

from __future__ import annotations

from dataclasses import dataclass

from app.services.container import Services


@dataclass(frozen=True)
class Options:
    """`gpus` are grouped by vendor; everything else is (id, name)."""

    models: tuple[str, ...]
    gpus: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    model_profiles: tuple[tuple[str, str], ...]
    hardware_profiles: tuple[tuple[str, str], ...]


_VENDORS = {"nvidia": "NVIDIA", "amd": "AMD", "intel": "Intel"}


def vendor_name(vendor: str) -> str:
    """The vendor as it writes itself."""
    return _VENDORS.get(vendor.lower(), vendor)


def options_of(services: Services) -> Options:
    """Everything that can be chosen now."""
    vendors: dict[str, list[tuple[str, str]]] = {}
    for entry in services.catalog.gpus.values():
        vendors.setdefault(vendor_name(entry.gpu.vendor), []).append((entry.gpu.id, entry.gpu.name))
    order = sorted(vendors, key=lambda vendor: (vendor != "NVIDIA", vendor))
    return Options(
        models=tuple(services.catalog.models),
        gpus=tuple(
            (vendor, tuple(sorted(vendors[vendor], key=lambda pair: pair[1].lower())))
            for vendor in order
        ),
        model_profiles=tuple(
            (profile.id, profile.name) for profile in services.profiles.list_models()
        ),
        hardware_profiles=tuple(
            (profile.id, profile.name) for profile in services.profiles.list_hardware()
        ),
    )
