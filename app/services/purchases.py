"""Changes that have to be bought: more GPUs in a node, more nodes, larger GPUs."""

from __future__ import annotations

from collections.abc import Iterator

from app.domain.hardware import Gpu
from app.services.changes import SETTINGS, Change, Context, Proposal, ranked

# Node counts worth offering, as multiples of what is planned.
GROWTH = (2, 4, 8, 16, 32)
# Larger GPUs to try.
LARGER = 8
# GPUs that a node commonly takes.
PER_NODE = (2, 4, 8)


def _more_gpus(context: Context) -> Iterator[Change]:
    if context.request.hardware.gpu is None:
        return
    hardware = context.job.hardware
    for count in PER_NODE:
        if count <= hardware.gpus_per_node or hardware.nodes > 1:
            continue
        more = count - hardware.gpus_per_node
        yield Change(
            f"Put {count} GPUs in the node",
            f"{count} GPUs",
            "The node needs the slots, the power and the cooling.",
            _price(hardware.gpu, more, f"for {more:,} more {_cards(more)}"),
            {"hardware": {"gpus_per_node": count}},
            price_cents=_least(hardware.gpu, more),
        )


def _more_nodes(context: Context) -> Iterator[Change]:
    if context.request.hardware.gpu is None:
        return
    hardware = context.job.hardware
    for factor in GROWTH:
        nodes = hardware.nodes * factor
        more = hardware.gpus_per_node * (nodes - hardware.nodes)
        yield Change(
            f"Grow to {hardware.gpus_per_node * nodes:,} GPUs ({nodes:,} nodes)",
            f"{hardware.gpus_per_node * nodes:,} GPUs",
            "Needs a fast network between the nodes.",
            _price(hardware.gpu, more, f"for {more:,} more {_cards(more)}"),
            {"hardware": {"nodes": nodes}},
            price_cents=_least(hardware.gpu, more),
        )


def _larger_gpus(context: Context) -> Iterator[Change]:
    """GPUs of the same vendor that hold what is needed, the cheapest first, unpriced ones last."""
    if context.request.hardware.gpu is None:
        return
    hardware = context.job.hardware
    count, own = hardware.world_size, hardware.gpu
    larger = [
        gpu
        for gpu in context.market
        if gpu.vendor == own.vendor
        and gpu.torch_bytes > max(own.torch_bytes, context.need)
        and gpu.bf16_native >= own.bf16_native
    ]
    larger.sort(key=lambda gpu: (_least(gpu, count), gpu.torch_bytes))
    for gpu in larger[:LARGER]:
        yield Change(
            f"Use {gpu.name} instead",
            gpu.name,
            "Another machine: check form factor, power and slots.",
            _price(gpu, count, f"for {count:,} {_cards(count)}"),
            {"hardware": {"gpu": gpu.id, "usable_memory_bytes": None}},
            price_cents=_least(gpu, count),
        )


PURCHASES: tuple[Proposal, ...] = (_more_gpus, _more_nodes, _larger_gpus)


def purchases(context: Context) -> list[list[Change]]:
    """Variants of each purchase that applies, the cheapest first. All cost more than a setting."""
    return ranked(PURCHASES, context, rank=len(SETTINGS))


def _least(gpu: Gpu, cards: int) -> float:
    return float("inf") if gpu.price_low_cents is None else gpu.price_low_cents * cards


def _price(gpu: Gpu, cards: int, words: str) -> str:
    if gpu.price_low_cents is None or gpu.price_high_cents is None:
        return f"No public price {words}"
    low, high = gpu.price_low_cents * cards // 100, gpu.price_high_cents * cards // 100
    span = f"${low:,}" if low == high else f"${low:,}–{high:,}"
    return f"{span} {words}"


def _cards(count: int) -> str:
    return "card" if count == 1 else "cards"
