"""What a block without softmax attention keeps for backward, run without kernel packages."""

from __future__ import annotations

from collections.abc import Iterable

from app.domain.architecture import (
    Attention,
    GatedDeltaNet,
    KimiDelta,
    LatentAttention,
    LightningAttention,
    Mamba1,
    Mamba2,
    Mixer,
    ParallelMixers,
    Recurrent,
)
from app.domain.formulas import attention as att
from app.domain.formulas import recurrent as rec
from app.domain.formulas.registry import Term
from app.domain.ingredient import Ingredient
from app.domain.precision import Stream
from app.domain.units import Integer

# Source: the default chunk_size of torch_chunk_gated_delta_rule and torch_chunk_kda.
DELTA_CHUNK = 64


def readers(mixer: Mixer | None) -> int:
    """How many linears of a mixer read the residual stream."""
    if isinstance(mixer, ParallelMixers):
        return readers(mixer.recurrent) + readers(mixer.attention)
    if isinstance(mixer, Attention):
        return 1 if mixer.fused_qkv else 3
    if isinstance(mixer, GatedDeltaNet):
        return {"split": 4, "fused": 2, "separate": 6}[mixer.layout]
    counts = {LatentAttention: 2, KimiDelta: 6, LightningAttention: 2, type(None): 0}
    return counts.get(type(mixer), 1)


def recurrent_memory(mixer: Recurrent, hidden_size: int, stream: Stream) -> Iterable[Ingredient]:
    """The parts of what a recurrent mixer keeps."""
    c = stream.compute
    if isinstance(mixer, GatedDeltaNet):
        return _gated_delta(mixer, stream)
    if isinstance(mixer, KimiDelta):
        return _kimi_delta(mixer, c)
    if isinstance(mixer, Mamba2):
        return _mamba2(mixer, stream)
    if isinstance(mixer, Mamba1):
        sizes = {"i": mixer.inner_width, "d": mixer.state, "r": mixer.step_rank, "c": c}
        return (Ingredient(rec.mamba_scan, sizes),)
    if isinstance(mixer, LightningAttention):
        sizes = {"H": mixer.heads, "C": mixer.block, "z": mixer.head_dim**2 // mixer.block}
        return (Ingredient(rec.lightning_attention, {"w": mixer.width, **sizes, "c": c}),)
    return (Ingredient(rec.gated_convolution, {"h": hidden_size, "c": c}),)


def _gated_delta(mixer: GatedDeltaNet, stream: Stream) -> Iterable[Ingredient]:
    heads, width, c = mixer.value_heads, mixer.conv_width, stream.compute
    yield Ingredient(rec.convolved, {"x": width, "m": width, "c": c})
    sizes = {"H": heads, "d": mixer.key_dim, "v": mixer.value_dim, "C": DELTA_CHUNK}
    state = mixer.key_dim * mixer.value_dim // DELTA_CHUNK
    yield Ingredient(rec.gated_delta_rule, {**sizes, "z": state})
    yield Ingredient(rec.delta_gated_norm, {"v": mixer.value_width, "c": c})
    if stream.autocast:
        yield Ingredient(rec.delta_casts, {"w": heads * mixer.key_dim, "v": mixer.value_width})


def _kimi_delta(mixer: KimiDelta, c: int) -> Iterable[Ingredient]:
    width = mixer.width
    yield Ingredient(rec.convolved, {"x": 3 * width, "m": 3 * width, "c": c})
    state = mixer.head_dim**2 // DELTA_CHUNK
    sizes = {"H": mixer.heads, "d": mixer.head_dim, "C": DELTA_CHUNK, "z": state, "c": c}
    yield Ingredient(rec.kimi_delta, {"w": width, **sizes})


def _mamba2(mixer: Mamba2, stream: Stream) -> Iterable[Ingredient]:
    inner, c = mixer.inner_width, stream.compute
    # Under autocast the convolution reads a copy of its own channels alone.
    read = mixer.conv_width if stream.autocast else mixer.projected_width
    yield Ingredient(rec.convolved, {"x": read, "m": mixer.conv_width, "c": c})
    sizes = {"H": mixer.heads, "v": mixer.head_dim, "d": mixer.state, "C": mixer.chunk}
    state = mixer.head_dim * mixer.state // mixer.chunk
    yield Ingredient(rec.mamba2_scan, {**sizes, "z": state, "c": c})
    gate = rec.mamba2_gated_norm if mixer.gated_norm else rec.mamba2_gate
    yield Ingredient(gate, {"v": inner, "c": c})


def scratch(mixer: Mixer | None, t: Integer, S: Integer, *, forward: bool) -> tuple[Term, ...]:
    """What a mixer makes in forward or in backward and does not keep, if that is much."""
    block = mixer.recurrent if isinstance(mixer, ParallelMixers) else mixer
    if isinstance(block, Mamba2):
        sizes = {"H": block.heads, "d": block.state, "C": block.chunk}
        return (rec.mamba2_products(k=1 if forward else 2, t=t, **sizes),)
    if isinstance(block, KimiDelta) and not forward:
        return (rec.kimi_decays(t=t, w=block.width, C=DELTA_CHUNK),)
    if isinstance(block, LatentAttention) and block.indexer and forward:
        # One sequence is multiplied without copies of its keys.
        copied = block.indexer.head_dim if t > S else 0
        return (att.indexer_scores(t=t, S=S, H=block.indexer.heads, x=copied),)
    return ()
