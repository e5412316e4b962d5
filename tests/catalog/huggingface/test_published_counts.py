"""Configs as well-known models publish them count to the last parameter.

The figures are sums over transformers 5.23's own classes on the meta device; of families that it
has no class for, over the tensors of the published checkpoints.
"""

from __future__ import annotations

from typing import Any

import pytest

from app.catalog.huggingface import spec_from_config
from app.domain.errors import InvalidInput

MODELS: list[tuple[str, dict[str, Any], int]] = [
    (
        "internlm2-7b",
        {"model_type": "internlm2", "hidden_size": 4096, "intermediate_size": 14336,
         "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8,
         "vocab_size": 92544, "bias": False, "tie_word_embeddings": False},
        7_737_708_544,
    ),
    (
        "EXAONE-3.5-7.8B",
        {"model_type": "exaone", "hidden_size": 4096, "intermediate_size": 14336,
         "num_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8,
         "vocab_size": 102400, "activation_function": "silu", "tie_word_embeddings": False},
        7_818_448_896,
    ),
    (
        "glm-4-9b",
        {"model_type": "chatglm", "hidden_size": 4096, "ffn_hidden_size": 13696, "num_layers": 40,
         "num_attention_heads": 32, "multi_query_attention": True, "multi_query_group_num": 2,
         "kv_channels": 128, "padded_vocab_size": 151552, "vocab_size": 151552,
         "add_qkv_bias": True, "add_bias_linear": False, "tie_word_embeddings": False},
        9_399_951_360,
    ),
    (
        "Baichuan2-7B",
        {"model_type": "baichuan", "hidden_size": 4096, "intermediate_size": 11008,
         "num_hidden_layers": 32, "num_attention_heads": 32, "vocab_size": 125696},
        7_505_973_248,
    ),
    (
        "falcon-7b, as first published",
        {"model_type": "RefinedWebModel", "hidden_size": 4544, "n_layer": 32, "n_head": 71,
         "vocab_size": 65024, "multi_query": True, "parallel_attn": True, "bias": False,
         "alibi": False},
        6_921_720_704,
    ),
    (
        "opt-350m",
        {"model_type": "opt", "hidden_size": 1024, "ffn_dim": 4096, "num_hidden_layers": 24,
         "num_attention_heads": 16, "vocab_size": 50272, "word_embed_proj_dim": 512,
         "do_layer_norm_before": False, "max_position_embeddings": 2048},
        331_196_416,
    ),
    (
        "gpt-neo-1.3B",
        {"model_type": "gpt_neo", "hidden_size": 2048, "num_layers": 24, "num_heads": 16,
         "intermediate_size": None, "vocab_size": 50257, "max_position_embeddings": 2048,
         "attention_types": [[["global", "local"], 12]], "window_size": 256},
        1_315_575_808,
    ),
    (
        "Qwen-7B",
        {"model_type": "qwen", "hidden_size": 4096, "intermediate_size": 22016,
         "num_attention_heads": 32, "num_hidden_layers": 32, "kv_channels": 128, "no_bias": True,
         "seq_length": 8192, "vocab_size": 151936, "tie_word_embeddings": False},
        7_721_324_544,
    ),
    (
        "Phi-3-small-8k",
        {"model_type": "phi3small", "hidden_size": 4096, "ff_intermediate_size": 14336,
         "hidden_act": "gelu", "num_attention_heads": 32, "num_hidden_layers": 32,
         "num_key_value_heads": 8, "vocab_size": 100352},
        7_392_272_384,
    ),
    (
        "deepseek-moe-16b",
        {"model_type": "deepseek", "hidden_size": 2048, "intermediate_size": 10944,
         "moe_intermediate_size": 1408, "num_hidden_layers": 28, "num_attention_heads": 16,
         "num_key_value_heads": 16, "n_routed_experts": 64, "n_shared_experts": 2,
         "num_experts_per_tok": 6, "first_k_dense_replace": 1, "moe_layer_freq": 1,
         "vocab_size": 102400},
        16_375_728_128,
    ),
    (
        "phi-2, as first published",
        {"model_type": "phi-msft", "n_embd": 2560, "n_head": 32, "n_head_kv": None,
         "n_inner": None, "n_layer": 32, "n_positions": 2048, "rotary_dim": 32,
         "activation_function": "gelu_new", "vocab_size": 51200, "tie_word_embeddings": False},
        2_779_683_840,
    ),
    (
        "OLMo-7B, as first published",
        {"model_type": "hf_olmo", "d_model": 4096, "mlp_hidden_size": 22016, "n_heads": 32,
         "n_layers": 32, "embedding_size": 50304, "vocab_size": 50280, "weight_tying": False,
         "include_bias": False, "max_sequence_length": 2048},
        6_888_095_744,
    ),
    (
        "MiniMax-Text-01",
        {"model_type": "minimax_text_01", "attn_type_list": [0, 0, 0, 0, 0, 0, 0, 1] * 10,
         "head_dim": 128, "hidden_size": 6144, "intermediate_size": 9216, "rotary_dim": 64,
         "num_attention_heads": 64, "num_key_value_heads": 8, "num_hidden_layers": 80,
         "num_local_experts": 32, "num_experts_per_tok": 2, "vocab_size": 200064},
        456_089_655_296,
    ),
    (
        "Hunyuan-A13B, with a list for each layer",
        {"model_type": "hunyuan_v1_moe", "hidden_size": 4096, "intermediate_size": 3072,
         "head_dim": 128, "moe_topk": [8] * 32, "num_shared_expert": [1] * 32,
         "moe_intermediate_size": [3072] * 32, "num_experts": 64, "num_attention_heads": 32,
         "num_key_value_heads": 8, "num_hidden_layers": 32, "vocab_size": 128167,
         "tie_word_embeddings": True},
        80_393_183_232,
    ),
    (
        "the language model of InternVL2-8B",
        {"model_type": "internvl_chat", "vision_config": {"hidden_size": 1024},
         "llm_config": {"model_type": "internlm2", "hidden_size": 4096, "bias": False,
                        "intermediate_size": 14336, "num_attention_heads": 32,
                        "num_hidden_layers": 32, "num_key_value_heads": 8, "vocab_size": 92553}},
        7_737_782_272,
    ),
    (
        "llama-7b, without a model_type",
        {"architectures": ["LLaMAForCausalLM"], "hidden_size": 4096, "intermediate_size": 11008,
         "num_attention_heads": 32, "num_hidden_layers": 32, "vocab_size": 32000},
        6_738_415_616,
    ),
]  # fmt: skip


@pytest.mark.parametrize(("name", "config", "expected"), MODELS, ids=[m[0] for m in MODELS])
def test_a_published_config_counts_exactly(
    name: str, config: dict[str, Any], expected: int
) -> None:
    assert spec_from_config(config, name).total_parameters == expected


def test_a_family_without_a_class_says_where_its_layers_come_from() -> None:
    config = next(config for name, config, _ in MODELS if name == "internlm2-7b")
    (note,) = spec_from_config(config, "published").assumptions
    assert "modeling_internlm2.py" in note


def test_only_biases_that_balance_experts_are_not_trained() -> None:
    config = {"model_type": "ernie4_5_moe", "hidden_size": 64, "num_hidden_layers": 3,
              "num_attention_heads": 4, "intermediate_size": 96, "vocab_size": 100,
              "moe_intermediate_size": 32, "moe_num_experts": 8}  # fmt: skip
    spec = spec_from_config(config, "ernie")
    assert spec.total_parameters - spec.trainable_parameters == 2 * 8


def block(group: int | None, wide: float | None) -> dict[str, Any]:
    """One entry of `block_configs`, without attention or a network where it has no size."""
    return {
        "attention": {"n_heads_in_group": group, "no_op": group is None},
        "ffn": {"ffn_mult": wide, "no_op": wide is None},
    }


def nas(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"model_type": "nemotron-nas", "hidden_size": 8192, "num_attention_heads": 64,
            "num_key_value_heads": None, "intermediate_size": None, "vocab_size": 128256,
            "num_hidden_layers": len(blocks), "block_configs": list(blocks)}  # fmt: skip


def test_layers_whose_blocks_are_stated_apart_are_counted_apart() -> None:
    blocks = [block(8, 5.25)] * 48 + [block(8, 2.625)]
    for wide, times in ((1.3125, 10), (1.0, 8), (0.5, 6), (2.625, 5), (3.28125, 1), (5.25, 1)):
        blocks += [block(None, wide)] * times
    spec = spec_from_config(nas(*blocks), "Llama-3_3-Nemotron-Super-49B-v1")
    assert spec.total_parameters == 49_867_145_216
    assert len(set(map(id, spec.layers))) == 8


@pytest.mark.parametrize(
    "config",
    [
        {**nas(block(8, 1.0)), "num_hidden_layers": 2},
        {**nas(block(8, 1.0)), "block_configs": "llama"},
        nas(block(None, None)),
        nas({**block(8, 1.0), "ffn": {"replace_with_linear": True}}),
        {"model_type": "hunyuan", "use_cla": True},
        {**dict(MODELS[12][1]), "attn_type_list": [0, 1]},
        {**dict(MODELS[13][1]), "moe_topk": [8, 4]},
    ],
)
def test_a_layer_that_cannot_be_built_is_refused(config: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        spec_from_config(config, "odd")
