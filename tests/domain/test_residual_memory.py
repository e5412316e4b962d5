"""What a layer of Gemma 3n and 4 keeps, held against every tensor that autograd saved of it.

The figures are bytes for each of 256 tokens of one layer, from hooks on saved tensors: transformers
5.17, bfloat16, SDPA. What a trace has besides are a few scalars for every norm.
"""

from __future__ import annotations

from typing import Any

import pytest

from app.catalog.huggingface import spec_from_config
from app.domain.architecture import Attention
from app.domain.layer_memory import Kernels, layer_recipe
from app.domain.precision import STREAMS
from app.domain.quantities import LayerKind

TOKENS = 256
KERNELS = Kernels(STREAMS["half"], "sdpa", "full", 0, 0)
SHAPE: dict[str, Any] = {
    "hidden_size": 512, "intermediate_size": 1024, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 64, "vocab_size": 1000, "sliding_window": 64,
    "vocab_size_per_layer_input": 1000,
}  # fmt: skip
GEMMA_4: dict[str, Any] = {
    **SHAPE, "model_type": "gemma4_text", "num_hidden_layers": 12, "global_head_dim": 128,
    "hidden_size_per_layer_input": 0,
    "layer_types": (["sliding_attention"] * 5 + ["full_attention"]) * 2,
}  # fmt: skip
OWN_INPUTS = {**GEMMA_4, "hidden_size_per_layer_input": 64}
SHARED = {**OWN_INPUTS, "num_kv_shared_layers": 6, "use_double_wide_mlp": True}
EQUAL = {**GEMMA_4, "attention_k_eq_v": True, "num_global_key_value_heads": 1}
EXPERTS = {**GEMMA_4, "enable_moe_block": True, "num_experts": 8, "top_k_experts": 2,
           "moe_intermediate_size": 128}  # fmt: skip
GEMMA_3N: dict[str, Any] = {
    **SHAPE, "model_type": "gemma3n_text", "num_hidden_layers": 10, "num_kv_shared_layers": 5,
    "hidden_size_per_layer_input": 64, "laurel_rank": 16, "altup_num_inputs": 4,
    "activation_sparsity_pattern": [0.0] * 10,
}  # fmt: skip
CUT = {**GEMMA_3N, "activation_sparsity_pattern": [0.95] * 10}


def kept(config: dict[str, Any], index: int) -> float:
    spec = spec_from_config(config, "small")
    layer = spec.layers[index]
    kind = LayerKind(layer, 1, layer.parameters, layer.parameters, layer.parameters, (), ())
    window = layer.mixer.sliding_window if isinstance(layer.mixer, Attention) else None
    parts = layer_recipe(spec, kind, KERNELS, window is not None and window < TOKENS)
    return float(sum(part.term(1, TOKENS, TOKENS).bytes for part in parts)) / TOKENS


@pytest.mark.parametrize(
    ("config", "index", "traced"),
    [
        (GEMMA_4, 2, 32_914),
        (GEMMA_4, 11, 37_012),
        (OWN_INPUTS, 2, 38_434),
        (OWN_INPUTS, 11, 42_532),
        (SHARED, 8, 45_057),
        (SHARED, 11, 46_594),
        (EQUAL, 11, 34_948),
        (EXPERTS, 8, 55_628),
        (EXPERTS, 11, 59_726),
        (GEMMA_3N, 2, 62_154),
        (GEMMA_3N, 7, 60_585),
        (CUT, 2, 64_204),
        (CUT, 9, 61_099),
    ],
)
def test_a_layer_keeps_what_autograd_saved(config: dict[str, Any], index: int, traced: int) -> None:
    assert kept(config, index) == pytest.approx(traced, rel=0.005)


def test_a_checkpoint_holds_every_residual_stream() -> None:
    assert spec_from_config(GEMMA_3N, "small").stream_width == 4 * 512
    assert spec_from_config(GEMMA_4, "small").stream_width == 512
