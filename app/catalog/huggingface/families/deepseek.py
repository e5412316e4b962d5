"""DeepSeek V2 to V3.2 and their kin: latent attention, routed and shared experts."""

from __future__ import annotations

from typing import NamedTuple

from app.catalog.huggingface.blocks import (
    HEADS,
    decoder,
    dense,
    hidden_size,
    layer_count,
    stack,
)
from app.catalog.huggingface.families.mixtures import with_shared_experts
from app.catalog.huggingface.reading import MAX_HEAD_DIM, MAX_HEADS, MAX_LAYERS, Config
from app.catalog.huggingface.registry import family
from app.domain.architecture import LatentAttention, Layer, ModelSpec, SparseIndexer


class Defaults(NamedTuple):
    """What a class takes where the config is silent."""

    query_rank: int
    nope_dim: int
    value_dim: int
    experts: int
    per_token: int
    shared: int


V2 = Defaults(query_rank=1536, nope_dim=128, value_dim=128, experts=64, per_token=6, shared=2)
V3 = Defaults(query_rank=1536, nope_dim=128, value_dim=128, experts=256, per_token=8, shared=1)
GLM_FLASH = Defaults(query_rank=768, nope_dim=192, value_dim=256, experts=64, per_token=4, shared=1)


@family("DeepSeek V2", "deepseek_v2")
def deepseek_v2(c: Config) -> ModelSpec:
    """DeepseekV2ForCausalLM. V2-Lite has no query rank: its config says null."""
    first = c.integer("first_k_dense_replace", 0, least=0, most=MAX_LAYERS)
    return _deepseek(c, V2, first)


@family("DeepSeek V3 and R1", "deepseek_v3")
@family("Kimi K2", "kimi_k2")
def deepseek_v3(c: Config) -> ModelSpec:
    """DeepseekV3ForCausalLM; Kimi K2's own code builds the same tensors.

    Multi-token-prediction layers of the checkpoint are not built by transformers.
    """
    first = c.integer("first_k_dense_replace", 3, least=0, most=MAX_LAYERS)
    return _deepseek(c, V3, first)


@family("DeepSeek V3.2", "deepseek_v32")
def deepseek_v32(c: Config) -> ModelSpec:
    """DeepseekV32ForCausalLM: latent attention reads the tokens that an indexer picks."""
    first = c.integer("first_k_dense_replace", 3, least=0, most=MAX_LAYERS)
    indexer = SparseIndexer(
        c.integer("index_n_heads", 64, most=MAX_HEADS),
        c.integer("index_head_dim", 128, most=MAX_HEAD_DIM),
    )
    return _deepseek(c, V3, first, indexer=indexer)


@family("GLM-4.7 Flash", "glm4_moe_lite")
def glm4_moe_lite(c: Config) -> ModelSpec:
    """Glm4MoeLiteForCausalLM: DeepSeek's layers, the first one dense."""
    count = layer_count(c)
    kinds = c.names(
        "mlp_layer_types", count, {"dense", "sparse"}, lambda i: "sparse" if i else "dense"
    )
    return _deepseek(c, GLM_FLASH, 0, kinds=kinds)


def _deepseek(
    c: Config,
    facts: Defaults,
    first_sparse: int,
    *,
    indexer: SparseIndexer | None = None,
    kinds: tuple[str, ...] | None = None,
) -> ModelSpec:
    """The layers before `first_sparse` are dense, unless `kinds` names every layer."""
    count = layer_count(c)
    sparse = (
        tuple(kind == "sparse" for kind in kinds)
        if kinds
        else tuple(i >= first_sparse for i in range(count))
    )
    rank = (
        None
        if c.is_null(("q_lora_rank",))
        else c.integer("q_lora_rank", facts.query_rank, most=MAX_HEAD_DIM)
    )
    mixer = LatentAttention(
        heads=c.integer(HEADS, most=MAX_HEADS),
        query_rank=rank,
        kv_rank=c.integer("kv_lora_rank", 512, most=MAX_HEAD_DIM),
        nope_dim=c.integer("qk_nope_head_dim", facts.nope_dim, most=MAX_HEAD_DIM),
        rope_dim=c.integer("qk_rope_head_dim", 64, most=MAX_HEAD_DIM),
        value_dim=c.integer("v_head_dim", facts.value_dim, most=MAX_HEAD_DIM),
        bias=c.flag("attention_bias", False),
        indexer=indexer,
    )
    moe = with_shared_experts(
        c, experts=facts.experts, per_token=facts.per_token, shared=facts.shared
    )
    layers = stack(sparse, lambda routed: Layer(hidden_size(c), mixer, moe if routed else dense(c)))
    return decoder(c, layers)
