"""The catalogue as programs read it."""

from __future__ import annotations

from dataclasses import fields
from functools import cached_property

from app.catalog import Catalog, CloudRate, GpuEntry, ModelEntry, Price, no_such
from app.schemas.catalog import (
    GpuDocument,
    Gpus,
    Model,
    Models,
    ModelWithConfig,
    PriceUsd,
    Published,
)
from app.schemas.profiles import Parameters
from app.services.errors import NotFound


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

    def model(self, model_id: str) -> ModelWithConfig:
        """One model; raises NotFound, which names the nearest ids."""
        entry = self._catalog.models.get(model_id)
        if entry is None:
            raise NotFound(no_such("model", model_id, self._catalog.models))
        summary = _model(entry)
        facts = {field.name: getattr(summary, field.name) for field in fields(summary)}
        return ModelWithConfig(**facts, config=entry.config)

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
        parameters=Parameters(
            spec.total_parameters, spec.active_parameters, spec.largest_layer_parameters
        ),
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
