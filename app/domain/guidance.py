"""What the field recommends: one record per rule, with where it is written.

Levels say in which order to shard and offload. Between frameworks that are equals at a level, rules
say which to take: those that apply are asked in order, and the first one's framework wins.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from app.domain.job import Job
from app.domain.strategies import FrameworkId, Strategy

Trainer = Literal["hf_trainer", "pytorch", "megatron"]
Offload = Literal["none", "cpu", "nvme"]

# Models that are sold as 7B to 70B count between these: Llama-2-7b has 6.7, Qwen2.5-72B 72.7.
_FROM, _TO = 6_500_000_000, 75_000_000_000


class Wishes(NamedTuple):
    """What the customer's team prefers. `offload` is the deepest that it allows."""

    trainer: Trainer = "hf_trainer"
    offload: Offload = "none"
    team_knows_deepspeed: bool = False
    debugging_matters: bool = False


class Situation(NamedTuple):
    """What a rule looks at: the job, the wishes, and the best level's strategies.

    `beyond_full_sharding`: parameters sharded over every GPU were tried and do not fit.
    """

    job: Job
    wishes: Wishes
    level: tuple[Strategy, ...]
    beyond_full_sharding: bool


@dataclass(frozen=True)
class Level:
    """Why strategies of one `complexity` come where they do."""

    id: str
    text: str
    source: str
    source_url: str


@dataclass(frozen=True)
class Rule:
    """One piece of guidance on the framework: what it says, when it applies, where it is from."""

    id: str
    favours: FrameworkId
    text: str
    source: str
    source_url: str
    applies: Callable[[Situation], bool]


_ZERO = "https://arxiv.org/abs/1910.02054"
_OFFLOAD = (
    "ZeRO-Offload, section 3: what is offloaded so that the least crosses PCIe",
    "https://arxiv.org/abs/2101.06840",
)

_OFFLOADED_OPTIMIZER = Level(
    "offload_optimizer",
    "The optimizer moves to host memory only when the GPUs cannot hold it.",
    *_OFFLOAD,
)

LEVELS: dict[int, Level] = {
    0: Level(
        "replicate",
        "A model that fits whole on every GPU is replicated: nothing has to be gathered.",
        "ZeRO, section 7.1: data parallelism moves 2Ψ, Ψ being the model",
        _ZERO,
    ),
    1: Level(
        "shard_states",
        "Optimizer states and gradients are sharded first: that moves no more than replicas do.",
        "ZeRO, section 7.2.1: stages 1 and 2 move 2Ψ",
        _ZERO,
    ),
    2: Level(
        "shard_parameters",
        "Parameters are sharded only when they have to be: half as much again is moved.",
        "ZeRO, section 7.2.2: stage 3 moves 3Ψ",
        _ZERO,
    ),
    3: _OFFLOADED_OPTIMIZER,
    4: _OFFLOADED_OPTIMIZER,
    5: Level(
        "offload_parameters",
        "Parameters follow the optimizer last: they cross PCIe twice in every step.",
        *_OFFLOAD,
    ),
    6: Level(
        "nvme_last",
        "NVMe comes last: it is the slowest place that a state can be in.",
        "ZeRO-Infinity, section 4: bandwidth that each place needs",
        "https://arxiv.org/abs/2104.07857",
    ),
}
"""By `Strategy.complexity`."""

_ARTICLE = (
    "VRLA Tech, DeepSpeed vs PyTorch FSDP, 2026",
    "https://vrlatech.com/deepspeed-vs-pytorch-fsdp-which-distributed-training-framework-in-2026/",
)
_ACCELERATE = (
    "Accelerate, FSDP vs DeepSpeed",
    "https://huggingface.co/docs/accelerate/concept_guides/fsdp_and_deepspeed",
)
_LARGE_MODELS = (
    "DeepSpeed, Training your large model with DeepSpeed",
    "https://www.deepspeed.ai/tutorials/large-models-w-deepspeed/",
)


def _offloads_to(place: Offload) -> Callable[[Situation], bool]:
    return lambda situation: any(s.offload == place for s in situation.level)


def _is_default_range(situation: Situation) -> bool:
    hardware, parameters = situation.job.hardware, situation.job.spec.total_parameters
    return 2 <= hardware.world_size <= 8 and _FROM <= parameters <= _TO


RULES: tuple[Rule, ...] = (
    Rule(
        "nvme_needs_deepspeed",
        "deepspeed",
        "Only DeepSpeed offloads to NVMe; FSDP cannot.",
        *_ACCELERATE,
        _offloads_to("nvme"),
    ),
    Rule(
        "cpu_offload_is_deepspeeds",
        "deepspeed",
        "DeepSpeed's offload to host memory is more mature; FSDP's moves all or nothing.",
        *_ARTICLE,
        _offloads_to("cpu"),
    ),
    Rule(
        "beyond_full_sharding",
        "deepspeed",
        "A model that does not fit even fully sharded is a case for DeepSpeed.",
        *_ARTICLE,
        lambda situation: situation.beyond_full_sharding,
    ),
    Rule(
        "on_the_way_to_megatron",
        "deepspeed",
        "Megatron-DeepSpeed, with tensor and pipeline parallelism, is built on DeepSpeed.",
        *_LARGE_MODELS,
        lambda situation: situation.wishes.trainer == "megatron",
    ),
    Rule(
        "team_knows_deepspeed",
        "deepspeed",
        "A team that already runs DeepSpeed keeps its configurations and its experience.",
        *_ARTICLE,
        lambda situation: situation.wishes.team_knows_deepspeed,
    ),
    Rule(
        "readable_stack_traces",
        "pytorch_fsdp",
        "FSDP's errors are PyTorch's own stack traces, which are easier to read.",
        *_ARTICLE,
        lambda situation: situation.wishes.debugging_matters,
    ),
    Rule(
        "fsdp_is_the_default",
        "pytorch_fsdp",
        "FSDP is the default for fine-tuning models of 7B to 70B on 2 to 8 GPUs.",
        *_ARTICLE,
        _is_default_range,
    ),
    Rule(
        "trainer_takes_fsdp",
        "pytorch_fsdp",
        "Hugging Face Trainer switches FSDP on with one setting (fsdp).",
        "Transformers, TrainingArguments",
        "https://huggingface.co/docs/transformers/main_classes/trainer",
        lambda situation: situation.wishes.trainer == "hf_trainer",
    ),
    Rule(
        "native_pytorch",
        "pytorch_fsdp",
        "A training loop in native PyTorch stays there with FSDP.",
        "PyTorch, fully_shard",
        "https://docs.pytorch.org/docs/stable/distributed.fsdp.fully_shard.html",
        lambda situation: situation.wishes.trainer == "pytorch",
    ),
)
"""In the order in which they are asked."""

NOT_PLANNED = (
    "Tensor and pipeline parallelism, which Megatron-DeepSpeed adds, cannot be planned yet. "
    "What follows is what the same GPUs do with data parallelism alone."
)


def fired(situation: Situation) -> tuple[Rule, ...]:
    """The rules that apply, the deciding one first."""
    return tuple(rule for rule in RULES if rule.applies(situation))
