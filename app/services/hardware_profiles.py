"""Saved machines: a GPU of the catalogue with its count, its host, its price and own facts."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from decimal import Decimal
from typing import Any

from pydantic import TypeAdapter

from app.catalog import Catalog
from app.domain.errors import FieldError, InvalidInput
from app.domain.hardware import Gpu, Hardware
from app.domain.units import GIB
from app.schemas.profiles import GpuFacts, HardwareProfile, NewHardwareProfile
from app.services.clock import Clock
from app.services.pointers import moved_pointers
from app.services.profiles import ProfileService
from app.services.usable_memory import check_usable_memory
from app.storage.database import Database
from app.storage.profiles import ProfileRepository, ProfileRow
from app.storage.repositories import Repositories

_DOCUMENT: TypeAdapter[HardwareProfile] = TypeAdapter(HardwareProfile)
_POINTERS = {"/hardware/gpu": "/gpu"}
# Not facts of the GPU, or with a place of their own in the document.
_NOT_OF_THE_GPU = frozenset({"usable_memory_bytes"})


@dataclasses.dataclass(frozen=True, slots=True)
class _Definition:
    """What is stored of a machine. The price is in integer cents."""

    gpu: str
    gpus_per_node: int
    nodes: int
    host_memory_gib: int
    nvme_gib: int
    price_cents: int | None
    overrides: dict[str, Any]
    network: str | None = None
    network_gb_s: float | None = None
    notes: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class SavedSystem:
    """A saved machine to choose from."""

    id: str
    name: str
    hardware: Hardware
    updated_at: datetime


_DEFINITION: TypeAdapter[_Definition] = TypeAdapter(_Definition)


class HardwareProfiles(ProfileService[NewHardwareProfile, HardwareProfile]):
    """The use cases around saved machines."""

    kind = "hardware profile"
    id_prefix = "hw"

    def __init__(self, database: Database, clock: Clock, catalog: Catalog) -> None:
        super().__init__(database, clock, _DOCUMENT)
        self._catalog = catalog

    def hardware(self, profile_id: str) -> Hardware:
        """The machine of a profile.

        Raises:
            NotFound: there is no such profile.
            InvalidInput: the catalogue no longer has its GPU.
        """
        return self._hardware(_DEFINITION.validate_json(self.row(profile_id).definition))

    def systems(self, limit: int = 200) -> list[SavedSystem]:
        """The newest saved machines with their prices; those that the catalogue cannot tell of
        any more are left out.
        """
        with self._database.read() as repositories:
            rows = repositories.hardware_profiles.page(None, limit)
        systems = []
        for row in rows:
            wanted = _DEFINITION.validate_json(row.definition)
            if wanted.gpu in self._catalog.gpus:
                hardware = self._hardware(wanted)
                systems.append(SavedSystem(row.id, row.name, hardware, row.updated_at))
        return systems

    def _hardware(self, wanted: _Definition) -> Hardware:
        return Hardware(
            gpu=self._gpu(wanted),
            gpus_per_node=wanted.gpus_per_node,
            nodes=wanted.nodes,
            host_memory_bytes=wanted.host_memory_gib * GIB,
            nvme_bytes=wanted.nvme_gib * GIB,
            usable_memory_bytes=wanted.overrides.get("usable_memory_bytes"),
            price_cents=wanted.price_cents,
        )

    def _gpu(self, wanted: _Definition) -> Gpu:
        """The catalogue's GPU with the facts that the profile names instead of its own."""
        gpu = self._catalog.gpu(wanted.gpu).gpu
        facts = {k: v for k, v in wanted.overrides.items() if k not in _NOT_OF_THE_GPU}
        memory_gb = facts.get("memory_gb", gpu.memory_gb)
        driver = facts.setdefault("driver_bytes", gpu.driver_bytes * memory_gb // gpu.memory_gb)
        facts.setdefault("torch_bytes", gpu.torch_bytes * driver // gpu.driver_bytes)
        return dataclasses.replace(gpu, **facts)

    def repository(self, repositories: Repositories) -> ProfileRepository:
        return repositories.hardware_profiles

    def check(self, new: NewHardwareProfile) -> None:
        with moved_pointers(_POINTERS):
            gpu = self._gpu(_definition(new))
        check_usable_memory(gpu, new.usable_memory_bytes, "/usable_memory_bytes")
        if gpu.torch_bytes > gpu.driver_bytes:
            raise InvalidInput(
                FieldError(
                    "/torch_bytes",
                    f"Use at most the {gpu.driver_bytes:,} bytes that the driver reports, or "
                    "raise driver_bytes.",
                )
            )

    def definition(self, new: NewHardwareProfile) -> str:
        return _DEFINITION.dump_json(_definition(new)).decode()

    def source(self, row: ProfileRow) -> NewHardwareProfile:
        wanted = dataclasses.asdict(_DEFINITION.validate_json(row.definition))
        cents, overrides = wanted.pop("price_cents"), wanted.pop("overrides")
        price = None if cents is None else Decimal(cents) / 100
        return NewHardwareProfile.model_validate(
            wanted | overrides | {"name": row.name, "price_usd": price}
        )

    def show(self, row: ProfileRow) -> HardwareProfile:
        wanted = _DEFINITION.validate_json(row.definition)
        try:
            gpu = self._gpu(wanted)
        except InvalidInput:
            gpu = None
        return HardwareProfile(
            id=row.id,
            version=row.version,
            name=row.name,
            notes=wanted.notes,
            gpu=wanted.gpu,
            gpus_per_node=wanted.gpus_per_node,
            nodes=wanted.nodes,
            host_memory_gib=wanted.host_memory_gib,
            nvme_gib=wanted.nvme_gib,
            price_usd=None if wanted.price_cents is None else wanted.price_cents / 100,
            network=wanted.network,
            network_gb_s=wanted.network_gb_s,
            interconnect=gpu.interconnect if gpu else None,
            overrides=wanted.overrides,
            gpu_facts=gpu,
            created_at=row.created_at,
            updated_at=row.updated_at,
        )


def _definition(new: NewHardwareProfile) -> _Definition:
    return _Definition(
        gpu=new.gpu,
        gpus_per_node=new.gpus_per_node,
        nodes=new.nodes,
        host_memory_gib=new.host_memory_gib,
        nvme_gib=new.nvme_gib,
        price_cents=None if new.price_usd is None else int(new.price_usd * 100),
        overrides=new.model_dump(include=set(GpuFacts.model_fields), exclude_none=True),
        network=new.network,
        network_gb_s=new.network_gb_s,
        notes=new.notes,
    )
