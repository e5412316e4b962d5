"""Recurrent blocks list their parameters in the order in which transformers registers them."""

from __future__ import annotations

import pytest

from app.domain.architecture import (
    Attention,
    GatedDeltaNet,
    KimiDelta,
    Layer,
    LightningAttention,
    Mamba1,
    Mamba2,
    ParallelMixers,
    Recurrent,
    ShortConvolution,
)

HIDDEN = 32
MAMBA = Mamba2(heads=4, head_dim=8, groups=1, state=16, conv_kernel=4, module="mamba")
BLOCKS: dict[str, tuple[Recurrent, int]] = {
    "separate projections": (
        GatedDeltaNet(2, 2, 8, 16, 4, layout="separate"),
        HIDDEN * (16 + 16 + 32 + 2 + 2 + 32) + 32 * HIDDEN + 4 * 64 + 2 + 2 + 16,
    ),
    "a gate a channel": (
        KimiDelta(heads=2, head_dim=8, conv_kernel=4),
        HIDDEN * (3 * 16 + 8 + 2 + 8) + 2 * 8 * 16 + 16 * HIDDEN + 4 * 48 + 16 + 2 + 8,
    ),
    "a state a channel": (
        Mamba1(inner_width=64, state=4, step_rank=2, conv_kernel=4),
        64 * 4 + 64 + 64 * 4 + 64 + HIDDEN * 128 + 64 * (2 + 8) + 2 * 64 + 64 + 64 * HIDDEN,
    ),
    "a short convolution": (ShortConvolution(3), 3 * HIDDEN + 4 * HIDDEN * HIDDEN),
    "blocks of tokens": (LightningAttention(2, 16, 256), 32 + 5 * HIDDEN * HIDDEN),
}


@pytest.mark.parametrize("name", BLOCKS)
def test_a_block_counts_its_parameters(name: str) -> None:
    block, expected = BLOCKS[name]
    assert sum(t.numel for t in block.tensors(HIDDEN, "rmsnorm")) == expected


def test_a_gate_in_place_of_a_norm_has_no_weights() -> None:
    gated = Mamba2(4, 8, 1, 16, 4, gated_norm=False, module="mamba")
    normed = {t.name for t in MAMBA.tensors(HIDDEN, "rmsnorm")}
    assert normed - {t.name for t in gated.tensors(HIDDEN, "rmsnorm")} == {"mamba.norm.weight"}


def test_mixers_beside_each_other_are_one_layers_and_its_attention_is_found() -> None:
    attention = Attention(heads=4, kv_heads=2, head_dim=8)
    layer = Layer(HIDDEN, ParallelMixers(MAMBA, attention), None, modules=("mixer", "norm"))
    names = [t.name.split(".")[0] for t in layer.tensors]
    assert list(dict.fromkeys(names)) == ["mamba", "self_attn", "norm"]
    assert layer.attention == attention
