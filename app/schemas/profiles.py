"""Model and hardware profiles: what comes in and what goes out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import AfterValidator, ConfigDict, Field, PlainSerializer, model_validator

from app.catalog.huggingface.towers import Towers
from app.domain.hardware import Gpu
from app.schemas.estimates import (
    MAX_GPUS_PER_NODE,
    MAX_HOST_MEMORY_GIB,
    MAX_NODES,
    MAX_NVME_GIB,
    Dimensions,
    Request,
)
from app.schemas.names import Name, Notes
from app.schemas.numbers import INTEGRAL, NOT_TEXT, Bytes, Flag, Number, Whole


class NewProfile(Request):
    """What every new profile has."""

    name: Name
    notes: Notes = ""


class NewProfileCopy(Request):
    """A copy of a profile; without a name it is called a copy."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "With twice the nodes"}]})

    name: Name | None = None


class NewModelProfile(NewProfile):
    """A model of one's own: a config.json, named dimensions, or a model of the catalogue."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"name": "Our 70B", "base": "meta-llama/Llama-3.1-70B"},
                {
                    "name": "Our 1B",
                    "config": {
                        "model_type": "llama",
                        "hidden_size": 2048,
                        "intermediate_size": 8192,
                        "num_hidden_layers": 16,
                        "num_attention_heads": 32,
                        "num_key_value_heads": 8,
                        "vocab_size": 128256,
                        "tie_word_embeddings": True,
                    },
                },
                {
                    "name": "A family of our own, assumed",
                    "dimensions": {
                        "hidden_size": 4096,
                        "num_hidden_layers": 32,
                        "num_attention_heads": 32,
                        "intermediate_size": 14336,
                        "vocab_size": 128256,
                    },
                },
            ]
        }
    )

    config: dict[str, Any] | None = Field(None, description="The contents of a config.json.")
    base: str | None = Field(None, max_length=200, description="The id of a catalogue model.")
    dimensions: Dimensions | None = Field(None, description="For a family that is not known.")
    repository: str | None = Field(
        None,
        max_length=200,
        description="org/name on Hugging Face, whose config.json is fetched once, where the server "
        "allows it.",
    )
    towers: Towers = Field("none", description="A multimodal config's tower: frozen or trained.")

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        sources = (self.config, self.base, self.dimensions, self.repository)
        if sum(source is not None for source in sources) != 1:
            raise ValueError("Give exactly one of config, base, dimensions or repository")
        return self


@dataclass(frozen=True, slots=True)
class Parameters:
    """Parameter counts of a model; `largest_layer` is the biggest unit that is gathered at once."""

    total: int
    active: int
    largest_layer: int
    largest_tensor: int


@dataclass(frozen=True, slots=True)
class LayerGroup:
    """`count` equal layers, the first of them at index `first`; `parameters` are of one."""

    count: int
    first: int
    mixer: str
    feed_forward: str
    parameters: int


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What a model was understood as.

    `trained`: what full fine-tuning trains, all but frozen towers. `layers` are groups of equal
    ones, by their first. `defaults`: keys that the config leaves out,
    with what the family's class takes instead. `assumptions` and `ignored` are sentences.
    """

    family: str
    model_type: str
    parameters: Parameters
    trained: int
    hidden_size: int
    vocab_size: int
    max_position: int | None
    tied_embeddings: bool
    layers: list[LayerGroup]
    assumptions: list[str]
    defaults: dict[str, Any]
    ignored: list[str]


@dataclass(frozen=True, slots=True)
class ModelProfile:
    """A saved model. `parameters` and `facts` are null where it can no longer be understood."""

    id: str
    version: int
    name: str
    notes: str
    base: str | None
    config: dict[str, Any] | None
    dimensions: dict[str, Any] | None
    towers: Towers
    parameters: Parameters | None
    facts: ModelFacts | None
    created_at: datetime
    updated_at: datetime


# Dollars are exact on the way in and a JSON number on the way out.
Dollars = Annotated[
    Decimal,
    Field(ge=0, le=1_000_000_000_000, decimal_places=2, examples=[38000, 8499.99]),
    NOT_TEXT,
    PlainSerializer(float, return_type=float, when_used="json"),
]


def _capability(value: str) -> str:
    if not re.fullmatch(r"[0-9]{1,2}\.[0-9]", value):
        raise ValueError("Use a version with one decimal, such as 9.0")
    return value


class GpuFacts(Request):
    """Facts of the catalogue's GPU that can be replaced by naming them; unnamed ones stay."""

    memory_gb: Annotated[int, Field(strict=True, ge=1, le=65_536), INTEGRAL] | None = Field(
        None,
        description="Memory as sold, in GiB; what driver and PyTorch report follows in proportion.",
    )
    driver_bytes: Bytes | None = Field(
        None, description="What nvidia-smi calls total; what PyTorch reports follows in proportion."
    )
    torch_bytes: Bytes | None = Field(None, description="What PyTorch's mem_get_info calls total.")
    usable_memory_bytes: Bytes | None = Field(
        None, description="What the caching allocator may hold; nothing more is deducted from it."
    )
    compute_capability: Annotated[str, AfterValidator(_capability)] | None = None
    bf16_native: Flag | None = None
    interconnect: str | None = Field(None, max_length=200)
    interconnect_gb_s: Annotated[Number, Field(gt=0, le=100_000)] | None = Field(
        None, description="Between GPUs, both directions together."
    )
    pcie: str | None = Field(None, max_length=200)
    pcie_gb_s: Annotated[Number, Field(gt=0, le=100_000)] | None = None
    memory_bandwidth_gb_s: (
        Annotated[int, Field(strict=True, ge=1, le=1_000_000), INTEGRAL] | None
    ) = None
    bf16_tflops: Annotated[Number, Field(gt=0, le=1_000_000)] | None = None
    power_w: Annotated[int, Field(strict=True, ge=1, le=100_000), INTEGRAL] | None = None


class NewHardwareProfile(NewProfile, GpuFacts):
    """A machine of one's own: a GPU of the catalogue with its count, its host and its price."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "Quad RTX PRO workstation",
                    "gpu": "rtxpro6000-ws",
                    "gpus_per_node": 4,
                    "nodes": 1,
                    "host_memory_gib": 512,
                    "nvme_gib": 4000,
                    "price_usd": 52000,
                    "interconnect": "PCIe 5.0 x16",
                }
            ]
        }
    )

    gpu: str = Field(max_length=64, description="The id of a catalogue GPU.")
    gpus_per_node: Whole = Field(1, ge=1, le=MAX_GPUS_PER_NODE)
    nodes: Whole = Field(1, ge=1, le=MAX_NODES)
    host_memory_gib: Whole = Field(512, ge=0, le=MAX_HOST_MEMORY_GIB, description="Per node.")
    nvme_gib: Whole = Field(4_000, ge=0, le=MAX_NVME_GIB, description="Per node.")
    price_usd: Dollars | None = Field(None, description="What the whole system costs.")
    network: str | None = Field(
        None, max_length=200, description="Between nodes, such as 8 × 400 Gb/s InfiniBand."
    )
    network_gb_s: Annotated[Number, Field(gt=0, le=100_000)] | None = Field(
        None, description="What a node's links to other nodes carry together, in one direction."
    )


@dataclass(frozen=True, slots=True)
class HardwareProfile:
    """A saved machine. `gpu_facts` are the catalogue's with `overrides` applied.

    `gpu_facts` is null where the catalogue no longer has the GPU.
    """

    id: str
    version: int
    name: str
    notes: str
    gpu: str
    gpus_per_node: int
    nodes: int
    host_memory_gib: int
    nvme_gib: int
    price_usd: float | None
    network: str | None
    network_gb_s: float | None
    interconnect: str | None
    overrides: dict[str, Any]
    gpu_facts: Gpu | None
    created_at: datetime
    updated_at: datetime
