"""Changes that could make a job fit: one record each, the cheapest for the customer first.

First what leaves the result of training alone and costs nothing, then what approximates, then what
trains less, then what is slower, then what has to be bought.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations

from app.domain.job import Job
from app.domain.limits import lacks_bf16
from app.schemas.estimates import EstimateRequest
from app.schemas.planning import Preferences
from app.services.patching import Patch, merge

NO_HARDWARE = "$0, no new hardware"
# Node counts worth offering, as multiples of what is planned.
GROWTH = (2, 4, 8, 16, 32)
# Tokens: below this a shorter sequence is no longer the same training.
SHORTEST = 512


@dataclass(frozen=True)
class Change:
    """One thing to change: an imperative, a noun, what it means, its cost, the patch."""

    text: str
    noun: str
    detail: str
    cost: str
    patch: Patch


Proposal = Callable[[EstimateRequest, Preferences, Job], Iterator[Change]]


def _other_strategy(
    request: EstimateRequest, preferences: Preferences, job: Job
) -> Iterator[Change]:
    if request.strategies is not None:
        yield Change(
            "Use another strategy",
            "another strategy",
            "Same result; the state is divided differently.",
            NO_HARDWARE,
            {"strategies": None},
        )


def _fp16(request: EstimateRequest, preferences: Preferences, job: Job) -> Iterator[Change]:
    if lacks_bf16(job):
        yield Change(
            "Use fp16 mixed precision",
            "fp16 mixed precision",
            "Same memory; needs loss scaling.",
            NO_HARDWARE,
            {"training": {"precision": "fp16_mixed"}},
        )


def _expandable_segments(
    request: EstimateRequest, preferences: Preferences, job: Job
) -> Iterator[Change]:
    if job.options.allocator == "default":
        yield Change(
            "Set expandable_segments:True",
            "expandable segments",
            "One environment variable; the allocator fragments less.",
            NO_HARDWARE,
            {"options": {"allocator": "expandable_segments"}},
        )


def _checkpointing(
    request: EstimateRequest, preferences: Preferences, job: Job
) -> Iterator[Change]:
    if not job.training.activation_checkpointing:
        yield Change(
            "Turn on activation checkpointing",
            "activation checkpointing",
            "Same result; recomputes each layer in the backward pass.",
            NO_HARDWARE,
            {"training": {"activation_checkpointing": True}},
        )


def _smaller_micro_batch(
    request: EstimateRequest, preferences: Preferences, job: Job
) -> Iterator[Change]:
    batch, steps = job.training.micro_batch_size, job.training.gradient_accumulation_steps
    divisors = [d for d in range(batch - 1, 0, -1) if batch % d == 0][:8]
    for smaller in divisors:
        yield Change(
            f"Use micro-batch {smaller} and {steps * batch // smaller} accumulation steps",
            f"micro-batch {smaller}",
            "Same global batch, in smaller pieces.",
            NO_HARDWARE,
            {
                "training": {
                    "micro_batch_size": smaller,
                    "gradient_accumulation_steps": steps * batch // smaller,
                }
            },
        )


def _flash_attention(
    request: EstimateRequest, preferences: Preferences, job: Job
) -> Iterator[Change]:
    if job.training.attention == "eager":
        yield Change(
            "Use SDPA attention",
            "SDPA attention",
            "Same result; the scores are never kept whole.",
            NO_HARDWARE,
            {"training": {"attention": "sdpa"}},
        )


def _eight_bit_optimizer(
    request: EstimateRequest, preferences: Preferences, job: Job
) -> Iterator[Change]:
    if job.training.optimizer == "adamw" and job.training.method == "full":
        yield Change(
            "Use 8-bit AdamW",
            "8-bit AdamW",
            "Quantised optimizer states; nearly the same result.",
            NO_HARDWARE,
            {"training": {"optimizer": "adamw_8bit"}},
        )


def _lora(request: EstimateRequest, preferences: Preferences, job: Job) -> Iterator[Change]:
    if job.training.method == "full":
        rank = job.training.lora.rank
        yield Change(
            f"Switch to LoRA, rank {rank}, all linear layers",
            "LoRA",
            "Trains small adapters and leaves the model frozen.",
            NO_HARDWARE,
            {"training": {"method": "lora"}},
        )


def _offload_to_host(
    request: EstimateRequest, preferences: Preferences, job: Job
) -> Iterator[Change]:
    if preferences.offload == "none":
        yield Change(
            "Allow offload to host memory",
            "offload to host memory",
            "Same result; slower, since states cross PCIe in every step.",
            NO_HARDWARE,
            {"preferences": {"offload": "cpu"}},
        )


def _qlora(request: EstimateRequest, preferences: Preferences, job: Job) -> Iterator[Change]:
    if job.training.method != "qlora":
        rank = job.training.lora.rank
        yield Change(
            f"Switch to QLoRA, rank {rank}",
            "QLoRA",
            "Adapters on a model quantised to 4 bits.",
            NO_HARDWARE,
            {"training": {"method": "qlora"}},
        )


def _offload_to_nvme(
    request: EstimateRequest, preferences: Preferences, job: Job
) -> Iterator[Change]:
    if preferences.offload != "nvme":
        yield Change(
            "Allow offload to NVMe",
            "offload to NVMe",
            "Same result; much slower.",
            NO_HARDWARE,
            {"preferences": {"offload": "nvme"}},
        )


def _fused_loss(request: EstimateRequest, preferences: Preferences, job: Job) -> Iterator[Change]:
    if not job.training.fused_loss:
        yield Change(
            "Use a fused loss",
            "a fused loss",
            "Same result; the logits are never kept whole (Liger kernels).",
            NO_HARDWARE,
            {"training": {"fused_loss": True}},
        )


def _shorter_sequence(
    request: EstimateRequest, preferences: Preferences, job: Job
) -> Iterator[Change]:
    shorter = job.training.sequence_length
    while shorter // 2 >= SHORTEST:
        shorter //= 2
        yield Change(
            f"Shorten the sequence to {shorter:,} tokens",
            f"{shorter:,} tokens",
            "Longer documents are cut or split.",
            NO_HARDWARE,
            {"training": {"sequence_length": shorter}},
        )


def _more_nodes(request: EstimateRequest, preferences: Preferences, job: Job) -> Iterator[Change]:
    if request.hardware.gpu is None:
        return
    hardware = job.hardware
    for factor in GROWTH:
        nodes = hardware.nodes * factor
        more = hardware.gpus_per_node * (nodes - hardware.nodes)
        yield Change(
            f"Grow to {hardware.gpus_per_node * nodes:,} GPUs ({nodes:,} nodes)",
            f"{hardware.gpus_per_node * nodes:,} GPUs",
            "Needs a fast network between the nodes.",
            _price(job, more),
            {"hardware": {"nodes": nodes}},
        )


def _price(job: Job, cards: int) -> str:
    gpu = job.hardware.gpu
    if gpu.price_low_cents is None or gpu.price_high_cents is None:
        return f"{cards:,} more cards; no public price"
    low, high = gpu.price_low_cents * cards // 100, gpu.price_high_cents * cards // 100
    span = f"${low:,}" if low == high else f"${low:,}–{high:,}"
    return f"{span} for {cards:,} more cards"


PROPOSALS: tuple[Proposal, ...] = (
    _fp16,
    _other_strategy,
    _expandable_segments,
    _checkpointing,
    _flash_attention,
    _fused_loss,
    _smaller_micro_batch,
    _eight_bit_optimizer,
    _lora,
    _offload_to_host,
    _qlora,
    _shorter_sequence,
    _offload_to_nvme,
    _more_nodes,
)


def proposals(request: EstimateRequest, preferences: Preferences, job: Job) -> list[list[Change]]:
    """Variants of each change that applies, mildest first; with checkpointing added where off.

    Of each inner list the first that fits is the one to offer.
    """
    offered = singles(request, preferences, job)
    checkpointing = next(_checkpointing(request, preferences, job), None)
    if checkpointing is not None:
        offered += [
            [both(change, checkpointing) for change in variants]
            for variants in offered
            if variants[0] != checkpointing
        ]
    return offered


def singles(request: EstimateRequest, preferences: Preferences, job: Job) -> list[list[Change]]:
    """Variants of each single change that applies, mildest first."""
    offered = [list(propose(request, preferences, job)) for propose in PROPOSALS]
    return [variants for variants in offered if variants]


def pairs(request: EstimateRequest, preferences: Preferences, job: Job) -> list[list[Change]]:
    """Two changes at once: the strongest of one with every variant of a later one."""
    return [
        [both(first[-1], change) for change in second]
        for first, second in combinations(singles(request, preferences, job), 2)
        if _compatible(first[-1], second[-1])
    ]


def _compatible(first: Change, second: Change) -> bool:
    """Whether no field is set by both."""
    return not any(
        first.patch[section] is None
        or second.patch[section] is None
        or set(first.patch[section]) & set(second.patch[section])
        for section in set(first.patch) & set(second.patch)
    )


def both(change: Change, other: Change) -> Change:
    """Two changes as one."""
    cost = change.cost if other.cost == NO_HARDWARE else other.cost
    return Change(
        f"{change.text} and {other.text[0].lower()}{other.text[1:]}",
        f"{change.noun} and {other.noun}",
        change.detail,
        cost,
        merge(change.patch, other.patch),
    )
