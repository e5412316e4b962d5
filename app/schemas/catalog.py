"""`/api/v1/models` and `/api/v1/gpus`: the catalogue's entries with their sources."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from app.schemas.profiles import Parameters


@dataclass(frozen=True, slots=True)
class Published:
    """What the publisher's checkpoint holds, and how that compares with our count."""

    parameters: int | None
    repository: str | None
    match: Literal["exact", "explained", "estimate_only", "none"]
    note: str | None


@dataclass(frozen=True, slots=True)
class Model:
    """A model of the catalogue. `parameters` are exact counts of the text model."""

    id: str
    name: str
    family: str
    license: str
    model_type: str
    parameters: Parameters
    hidden_size: int
    vocab_size: int
    layers: int
    max_position: int | None
    tied_embeddings: bool
    is_mixture: bool
    layer_pattern: str | None
    same_architecture_as: list[str]
    published: Published
    transformers_class: str
    source: str


@dataclass(frozen=True, slots=True)
class PartDocument:
    """A part of a model with its parameters; the parts add up to the total."""

    name: str
    label: str
    parameters: int


@dataclass(frozen=True, slots=True)
class LayerDocument:
    """Layers that are built alike: their places from 0, and the parameters of one of them."""

    places: list[int]
    mixer: str
    mlp: str
    parameters: int
    largest_tensor: int


@dataclass(frozen=True, slots=True)
class StateDocument:
    """What one training state of all parameters takes, before anything shards it."""

    name: str
    note: str
    bytes_per_parameter: int
    bytes: int


@dataclass(frozen=True, slots=True)
class ModelWithConfig(Model):
    """A model and the architecture that it is planned with, as config.json keys."""

    kind: Literal["dense", "mixture", "hybrid"]
    parts: list[PartDocument]
    layer_kinds: list[LayerDocument]
    state_bytes: list[StateDocument]
    config: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Models:
    """Every model that can be planned by its id, in the catalogue's order."""

    catalog_version: str
    items: list[Model]


@dataclass(frozen=True, slots=True)
class PriceUsd:
    """Dollars, an order of magnitude with its source; `as_of` is a day, a month or a year."""

    kind: Literal["street", "list", "cloud_per_hour"]
    low: float
    high: float
    source: str
    as_of: str


@dataclass(frozen=True, slots=True)
class FactDocument:
    """One fact of a GPU and how it is known.

    `key` is a field of the GPU; `basis` says who says so, `confidence` how sure that is. `own`
    facts can be replaced in a hardware profile by naming them.
    """

    key: str
    label: str
    value: str | int | float | bool | None
    unit: str
    own: bool
    note: str | None
    basis: Literal["measured", "vendor", "third_party", "derived", "assumed"]
    confidence: Literal["high", "medium", "low"]
    source: str
    source_url: str | None


@dataclass(frozen=True, slots=True)
class GpuDocument:
    """A GPU of the catalogue.

    `driver_bytes` is what nvidia-smi calls total and `torch_bytes` what PyTorch can have, the
    figure to plan with; both count one device where a package shows as several. TFLOPS are dense,
    `interconnect_gb_s` counts both directions and `pcie_gb_s` one, `price_usd` one package.
    """

    id: str
    name: str
    vendor: str
    architecture: str
    compute_capability: str
    memory_gb: int
    memory_type: str
    memory_note: str
    devices_per_package: int
    driver_bytes: int
    driver_evidence: str
    torch_bytes: int
    torch_basis: str
    memory_bandwidth_gb_s: int
    bf16_native: bool
    bf16_tflops: float | None
    fp8_tflops: float | None
    tf32_tflops: float | None
    fp32_tflops: float | None
    compute_note: str | None
    interconnect: str
    interconnect_gb_s: float
    pcie: str
    pcie_gb_s: float
    power_w: int
    form_factor: str
    launch_year: int
    price_usd: PriceUsd | None
    cloud_usd: PriceUsd | None
    source: str
    confidence: Literal["high", "medium", "low"]
    ecc: Literal["none", "built_in", "inline_on", "inline_off"]
    compute_dies: int
    facts: list[FactDocument]


@dataclass(frozen=True, slots=True)
class Gpus:
    """Every GPU that can be planned by its id, in the catalogue's order."""

    catalog_version: str
    items: list[GpuDocument]


@dataclass(frozen=True, slots=True)
class SystemDocument:
    """A machine that is sold or rented as one. Memory, NVMe, network and price are of one node.

    `network_gb_s` is what its links to other nodes carry together in one direction; `hardware` is
    what an estimate takes, `null` fields of the system left at nothing.
    """

    id: str
    name: str
    maker: str
    kind: Literal["server", "cloud"]
    gpu: str
    gpus_per_node: int
    host_memory_gib: int
    nvme_gib: int | None
    network: str
    network_gb_s: float
    note: str | None
    price_usd: PriceUsd | None
    cloud_usd: PriceUsd | None
    hardware: dict[str, Any]
    basis: Literal["measured", "vendor", "third_party", "derived", "assumed"]
    confidence: Literal["high", "medium", "low"]
    source: str
    source_url: str | None


@dataclass(frozen=True, slots=True)
class Systems:
    """Every machine that is sold or rented as one, in the catalogue's order."""

    catalog_version: str
    items: list[SystemDocument]
