"""`POST /api/v1/system-searches`: which systems can run a job, best first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from app.domain.guidance import Offload
from app.schemas.estimates import (
    MAX_GPUS_PER_NODE,
    MAX_HOST_MEMORY_GIB,
    MAX_NVME_GIB,
    Evidence,
    ModelChoice,
    OptionsChoice,
    Request,
    TrainingChoice,
    Verdict,
)
from app.schemas.numbers import INTEGRAL, Flag, Whole
from app.schemas.profiles import Dollars

Vendor = Literal["nvidia", "amd", "intel"]

# Bounds that keep a search under a second.
MAX_SEARCHED_NODES = 128
MAX_COUNTS = 16
MAX_RESULTS = 1_000

Count = Annotated[int, Field(strict=True, ge=1, le=MAX_GPUS_PER_NODE), INTEGRAL]


class SystemSearchRequest(Request):
    """A model and a training job, and which systems to look at."""

    model: ModelChoice
    training: TrainingChoice = TrainingChoice()
    offload: Offload = Field("none", description="The deepest offload that a strategy may use.")
    max_price_usd: Dollars | None = Field(
        None,
        description="What the whole system may cost at the upper end of its price range. "
        "Systems without a price are left out then.",
    )
    gpu_counts: list[Count] = Field(
        [1, 2, 4, 8],
        min_length=1,
        max_length=MAX_COUNTS,
        description="GPUs per node to look at. Where this is left out, saved systems of any "
        "count join.",
    )
    max_nodes: Whole = Field(
        1, ge=1, le=MAX_SEARCHED_NODES, description="Every number of nodes up to this one."
    )
    limit: Whole = Field(20, ge=1, le=MAX_RESULTS)
    vendor: Vendor | None = None
    one_per_gpu: Flag = Field(
        False, description="Of each GPU of the catalogue only the system that ranks first."
    )
    host_memory_gib: Whole = Field(
        512,
        ge=0,
        le=MAX_HOST_MEMORY_GIB,
        description="Per node, of the systems of the catalogue; a saved one has its own.",
    )
    nvme_gib: Whole = Field(4_000, ge=0, le=MAX_NVME_GIB, description="As `host_memory_gib`.")
    options: OptionsChoice = OptionsChoice()


@dataclass(slots=True)
class PriceRange:
    """What a system costs to buy, in US dollars: the cards alone where it is not a saved system.

    Indicative. `as_of` is a day, a month or a year, as well as the source says.
    """

    kind: Literal["street", "list", "saved"]
    low: float
    high: float
    source: str
    as_of: str


@dataclass(slots=True)
class SystemResult:
    """One system with the best way to run the job on it.

    `hardware` can be posted to `/estimates`; verdict, headroom and the largest micro-batch are for
    the training as sent, or with `training_patch` merged into it. Bytes are per GPU, of host and
    NVMe per node.
    """

    name: str
    hardware: dict[str, Any]
    gpu: str
    gpus: int
    strategy: str
    strategy_title: str
    framework: str
    training_patch: dict[str, Any] | None
    verdict: Verdict
    headroom_bytes: int
    peak_bytes: int
    usable_bytes: int
    host_bytes: int
    nvme_bytes: int
    max_micro_batch_size: int
    price_usd: PriceRange | None
    notes: list[str]
    evidence: Evidence


@dataclass(slots=True)
class SystemSearch:
    """The systems that can run a job, best first.

    `candidates` counts the configurations looked at: systems × strategies × variants of the
    training. `systems` counts the systems, `fitting` and `tight` those of them that can run it.
    `near_misses`: the systems on which the job misses by the least. `reasons`: why the combination
    exists on none of them, where that is so.
    """

    engine_version: str
    catalog_version: str
    candidates: int
    systems: int
    fitting: int
    tight: int
    results: list[SystemResult]
    near_misses: list[SystemResult]
    reasons: list[str]


SYSTEM_SEARCH: TypeAdapter[SystemSearch] = TypeAdapter(SystemSearch)

SYSTEM_SEARCH_REQUESTS: dict[str, Any] = {
    "full_fine_tune": {
        "summary": "Llama-3.1-70B, full fine-tune, on up to four nodes",
        "value": {
            "model": {"id": "meta-llama/Llama-3.1-70B"},
            "training": {"sequence_length": 2048, "micro_batch_size": 1},
            "offload": "none",
            "max_price_usd": None,
            "gpu_counts": [4, 8],
            "max_nodes": 4,
            "limit": 20,
        },
    },
    "within_a_budget": {
        "summary": "QLoRA of a 70B model for at most 20,000 dollars of cards",
        "value": {
            "model": {"id": "meta-llama/Llama-3.1-70B"},
            "training": {"method": "qlora", "micro_batch_size": 2},
            "max_price_usd": 20000,
            "one_per_gpu": True,
        },
    },
    "offload": {
        "summary": "One GPU with offload to a large host",
        "value": {
            "model": {"id": "meta-llama/Llama-3.1-8B"},
            "offload": "cpu",
            "gpu_counts": [1],
            "host_memory_gib": 1024,
        },
    },
}
