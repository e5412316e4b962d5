"""What a block without softmax attention keeps for backward, run without kernel packages."""

from __future__ import annotations

from collections.abc import Iterable

from app.domain.architecture import (
    GatedDeltaNet,
    KimiDelta,
    LightningAttention,
    Mamba1,
    Mamba2,
    Recurrent,
)
from app.domain.formulas import recurrent as rec
from app.domain.ingredient import Ingredient

# Source: the default chunk_size of torch_chunk_gated_delta_rule and torch_chunk_kda.
DELTA_CHUNK = 64


def recurrent_memory(mixer: Recurrent, hidden_size: int, c: int) -> Iterable[Ingredient]:
    """The parts of what a recurrent mixer keeps; c bytes of an operand of a matrix product."""
    if isinstance(mixer, GatedDeltaNet):
        return _gated_delta(mixer, c)
    if isinstance(mixer, KimiDelta):
        return _kimi_delta(mixer, c)
    if isinstance(mixer, Mamba2):
        return _mamba2(mixer, c)
    if isinstance(mixer, Mamba1):
        sizes = {"i": mixer.inner_width, "d": mixer.state, "r": mixer.step_rank, "c": c}
        return (Ingredient(rec.mamba_scan, sizes),)
    if isinstance(mixer, LightningAttention):
        sizes = {"H": mixer.heads, "d": mixer.head_dim, "C": mixer.block}
        return (Ingredient(rec.lightning_attention, {"w": mixer.width, **sizes, "c": c}),)
    return (Ingredient(rec.gated_convolution, {"h": hidden_size, "c": c}),)


def _gated_delta(mixer: GatedDeltaNet, c: int) -> Iterable[Ingredient]:
    heads, width = mixer.value_heads, mixer.conv_width
    yield Ingredient(rec.convolved, {"x": width, "m": width, "c": c})
    sizes = {"H": heads, "d": mixer.key_dim, "v": mixer.value_dim, "C": DELTA_CHUNK}
    yield Ingredient(rec.gated_delta_rule, sizes)
    yield Ingredient(rec.delta_gated_norm, {"v": mixer.value_width, "c": c})


def _kimi_delta(mixer: KimiDelta, c: int) -> Iterable[Ingredient]:
    width = mixer.width
    yield Ingredient(rec.convolved, {"x": 3 * width, "m": 3 * width, "c": c})
    sizes = {"H": mixer.heads, "d": mixer.head_dim, "C": DELTA_CHUNK, "c": c}
    yield Ingredient(rec.kimi_delta, {"w": width, **sizes})


def _mamba2(mixer: Mamba2, c: int) -> Iterable[Ingredient]:
    inner = mixer.inner_width
    yield Ingredient(rec.convolved, {"x": mixer.projected_width, "m": mixer.conv_width, "c": c})
    sizes = {"H": mixer.heads, "v": mixer.head_dim, "d": mixer.state, "C": mixer.chunk}
    yield Ingredient(rec.mamba2_scan, {**sizes, "c": c}, needs_sequence=True)
    gate = rec.mamba2_gated_norm if mixer.gated_norm else rec.mamba2_gate
    yield Ingredient(gate, {"v": inner, "c": c})
