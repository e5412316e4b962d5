"""A model by its dimensions alone: what can be said of a family that is not known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from app.catalog.huggingface import blocks
from app.catalog.huggingface.reading import TEXT_SECTIONS, Config, check_size
from app.domain.architecture import MLP, Layer, ModelSpec

DIMENSIONS_POINTER = "/model/dimensions"
ASSUMED = "assumed"
# Where else configs write a dimension; the first spelling is ours.
SPELLINGS: Mapping[str, tuple[str, ...]] = {
    "hidden_size": (*blocks.HIDDEN, "d_model", "dim", "model_dim"),
    "num_hidden_layers": (*blocks.LAYERS, "num_layers", "n_layers"),
    "num_attention_heads": (*blocks.HEADS, "num_heads", "n_heads"),
    "num_key_value_heads": (*blocks.KV_HEADS, "n_kv_heads", "multi_query_group_num"),
    "head_dim": ("head_dim", "kv_channels"),
    "intermediate_size": ("intermediate_size", "ffn_dim", "n_inner", "ffn_hidden_size"),
    "vocab_size": ("vocab_size", "padded_vocab_size"),
    "max_position_embeddings": (*blocks.POSITIONS, "seq_length", "max_seq_len"),
    "tie_word_embeddings": ("tie_word_embeddings",),
    "attention_bias": ("attention_bias", "qkv_bias", "add_qkv_bias"),
    "num_experts": ("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts"),
    "num_experts_per_tok": ("num_experts_per_tok", "num_experts_per_token", "moe_topk", "moe_k"),
    "moe_intermediate_size": ("moe_intermediate_size", "expert_ffn_hidden_size"),
}


def spec_from_dimensions(dimensions: Mapping[str, Any], id: str) -> ModelSpec:  # noqa: A002
    """A decoder of Llama's shape, with routed experts where `num_experts` is given.

    Raises `InvalidInput` with pointers under `/model/dimensions`.
    """
    c = Config(dimensions, DIMENSIONS_POINTER)
    bias = c.flag("attention_bias", False)
    mixer = blocks.attention(c, qkv_bias=bias, output_bias=bias)
    layer = Layer(blocks.hidden_size(c), mixer, _network(c))
    spec = blocks.decoder(c, (layer,) * blocks.layer_count(c))
    c.raise_if_bad()
    check_size(spec.total_parameters, DIMENSIONS_POINTER)
    return replace(
        spec,
        id=id,
        name=id.rsplit("/", 1)[-1],
        family="Named dimensions",
        model_type=ASSUMED,
        assumptions=(_assumption(layer),),
    )


def _network(c: Config) -> MLP:
    gated = c.flag("gated_mlp", True)
    if c.has("num_experts"):
        return blocks.mixture(c, gated=gated)
    names = ("gate_proj", "up_proj", "down_proj") if gated else ("up_proj", "down_proj")
    return blocks.dense(c, gated=gated, names=names)


def _assumption(layer: Layer) -> str:
    network = (
        f"{layer.moe.experts:,} routed experts" if layer.moe else "a feed-forward network"
    ) + (" with a gate" if layer.mlp and layer.mlp.gated else " without a gate")
    return (
        "The architecture is assumed from named dimensions, not read from a known family: equal "
        f"layers of RMSNorm, rotary attention and {network}. Parameters and bytes are no exact "
        "count."
    )


def dimensions_in(config: Mapping[str, Any]) -> dict[str, Any]:
    """The dimensions that a config of an unknown family states, under our names, unchecked."""
    nested = (config.get(section) for section in TEXT_SECTIONS)
    places = [part for part in (*nested, config) if isinstance(part, dict)]
    found: dict[str, Any] = {}
    for name, spellings in SPELLINGS.items():
        stated = (part[key] for part in places for key in spellings if part.get(key) is not None)
        value = next(stated, None)
        if isinstance(value, (bool, int)):
            found[name] = value
    return found
