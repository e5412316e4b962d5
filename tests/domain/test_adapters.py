"""Where adapters go, against the trainable parameters that PEFT 0.21 counts on small models."""

from __future__ import annotations

from typing import Any

import pytest

from app.catalog.huggingface import spec_from_config
from app.domain.architecture import ModelSpec
from app.domain.errors import InvalidInput
from app.domain.quantities import quantities_of
from app.domain.training import Lora

RANK = 4
SIZES = {
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 128,
    "intermediate_size": 96,
    "max_position_embeddings": 4096,
}
ROUTED = {"num_experts_per_tok": 2, "moe_intermediate_size": 32}
LATENT = {"q_lora_rank": 16, "kv_lora_rank": 16, "n_group": 1, "topk_group": 1}
DEEPSEEK = {**ROUTED, **LATENT, "n_routed_experts": 8, "first_k_dense_replace": 1}
QWEN = {**ROUTED, "num_experts": 8, "head_dim": 16}
SHARED = {"shared_expert_intermediate_size": 48}

# sum(p.numel() for p in get_peft_model(...).parameters() if p.requires_grad), rank 4, all-linear.
TRAINABLE: dict[str, tuple[dict[str, Any], int]] = {
    "mixtral": ({"num_local_experts": 8, "num_experts_per_tok": 2}, 47_168),
    "olmoe": ({"num_experts": 8, "num_experts_per_tok": 2}, 47_168),
    "qwen3_moe": (QWEN, 26_688),
    "qwen3_next": ({**QWEN, **SHARED}, 156_744),
    "deepseek_v2": ({**DEEPSEEK, "q_lora_rank": None, "n_shared_experts": 2}, 32_288),
    "deepseek_v3": ({**DEEPSEEK, "n_shared_experts": 1}, 32_544),
    "glm4_moe": (
        {**ROUTED, "n_routed_experts": 8, "first_k_dense_replace": 1, "head_dim": 16},
        15_136,
    ),
    # Not redirected: packed experts stay frozen, shared networks are adapted like any linear.
    "qwen2_moe": ({**ROUTED, **SHARED, "num_experts": 6}, 6_792),
    "qwen3_5_moe_text": ({**QWEN, **SHARED}, 137_352),
    "gpt_oss": ({"num_local_experts": 8, "num_experts_per_tok": 2, "head_dim": 16}, 3_584),
    "phimoe": ({"num_local_experts": 8}, 4_160),
    "granitemoe": ({"num_local_experts": 8}, 3_584),
}


def small(model_type: str) -> ModelSpec:
    own, _ = TRAINABLE[model_type]
    return spec_from_config({**SIZES, **own, "model_type": model_type}, model_type)


def trained(model_type: str, *modules: str) -> int:
    lora = Lora(RANK, modules or "all-linear")
    return quantities_of(small(model_type), "lora", lora).trained


@pytest.mark.parametrize("model_type", TRAINABLE)
def test_all_linear_trains_as_many_parameters_as_peft_does(model_type: str) -> None:
    assert trained(model_type) == TRAINABLE[model_type][1]


def test_packed_experts_have_one_rank_each_and_twice_that_for_gate_and_up() -> None:
    """Eight experts of width 32: A and B of gate and up, of down; the router's; two layers."""
    h, e, experts, r = 64, 32, 8, RANK
    gate_up = 2 * r * experts * (h + 2 * e)
    down = r * experts * (e + h)
    assert trained("qwen3_moe", "gate_proj", "up_proj", "down_proj") == 2 * (gate_up + down)
    assert trained("qwen3_moe", "gate") == 2 * r * (h + experts)


def test_named_linears_leave_the_experts_frozen() -> None:
    """q_proj and v_proj: 64 to 64 and 64 to 32."""
    assert trained("qwen3_moe", "q_proj", "v_proj") == 2 * RANK * (128 + 96)
    q = quantities_of(small("qwen3_moe"), "lora", Lora(RANK, ("q_proj",)))
    assert (q.folding, q.kinds[0].folded, q.kinds[0].adapts_router) == (0, (0, 0), False)


def test_the_names_of_a_familys_checkpoints_reach_its_packed_experts() -> None:
    packed = trained("mixtral", "w1", "w2", "w3")
    assert packed == 2 * RANK * 8 * (2 * (64 + 2 * 96) + (96 + 64))


def test_a_dense_layer_among_mixtures_is_not_adapted_by_redirected_names() -> None:
    dense, mixture = quantities_of(small("glm4_moe"), "lora", Lora(RANK)).kinds
    assert dense.trained == RANK * (2 * 128 + 2 * 96)
    assert mixture.trained > dense.trained
    assert dense.folding == 0


def test_half_of_a_packed_tensor_is_refused() -> None:
    with pytest.raises(InvalidInput, match="gate_proj and up_proj into one tensor: name both"):
        trained("qwen3_moe", "gate_proj")
    with pytest.raises(InvalidInput, match="w1 and w3 into one tensor"):
        trained("mixtral", "w3", "q_proj")


def test_a_refusal_lists_what_can_be_named() -> None:
    with pytest.raises(InvalidInput, match="any of gate, k_proj, o_proj, q_proj, v_proj, w1, w2"):
        trained("mixtral", "nothing")


def test_adapters_are_folded_into_every_element_of_the_experts() -> None:
    kind = quantities_of(small("qwen3_moe"), "lora", Lora(RANK)).kinds[0]
    assert kind.folded == (8 * 64 * 2 * 32, 8 * 32 * 64)
    assert kind.folding == 2 * RANK * 8 * (64 + 64) + RANK * 8 * (32 + 64)


def test_adapters_are_registered_where_their_tensors_are() -> None:
    """Mixtral registers its router before its experts; sizes of A and B in that order."""
    sizes = quantities_of(small("mixtral"), "lora", Lora(RANK)).trained_tensors
    router = (RANK * 64, 8 * RANK)
    gate_up = (2 * RANK * 8 * 64, 2 * 96 * 2 * RANK * 8)
    down = (RANK * 8 * 96, 64 * RANK * 8)
    assert sizes[8:14] == router + gate_up + down
