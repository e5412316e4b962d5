"""Configs as well-known models publish them count to the last parameter.

The figures are sums over transformers 5.23's own classes on the meta device; of families that it
has no class for, over the tensors of the published checkpoints.
"""

from __future__ import annotations

from typing import Any

import pytest

from app.catalog.huggingface import spec_from_config

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
