"""Changes that could make a job fit: one record each, the cheapest for the customer first.

First what leaves the result of training alone and costs nothing, then what approximates, then what
trains less, then what is slower, then what has to be bought.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from app.domain.hardware import Gpu
from app.domain.job import Job
from app.domain.limits import lacks_bf16
from app.schemas.estimates import EstimateRequest
from app.schemas.planning import Preferences
from app.services.patching import Patch, merge

NO_HARDWARE = "$0, no new hardware"
# Tokens: below this a shorter sequence is no longer the same training.
SHORTEST = 512


@dataclass(frozen=True)
class Change:
    """One thing to change: an imperative, a noun, what it means, its cost, the patch.

    `ranks`: the places of what it is made of in the order of proposals, the costliest first;
    `price_cents`: the least that has to be paid, where known. `free`: the same result at (nearly)
    the same speed for a setting.
    """

    text: str
    noun: str
    detail: str
    cost: str
    patch: Patch
    ranks: tuple[int, ...] = ()
    price_cents: float = 0
    free: bool = False

    @property
    def burden(self) -> tuple[tuple[int, ...], float]:
        """How much it costs the customer, to sort by."""
        return self.ranks, self.price_cents


@dataclass(frozen=True)
class Context:
    """What changes are proposed for: a request, and the GPUs that could replace its own.

    `need`: bytes that the leanest strategy allowed needs on each GPU.
    """

    request: EstimateRequest
    preferences: Preferences
    job: Job
    market: Sequence[Gpu] = ()
    need: int = 0


Proposal = Callable[[Context], Iterator[Change]]


def _free(text: str, noun: str, detail: str, patch: Patch, *, free: bool = False) -> Change:
    return Change(text, noun, detail, NO_HARDWARE, patch, free=free)


def _fp16(context: Context) -> Iterator[Change]:
    if lacks_bf16(context.job):
        yield _free(
            "Use fp16 mixed precision",
            "fp16 mixed precision",
            "Same memory; needs loss scaling.",
            {"training": {"precision": "fp16_mixed"}},
        )


def _other_strategy(context: Context) -> Iterator[Change]:
    if context.request.strategies is not None:
        yield _free(
            "Use another strategy",
            "another strategy",
            "Same result; the state is divided differently.",
            {"strategies": None},
        )


def _expandable_segments(context: Context) -> Iterator[Change]:
    if context.job.options.allocator == "default":
        yield _free(
            "Set expandable_segments:True",
            "expandable segments",
            "One environment variable; the allocator fragments less.",
            {"options": {"allocator": "expandable_segments"}},
            free=True,
        )


def _flash_attention(context: Context) -> Iterator[Change]:
    if context.job.training.attention == "eager":
        yield _free(
            "Use SDPA attention",
            "SDPA attention",
            "Same result; flash kernels never keep the scores whole.",
            {"training": {"attention": "sdpa"}},
            free=True,
        )


def _fused_loss(context: Context) -> Iterator[Change]:
    if not context.job.training.fused_loss:
        yield _free(
            "Use a fused loss",
            "a fused loss",
            "Same result; the logits are never kept whole (Liger kernels).",
            {"training": {"fused_loss": True}},
            free=True,
        )


def _checkpointing(context: Context) -> Iterator[Change]:
    if not context.job.training.activation_checkpointing:
        yield _free(
            "Turn on activation checkpointing",
            "activation checkpointing",
            "Same result; recomputes each layer in the backward pass.",
            {"training": {"activation_checkpointing": True}},
            free=True,
        )


def _smaller_micro_batch(context: Context) -> Iterator[Change]:
    training = context.job.training
    batch, steps = training.micro_batch_size, training.gradient_accumulation_steps
    divisors = [d for d in range(batch - 1, 0, -1) if batch % d == 0][:8]
    for smaller in divisors:
        yield _free(
            f"Use micro-batch {smaller} and {steps * batch // smaller} accumulation steps",
            f"micro-batch {smaller}",
            "Same global batch, in smaller pieces.",
            {
                "training": {
                    "micro_batch_size": smaller,
                    "gradient_accumulation_steps": steps * batch // smaller,
                }
            },
            free=True,
        )


def _eight_bit_optimizer(context: Context) -> Iterator[Change]:
    training = context.job.training
    if training.method != "full":
        return
    if training.optimizer == "adamw":
        yield _free(
            "Use 8-bit AdamW",
            "8-bit AdamW",
            "Quantised states; nearly the same result.",
            {"training": {"optimizer": "adamw_8bit"}},
        )
    if training.optimizer in ("adamw", "adamw_8bit"):
        yield _free(
            "Use paged 8-bit AdamW",
            "paged 8-bit AdamW",
            "Quantised states; slower once they move to host memory.",
            {"training": {"optimizer": "paged_adamw_8bit"}},
        )


def _lora(context: Context) -> Iterator[Change]:
    if context.job.training.method == "full":
        rank = context.job.training.lora.rank
        yield _free(
            f"Switch to LoRA, rank {rank}, all linear layers",
            "LoRA",
            "Adapters only.",
            {"training": {"method": "lora"}},
        )


def _offload_to_host(context: Context) -> Iterator[Change]:
    if context.preferences.offload == "none":
        yield _free(
            "Allow offload to host memory",
            "offload to host memory",
            "Same result; slower, since states cross PCIe in every step.",
            {"preferences": {"offload": "cpu"}},
        )


def _qlora(context: Context) -> Iterator[Change]:
    if context.job.training.method != "qlora":
        rank = context.job.training.lora.rank
        yield _free(
            f"Switch to QLoRA, rank {rank}",
            "QLoRA",
            "Quantised to 4 bits.",
            {"training": {"method": "qlora"}},
        )


def _bf16_states(context: Context) -> Iterator[Change]:
    training = context.job.training
    if training.method == "full" and training.precision == "bf16_mixed":
        yield _free(
            "Keep weights and states in bf16",
            "bf16 states",
            "No fp32 master copy (PyTorch only): small updates are lost.",
            {"training": {"precision": "bf16_pure"}},
        )


def _shorter_sequence(context: Context) -> Iterator[Change]:
    shorter = context.job.training.sequence_length
    while shorter // 2 >= SHORTEST:
        shorter //= 2
        yield _free(
            f"Shorten the sequence to {shorter:,} tokens",
            f"{shorter:,} tokens",
            "Longer documents are cut or split.",
            {"training": {"sequence_length": shorter}},
        )


def _offload_to_nvme(context: Context) -> Iterator[Change]:
    if context.preferences.offload != "nvme":
        yield _free(
            "Allow offload to NVMe",
            "offload to NVMe",
            "Same result; much slower.",
            {"preferences": {"offload": "nvme"}},
        )


SETTINGS: tuple[Proposal, ...] = (
    _fp16,
    _other_strategy,
    _expandable_segments,
    _flash_attention,
    _fused_loss,
    _checkpointing,
    _smaller_micro_batch,
    _eight_bit_optimizer,
    _lora,
    _offload_to_host,
    _qlora,
    _bf16_states,
    _shorter_sequence,
    _offload_to_nvme,
)


def settings(context: Context) -> list[list[Change]]:
    """Variants of each change of a setting that applies, mildest first; the cheapest change first.

    Of each inner list the first that fits is the one to offer.
    """
    return ranked(SETTINGS, context)


def ranked(
    proposals: Sequence[Proposal], context: Context, rank: int | None = None
) -> list[list[Change]]:
    """What the proposals yield, each with its place in the order of costs, or with `rank`."""
    offered = []
    for place, propose in enumerate(proposals):
        ranks = (place if rank is None else rank,)
        variants = [replace(change, ranks=ranks) for change in propose(context)]
        if variants:
            offered.append(variants)
    return offered


def pairs(offered: Sequence[list[Change]]) -> list[list[Change]]:
    """Two changes at once: the strongest of one with every variant of another; cheapest first."""
    found = [
        [both(first[-1], change) for change in second]
        for first, second in combinations(offered, 2)
        if _compatible(first[-1], second[-1])
    ]
    return sorted(found, key=lambda variants: variants[0].burden)


def bundle(offered: Sequence[list[Change]]) -> Change | None:
    """Everything that is free at once; None where fewer than two changes are."""
    free = [variants[-1] for variants in offered if variants[-1].free]
    if len(free) < 2:
        return None
    whole = free[0]
    for change in free[1:]:
        whole = both(whole, change)
    nouns = [change.noun for change in free]
    names = f"{', '.join(nouns[:-1])} and {nouns[-1]}"
    return replace(
        whole,
        text=f"Use {names}",
        noun="free settings",
        detail="Same result, at some cost in speed.",
    )


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
    return Change(
        text=f"{change.text} and {other.text[0].lower()}{other.text[1:]}",
        noun=f"{change.noun} and {other.noun}",
        detail=f"{change.detail} {other.detail}".strip(),
        cost=change.cost if other.cost == NO_HARDWARE else other.cost,
        patch=merge(change.patch, other.patch),
        ranks=tuple(sorted((*change.ranks, *other.ranks), reverse=True)),
        price_cents=change.price_cents + other.price_cents,
    )
