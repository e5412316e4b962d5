"""Configs drawn at random: small models of every family, as odd as their classes allow."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from app.catalog.huggingface.class_keys import class_keys

HEADS = ("num_attention_heads", "n_head", "num_heads", "n_heads", "attention_heads")
KV_HEADS = ("num_key_value_heads", "num_kv_heads", "swa_num_key_value_heads",
            "num_global_key_value_heads", "kv_n_heads")  # fmt: skip
LAYERS = ("num_hidden_layers", "n_layer", "num_layers", "n_layers")
WIDTHS = ("intermediate_size", "ffn_dim", "n_inner", "ffn_hidden_size", "moe_intermediate_size",
          "intermediate_size_mlp", "shared_expert_intermediate_size", "shared_intermediate_size",
          "moe_shared_expert_intermediate_size", "prefix_dense_intermediate_size")  # fmt: skip
RANKS = ("q_lora_rank", "kv_lora_rank", "qk_nope_head_dim", "v_head_dim", "index_head_dim",
         "laurel_rank", "hidden_size_per_layer_input", "mamba_head_dim", "ssm_state_size",
         "linear_key_head_dim", "linear_value_head_dim", "mamba_d_state")  # fmt: skip
EXPERTS = ("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts")
CHOSEN = ("num_experts_per_tok", "num_experts_per_token", "top_k_experts", "moe_topk", "moe_k")
SHARED = ("n_shared_experts", "num_shared_experts", "moe_num_shared_experts")
COUNTS = ("first_k_dense_replace", "num_dense_layers", "moe_layer_start_index")  # fmt: skip
STEPS = ("decoder_sparse_step", "moe_layer_interval", "full_attention_interval",
         "sliding_window_pattern", "no_rope_layer_interval", "interleave_moe_layer_step",
         "global_attn_every_n_layers", "moe_layer_freq")  # fmt: skip
# Not drawn: other classes read them, or a class refuses most of their values.
LEFT_ALONE = {
    "rope_parameters", "num_global_key_value_heads", "hidden_act", "activation_function",
    "hidden_activation", "activation", "mlp_hidden_act", "partial_rotary_factor", "rotary_pct",
    "rotary_dim", "per_layer_config", "sliding_window", "hybrid_override_pattern",
    "attention_chunk_size", "linear_conv_kernel_dim", "conv_kernel",
}  # fmt: skip
# What stands between layers of full attention where it is no sliding window.
OTHER_KINDS = {
    **dict.fromkeys(("granitemoehybrid", "olmo_hybrid", "minimax", "kimi_linear", "qwen3_next",
                     "qwen3_5_text", "qwen3_5_moe_text"), "linear_attention"),
    **dict.fromkeys(("lfm2", "lfm2_moe"), "conv"),
    "minimax_m3_vl_text": "minimax_m3_sparse",
}  # fmt: skip
# A head_dim of their own makes these classes' projections disagree.
HEAD_DIM_FOLLOWS = {"helium", "olmoe", "phi"}
# Written by files that other code made, and read by no class.
STRAY: dict[str, Any] = {
    "auto_map": {"AutoModelForCausalLM": "modeling_x.X"},
    "architectures": ["SomethingElse"],
    "torch_dtype": "bfloat16",
    "quantization_config": None,
    "bogus_key": [1, {"a": None}],
    "pretraining_tp": 1,
}


def draw(model_type: str, seed: int) -> dict[str, Any]:
    """A config of this type; the same for the same seed."""
    random = Random(f"{model_type}/{seed}")
    keys = class_keys()[model_type]
    fields = {**keys.defaults, **dict.fromkeys(keys.others)}
    heads, dim = random.choice((2, 4, 6, 8)), random.choice((8, 16))
    layers = random.randint(1, 9)
    free = "head_dim" in fields and random.random() < 0.5
    sized: dict[str, Any] = {
        **dict.fromkeys(HEADS, heads),
        **dict.fromkeys(LAYERS, layers),
        **dict.fromkeys(("hidden_size", "n_embd", "d_model"), heads * dim),
        "vocab_size": random.choice((97, 128, 200)),
        "max_position_embeddings": 64,
        "n_positions": 64,
        "max_seq_len": 64,
    }
    experts = random.choice((4, 8))
    sized |= dict.fromkeys(EXPERTS, experts) | dict.fromkeys(CHOSEN, random.choice((1, 2, 4)))
    sized |= dict.fromkeys(("intermediate_size", "ffn_dim"), random.choice((24, 40, 64)))
    config: dict[str, Any] = {"model_type": model_type, "pad_token_id": None}
    alias_of = {field: alias for alias, field in keys.aliases.items()}
    for field, default in fields.items():
        name = alias_of.get(field, field) if random.random() < 0.3 else field
        if field in sized:
            config[name] = sized[field]
            continue
        found, value = _value(random, field, default, heads, layers, "sliding_window" in fields)
        if found and (field in KV_HEADS or random.random() < 0.75):
            config[name] = value
    if free:
        config["head_dim"] = random.choice((4, 8, 24))
    if "attention_types" in fields:
        pairs, rest = divmod(layers, 2)
        config["attention_types"] = [[["global", "local"], pairs], [["global"], rest]]
    _fit(random, config, dim, layers)
    if random.random() < 0.5:
        config |= dict(random.sample(sorted(STRAY.items()), 3))
    return config


def _fit(random: Random, config: dict[str, Any], dim: int, layers: int) -> None:
    """What a class insists on, or calls otherwise than most."""
    model_type = config["model_type"]
    if model_type in HEAD_DIM_FOLLOWS:
        config["head_dim"] = dim
    if model_type == "gemma3n_text":
        config.pop("layer_types", None)
        config |= {"num_hidden_layers": 8 + layers, "num_kv_shared_layers": random.randint(0, 3)}
        config["intermediate_size"] = random.choice((24, random.choices((24, 40), k=8 + layers)))
    if model_type == "minimax_m3_vl_text":
        config["moe_layer_freq"] = random.choices((0, 1), k=layers)
    if model_type == "mamba2":
        config |= {"head_dim": 2 * dim, "expand": 2}
    if model_type == "lfm2_moe":
        config["layer_types"] = random.choices(("full_attention", "conv"), k=layers)
    other = OTHER_KINDS.get(model_type, "sliding_attention")
    for name in ("layer_types", "layers_block_type"):
        if config.get(name):
            config[name] = [other if k == "sliding_attention" else k for k in config[name]]


def _value(
    random: Random, field: str, default: Any, heads: int, layers: int, slides: bool
) -> tuple[bool, Any]:
    if field in LEFT_ALONE:
        return False, None
    if field == "layer_types":
        kinds = ["full_attention"] + ["sliding_attention"] * slides
        return random.random() < 0.6, random.choice((None, random.choices(kinds, k=layers)))
    if field == "mlp_layer_types":
        return random.random() < 0.6, random.choices(["dense", "sparse"], k=layers)
    if isinstance(default, bool):
        return True, random.random() < 0.5
    for names, drawn in _INTEGERS:
        if field in names:
            return True, drawn(random, heads, layers)
    return False, None


_INTEGERS: tuple[tuple[tuple[str, ...], Callable[[Random, int, int], int | None]], ...] = (
    (KV_HEADS, lambda r, h, _: r.choice([d for d in (1, 2, 3, 4, h) if h % d == 0])),
    (("head_dim",), lambda r, h, n: r.choice((4, 8, 24))),
    (("qk_rope_head_dim",), lambda r, h, n: r.choice((4, 8))),
    (WIDTHS, lambda r, h, n: r.choice((24, 40, 64))),
    (RANKS, lambda r, h, n: r.choice((8, 16, 24))),
    (SHARED, lambda r, h, n: r.choice((1, 2))),
    (COUNTS, lambda r, h, n: r.randint(0, min(2, n))),
    (STEPS, lambda r, h, n: r.randint(1, 4)),
    (("index_n_heads",), lambda r, h, n: r.choice((2, 4))),
)
