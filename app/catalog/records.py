"""The records of the data files: what a model and a GPU entry may hold, nothing else.

Unknown keys, wrong types and impossible values are refused when the file is loaded.
"""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.catalog.huggingface import spec_from_config
from app.domain.architecture import ModelSpec
from app.domain.hardware import Gpu
from app.domain.units import MIB

Text = Annotated[str, Field(min_length=1)]
Count = Annotated[int, Field(gt=0)]
Link = Annotated[str, Field(pattern=r"^https://")]
Month = Annotated[str, Field(pattern=r"^20\d\d(-\d\d){0,2}$")]
Confidence = Literal["high", "medium", "low"]
Basis = Literal["measured", "vendor", "third_party", "derived", "assumed"]
# How a GPU's memory is checked for errors. `built_in` takes none of the memory; `inline` keeps its
# check bits in it, a sixteenth, and says whether it is on in the figure to plan with.
Ecc = Literal["none", "built_in", "inline_on", "inline_off"]


class Record(BaseModel):
    """Base of the data files' records."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class ModelEntry(Record):
    """A model: its architecture as config.json keys, and where its figures come from.

    `verified_*` are counts of the text model as the named transformers class builds it.
    `published_parameters` is what the publisher's checkpoint holds; `published_match` says how
    the two compare and `published_note` what makes the difference. Licence, longest position and
    sliding window are the publisher's statements: no count proves them.
    """

    id: Text
    name: Text
    family: Text
    license: Text
    config: dict[str, Any]
    source: Text
    transformers_class: Text
    verified_parameters: Count
    verified_active_parameters: Count
    verified_largest_layer: Count
    verified_largest_tensor: Count
    published_parameters: Count | None = None
    published_repository: Text | None = None
    published_match: Literal["exact", "explained", "estimate_only", "none"] = "none"
    published_note: Text | None = None
    layer_pattern: Text | None = None
    same_architecture_as: list[Text] = []

    @cached_property
    def spec(self) -> ModelSpec:
        """The architecture, enumerated. Built once."""
        return spec_from_config(self.config, self.id)


class Price(Record):
    """What one GPU costs to buy, in US cents: an order of magnitude, to be edited.

    `as_of` is a day, a month or a year (2026-05-25, 2026-05, 2026), as well as the source says.
    """

    kind: Literal["street", "list"]
    low_cents: Count
    high_cents: Count
    source: Text
    as_of: Month
    note: Text | None = None


class CloudRate(Record):
    """What one GPU costs to rent, in US cents per hour."""

    low_cents_per_hour: Count
    high_cents_per_hour: Count
    source: Text
    as_of: Month


class Evidence(Record):
    """How a fact is known; what is left out is as the record says of all of its facts.

    `measured`: read off such a card, by us or in public listings. `vendor`: published by the
    vendor. `third_party`: from somebody's tables. `derived`: worked out from other facts.
    `assumed`: nobody has shown it.
    """

    basis: Basis
    source: Text | None = None
    source_url: Link | None = None
    confidence: Confidence | None = None


class FactEvidence(Record):
    """Evidence of single facts of a GPU; `default` speaks for those that are not named.

    The two that every plan rests on are always named: what the driver and what PyTorch reports.
    """

    driver: Evidence
    torch: Evidence
    default: Evidence = Evidence(basis="third_party")
    memory_gb: Evidence | None = None
    ecc: Evidence | None = None
    compute_dies: Evidence | None = None
    bf16_tflops: Evidence | None = None
    bf16_native: Evidence | None = None
    pcie_gb_s: Evidence | None = None


class GpuEntry(Record):
    """A GPU, and how sure each of its figures is.

    `memory_gb` is the name on the box, `driver_mib` what the driver reports for the package,
    `plan_mib_per_rank` what PyTorch can have on one device of it: the figure to plan with.
    TFLOPS are dense. `interconnect_gb_s` counts both directions, `pcie_gb_s` one. `compute_dies`
    counts silicon, `devices_per_package` what software sees.
    """

    id: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")]
    name: Text
    vendor: Literal["nvidia", "amd", "intel"]
    architecture: Text
    memory_gb: Count
    memory_note: Text
    memory_type: Text
    devices_per_package: Count
    driver_mib: Count
    driver_evidence: Text
    plan_mib_per_rank: Count
    plan_basis: Text
    memory_bandwidth_gb_s: Count
    bf16_native: bool
    interconnect: Text
    interconnect_gb_s: Annotated[float, Field(ge=0)]
    pcie: Text
    pcie_gb_s: Annotated[float, Field(gt=0)]
    power_w: Count
    form_factor: Text
    launch_year: Annotated[int, Field(ge=2010, le=2100)]
    source: Text
    confidence: Confidence
    evidence: FactEvidence
    ecc: Ecc
    compute_dies: Count = 1
    compute_capability: str = ""
    torch_mib_seen: Text | None = None
    bf16_tflops: float | None = None
    fp8_tflops: float | None = None
    tf32_tflops: float | None = None
    fp32_tflops: float | None = None
    compute_note: Text | None = None
    prices: list[Price] = []
    cloud: CloudRate | None = None

    @property
    def price(self) -> Price | None:
        """The price to start from: what it sells for, else the list price."""
        street_first = sorted(self.prices, key=lambda price: price.kind != "street")
        return street_first[0] if street_first else None

    @property
    def price_source(self) -> str:
        """Where the price comes from and when, in a few words; empty without a price."""
        return f"{self.price.source}, {self.price.as_of}" if self.price else ""

    @cached_property
    def gpu(self) -> Gpu:
        """The GPU as the domain plans with it: memory per device, prices per package."""
        price = self.price
        return Gpu(
            id=self.id,
            name=self.name,
            vendor=self.vendor,
            architecture=self.architecture,
            compute_capability=self.compute_capability,
            memory_gb=self.memory_gb,
            driver_bytes=self.driver_mib * MIB // self.devices_per_package,
            torch_bytes=self.plan_mib_per_rank * MIB,
            devices_per_package=self.devices_per_package,
            bf16_native=self.bf16_native,
            interconnect=self.interconnect,
            interconnect_gb_s=self.interconnect_gb_s,
            pcie=self.pcie,
            pcie_gb_s=self.pcie_gb_s,
            memory_bandwidth_gb_s=self.memory_bandwidth_gb_s,
            bf16_tflops=self.bf16_tflops,
            power_w=self.power_w,
            price_low_cents=price.low_cents if price else None,
            price_high_cents=price.high_cents if price else None,
        )


class SystemEntry(Record):
    """A machine that is sold or rented as one: so many of a GPU, with its host. Per node.

    `network_gb_s` is what all of its links to other nodes carry in one direction. `price` is that
    of one node. What nobody publishes is left out.
    """

    id: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")]
    name: Text
    maker: Text
    kind: Literal["server", "cloud"]
    gpu: Text
    gpus_per_node: Count
    host_memory_gib: Count
    nvme_gib: Count | None = None
    network: Text
    network_gb_s: Annotated[float, Field(gt=0)]
    evidence: Evidence
    note: Text | None = None
    prices: list[Price] = []
    cloud: CloudRate | None = None
