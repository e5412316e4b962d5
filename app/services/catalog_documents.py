"""The catalogue as programs read it."""

from __future__ import annotations

from dataclasses import fields
from functools import cached_property

from app.catalog import Catalog, CloudRate, GpuEntry, ModelEntry, Price, SystemEntry, no_such
from app.catalog.gpu_facts import FACTS, Fact
from app.schemas.catalog import (
    FactDocument,
    GpuDocument,
    Gpus,
    Model,
    Models,
    ModelWithConfig,
    PriceUsd,
    Published,
    SystemDocument,
    Systems,
)
from app.services.errors import NotFound
from app.services.model_facts import parameters_of
from app.services.model_parts import kind_of, layer_kinds, parts_of, state_bytes


class CatalogDocuments:
    """Documents of the catalogue's entries, made once: a catalogue never changes."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    @cached_property
    def models(self) -> Models:
        """All models."""
        entries = self._catalog.models.values()
        return Models(self._catalog.version, [_model(entry) for entry in entries])

    @cached_property
    def gpus(self) -> Gpus:
        """All GPUs."""
        entries = self._catalog.gpus.values()
        return Gpus(self._catalog.version, [_gpu(entry) for entry in entries])

    @cached_property
    def systems(self) -> Systems:
        """All systems."""
        entries = self._catalog.systems.values()
        return Systems(self._catalog.version, [_system(entry) for entry in entries])

    def systems_of(self, gpu_id: str) -> list[SystemDocument]:
        """The systems with a GPU."""
        return [system for system in self.systems.items if system.gpu == gpu_id]

    def system(self, system_id: str) -> SystemDocument:
        """One system; raises NotFound, which names the nearest ids."""
        entry = self._catalog.systems.get(system_id)
        if entry is None:
            raise NotFound(no_such("system", system_id, self._catalog.systems))
        return _system(entry)

    def model(self, model_id: str) -> ModelWithConfig:
        """One model; raises NotFound, which names the nearest ids."""
        entry = self._catalog.models.get(model_id)
        if entry is None:
            raise NotFound(no_such("model", model_id, self._catalog.models))
        summary = _model(entry)
        facts = {field.name: getattr(summary, field.name) for field in fields(summary)}
        return ModelWithConfig(
            **facts,
            kind=kind_of(entry.spec),
            parts=parts_of(entry.spec),
            layer_kinds=layer_kinds(entry.spec),
            state_bytes=state_bytes(entry.spec),
            config=entry.config,
        )

    def gpu(self, gpu_id: str) -> GpuDocument:
        """One GPU; raises NotFound, which names the nearest ids."""
        entry = self._catalog.gpus.get(gpu_id)
        if entry is None:
            raise NotFound(no_such("GPU", gpu_id, self._catalog.gpus))
        return _gpu(entry)


def _model(entry: ModelEntry) -> Model:
    spec = entry.spec
    return Model(
        id=entry.id,
        name=entry.name,
        family=entry.family,
        license=entry.license,
        model_type=spec.model_type,
        parameters=parameters_of(spec),
        hidden_size=spec.hidden_size,
        vocab_size=spec.vocab_size,
        layers=len(spec.layers),
        max_position=spec.max_position,
        tied_embeddings=spec.tied_embeddings,
        is_mixture=spec.is_mixture,
        layer_pattern=entry.layer_pattern,
        same_architecture_as=entry.same_architecture_as,
        published=Published(
            entry.published_parameters,
            entry.published_repository,
            entry.published_match,
            entry.published_note,
        ),
        transformers_class=entry.transformers_class,
        source=entry.source,
    )


def _gpu(entry: GpuEntry) -> GpuDocument:
    gpu = entry.gpu
    return GpuDocument(
        id=entry.id,
        name=entry.name,
        vendor=entry.vendor,
        architecture=entry.architecture,
        compute_capability=entry.compute_capability,
        memory_gb=entry.memory_gb,
        memory_type=entry.memory_type,
        memory_note=entry.memory_note,
        devices_per_package=entry.devices_per_package,
        driver_bytes=gpu.driver_bytes,
        driver_evidence=entry.driver_evidence,
        torch_bytes=gpu.torch_bytes,
        torch_basis=entry.plan_basis,
        memory_bandwidth_gb_s=entry.memory_bandwidth_gb_s,
        bf16_native=entry.bf16_native,
        bf16_tflops=entry.bf16_tflops,
        fp8_tflops=entry.fp8_tflops,
        tf32_tflops=entry.tf32_tflops,
        fp32_tflops=entry.fp32_tflops,
        compute_note=entry.compute_note,
        interconnect=entry.interconnect,
        interconnect_gb_s=entry.interconnect_gb_s,
        pcie=entry.pcie,
        pcie_gb_s=entry.pcie_gb_s,
        power_w=entry.power_w,
        form_factor=entry.form_factor,
        launch_year=entry.launch_year,
        price_usd=_price(entry.price),
        cloud_usd=_rate(entry.cloud),
        source=entry.source,
        confidence=entry.confidence,
        ecc=entry.ecc,
        compute_dies=entry.compute_dies,
        facts=[fact_document(fact, entry) for fact in FACTS],
    )


def fact_document(fact: Fact, entry: GpuEntry) -> FactDocument:
    """One fact of a GPU with its evidence."""
    known = fact.known(entry)
    return FactDocument(
        key=fact.key,
        label=fact.label,
        value=fact.value(entry),
        unit=fact.unit,
        own=fact.own,
        note=fact.note(entry),
        basis=known.basis,
        confidence=known.confidence,
        source=known.source,
        source_url=known.source_url,
    )


def _system(entry: SystemEntry) -> SystemDocument:
    evidence = entry.evidence
    return SystemDocument(
        id=entry.id,
        name=entry.name,
        maker=entry.maker,
        kind=entry.kind,
        gpu=entry.gpu,
        gpus_per_node=entry.gpus_per_node,
        host_memory_gib=entry.host_memory_gib,
        nvme_gib=entry.nvme_gib,
        network=entry.network,
        network_gb_s=entry.network_gb_s,
        note=entry.note,
        price_usd=_price(entry.prices[0] if entry.prices else None),
        cloud_usd=_rate(entry.cloud),
        hardware={
            "gpu": entry.gpu,
            "gpus_per_node": entry.gpus_per_node,
            "nodes": 1,
            "host_memory_gib": entry.host_memory_gib,
            "nvme_gib": entry.nvme_gib or 0,
        },
        basis=evidence.basis,
        confidence=evidence.confidence or "medium",
        source=evidence.source or entry.maker,
        source_url=evidence.source_url,
    )


def _price(price: Price | None) -> PriceUsd | None:
    if price is None:
        return None
    low, high = price.low_cents / 100, price.high_cents / 100
    return PriceUsd(price.kind, low, high, price.source, price.as_of)


def _rate(rate: CloudRate | None) -> PriceUsd | None:
    if rate is None:
        return None
    low, high = rate.low_cents_per_hour / 100, rate.high_cents_per_hour / 100
    return PriceUsd("cloud_per_hour", low, high, rate.source, rate.as_of)
