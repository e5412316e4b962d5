"""`POST /api/v1/estimates`: what comes in, and the document that goes out.

The answer's types are plain dataclasses: they are built by the service from numbers that the domain
computed, dumped once, and read back from storage for saved plans, so pages render a live and a
stored result from the same type.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from app.catalog.huggingface import reading
from app.catalog.huggingface.towers import Towers
from app.domain.recipe import Trainer
from app.domain.training import (
    Allocator,
    AttentionKernel,
    Method,
    OptimizerId,
    OptimizerKernel,
    PrecisionId,
    ReduceDtype,
)
from app.schemas.numbers import INTEGRAL, Bytes, Flag, Whole

# Bounds far beyond any real job: they keep arithmetic and answers small.
MAX_SEQUENCE = 16_777_216
MAX_MICRO_BATCH = 65_536
MAX_GPUS_PER_NODE = 1_024
MAX_NODES = 65_536
MAX_HOST_MEMORY_GIB = 1_048_576
MAX_NVME_GIB = 134_217_728


class Request(BaseModel):
    """Base of all request bodies: unknown fields are refused, numbers are finite."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, frozen=True)


class Dimensions(Request):
    """A decoder by its dimensions, named as in a config.json: for a family that is not known.

    Equal layers of Llama's shape are assumed, with routed experts where `num_experts` is given, and
    every estimate says so.
    """

    hidden_size: Whole = Field(ge=1, le=reading.MAX_HIDDEN, examples=[4096])
    num_hidden_layers: Whole = Field(ge=1, le=reading.MAX_LAYERS, examples=[32])
    num_attention_heads: Whole = Field(ge=1, le=reading.MAX_HEADS, examples=[32])
    vocab_size: Whole = Field(ge=1, le=reading.MAX_VOCABULARY, examples=[128256])
    intermediate_size: Whole | None = Field(
        None,
        ge=1,
        le=reading.MAX_HIDDEN,
        description="Inner size of the feed-forward network; not needed where there are experts.",
        examples=[14336],
    )
    num_key_value_heads: Whole | None = Field(
        None, ge=1, le=reading.MAX_HEADS, description="Left out: one for each attention head."
    )
    head_dim: Whole | None = Field(
        None, ge=1, le=reading.MAX_HEAD_DIM, description="Left out: hidden size over heads."
    )
    gated_mlp: Flag = Field(True, description="Three matrices as in SwiGLU; false: two.")
    attention_bias: Flag = False
    tie_word_embeddings: Flag = False
    num_experts: Whole | None = Field(None, ge=1, le=reading.MAX_EXPERTS)
    num_experts_per_tok: Whole | None = Field(None, ge=1, le=reading.MAX_EXPERTS)
    moe_intermediate_size: Whole | None = Field(None, ge=1, le=reading.MAX_HIDDEN)
    max_position_embeddings: Whole | None = Field(None, ge=1, le=reading.MAX_POSITIONS)


class ModelChoice(Request):
    """Exactly one of a catalogue id, a saved profile, a Hugging Face config.json or dimensions."""

    id: str | None = Field(None, max_length=200, examples=["meta-llama/Llama-3.1-70B"])
    profile: str | None = Field(None, max_length=64)
    config: dict[str, Any] | None = Field(
        None, description="A config.json, read as data: no code that it names is run."
    )
    dimensions: Dimensions | None = None
    towers: Towers | None = Field(
        None,
        description="Of a multimodal config, inline or saved: the text model alone, or its towers "
        "beside it, frozen or trained. Left out: as the profile says, else none.",
    )

    @property
    def is_inline(self) -> bool:
        """Whether the request itself holds the model: no address of the planner does."""
        return self.config is not None or self.dimensions is not None


class HardwareChoice(Request):
    """A GPU of the catalogue × count × nodes, or a saved profile."""

    gpu: str | None = Field(None, max_length=64, examples=["rtxpro6000-ws"])
    gpus_per_node: Whole = Field(1, ge=1, le=MAX_GPUS_PER_NODE)
    nodes: Whole = Field(1, ge=1, le=MAX_NODES)
    host_memory_gib: Whole = Field(512, ge=0, le=MAX_HOST_MEMORY_GIB)
    nvme_gib: Whole = Field(4_000, ge=0, le=MAX_NVME_GIB)
    usable_memory_bytes: Bytes | None = None
    profile: str | None = Field(None, max_length=64)


class LoraChoice(Request):
    rank: Whole = Field(16, ge=1, le=65_536)
    target_modules: str | list[str] = Field("all-linear", max_length=256)


class TrainingChoice(Request):
    """The job. Everything has a default: an empty object is a valid, sensible job."""

    method: Method = "full"
    precision: PrecisionId = "bf16_mixed"
    optimizer: OptimizerId = "adamw"
    optimizer_kernel: OptimizerKernel = "fused"
    sequence_length: Whole = Field(2048, ge=1, le=MAX_SEQUENCE)
    micro_batch_size: Whole = Field(1, ge=1, le=MAX_MICRO_BATCH)
    gradient_accumulation_steps: Whole = Field(1, ge=1, le=1_000_000)
    activation_checkpointing: Flag = True
    attention: AttentionKernel = "sdpa"
    fused_loss: Flag = False
    lora: LoraChoice = LoraChoice()


BucketSize = Annotated[int, Field(strict=True, ge=0, le=2**50), INTEGRAL] | Literal["auto"]


class DeepSpeedChoice(BaseModel):
    """DeepSpeed's own `zero_optimization` keys. Keys that move no memory are ignored."""

    model_config = ConfigDict(extra="allow", allow_inf_nan=False, frozen=True)

    reduce_bucket_size: BucketSize = 500_000_000
    allgather_bucket_size: BucketSize = 500_000_000
    overlap_comm: Flag | None = None
    contiguous_gradients: Flag = True
    sub_group_size: BucketSize = 1_000_000_000
    stage3_max_live_parameters: BucketSize = 1_000_000_000
    stage3_max_reuse_distance: BucketSize = 1_000_000_000
    stage3_prefetch_bucket_size: BucketSize = 50_000_000
    stage3_param_persistence_threshold: BucketSize = 100_000


class FsdpChoice(Request):
    reduce_dtype: ReduceDtype = "fp32"


class OptionsChoice(Request):
    deepspeed: DeepSpeedChoice = DeepSpeedChoice()
    fsdp: FsdpChoice = FsdpChoice()
    allocator: Allocator = "default"
    trainer: Trainer = Field(
        "pytorch",
        description="The loop that trains: a plain PyTorch one, or Hugging Face Trainer with "
        "accelerate, which wraps the model its own way (FSDP then reduces in bf16).",
    )


class EstimateRequest(Request):
    model: ModelChoice
    hardware: HardwareChoice
    training: TrainingChoice = TrainingChoice()
    strategies: list[str] | None = Field(None, min_length=1, max_length=32)
    options: OptionsChoice = OptionsChoice()


Verdict = Literal["fits", "tight", "does_not_fit", "unsupported"]
Phase = Literal["setup", "forward", "backward", "step", "resident"]
Group = Literal[
    "weights", "gradients", "optimizer_states", "activations", "logits_and_loss", "buffers"
]


@dataclass(slots=True)
class ModelSummary:
    """The model that was planned; `assumptions` say what of it is not read but assumed."""

    id: str
    total_parameters: int
    trainable_parameters: int
    active_parameters: int
    assumptions: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Capacity:
    """Bytes of one GPU: what the driver offers, what the runtime takes, what is left."""

    device_bytes: int
    reserved_for_runtime_bytes: int
    usable_bytes: int


@dataclass(slots=True)
class Peak:
    """The highest allocated bytes of a steady step, and where nine of ten real runs fall."""

    phase: Phase
    allocated_bytes: int
    low_bytes: int
    high_bytes: int


@dataclass(slots=True)
class Phases:
    setup: int
    forward: int
    backward: int
    step: int
    resident: int


@dataclass(slots=True)
class Component:
    """One allocation alive at the peak: its equation, that with this job's values, its source."""

    name: str
    group: Group
    bytes: int
    formula: str
    values: str
    source: str
    source_url: str
    kind: Literal["derived", "fitted", "assumed"] = "derived"


@dataclass(slots=True)
class Evidence:
    """Measured runs near an estimate, the engine's error on them, and the nearest ids.

    `measured_runs` trained by the same method under the same engine with states in the same places;
    `same_family_runs` of them a model of the same family. `outside` says in which respects the job
    is unlike every measured run, `validated` that there are none: the band is wider where there
    are. `worst_error` is signed. The later fields are null in results that were saved without them.
    """

    measured_runs: int
    mean_abs_error: float
    nearest: list[str]
    worst_error: float | None = None
    same_family_runs: int | None = None
    validated: bool | None = None
    outside: list[str] = field(default_factory=list)


@dataclass(slots=True)
class StrategyEstimate:
    """One strategy. Numbers are null where the verdict is `unsupported`; `notes` says why."""

    strategy: str
    title: str
    framework: str
    verdict: Verdict
    peak: Peak | None
    phases: Phases | None
    components: list[Component]
    reserved_bytes: int | None
    device_used_bytes: int | None
    headroom_bytes: int | None
    host_bytes: int | None
    nvme_bytes: int | None
    max_micro_batch_size: int | None
    notes: list[str]
    evidence: Evidence


@dataclass(slots=True)
class EstimateResponse:
    """The whole answer; `evidence` is that of all its estimates together.

    `trainer` is the training loop that they assume, with the settings that it makes.
    """

    engine_version: str
    catalog_version: str
    model: ModelSummary
    capacity: Capacity
    estimates: list[StrategyEstimate]
    evidence: Evidence
    trainer: Trainer = "pytorch"


ESTIMATE_RESPONSE: TypeAdapter[EstimateResponse] = TypeAdapter(EstimateResponse)
