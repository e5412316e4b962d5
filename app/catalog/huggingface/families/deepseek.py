"""DeepSeek V2 to V3.2 and their kin: latent attention, routed and shared experts."""

from __future__ import annotations

from dataclasses import replace
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
from app.domain.architecture import (
    KimiDelta,
    LatentAttention,
    Layer,
    MixtureOfExperts,
    ModelSpec,
    SparseIndexer,
)

LINEAR, FULL = "linear_attention", "full_attention"


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
GLM_5 = Defaults(query_rank=2048, nope_dim=192, value_dim=256, experts=256, per_token=8, shared=1)
MISTRAL_4 = Defaults(
    query_rank=1024, nope_dim=64, value_dim=128, experts=128, per_token=4, shared=1
)
GLM_FLASH = Defaults(query_rank=768, nope_dim=192, value_dim=256, experts=64, per_token=4, shared=1)


@family("DeepSeek V2", "deepseek_v2")
def deepseek_v2(c: Config) -> ModelSpec:
    """DeepseekV2ForCausalLM. V2-Lite has no query rank: its config says null."""
    first = c.integer("first_k_dense_replace", 0, least=0, most=MAX_LAYERS)
    return _deepseek(c, V2, first, mlp_bias=c.flag("mlp_bias", False))


@family("DeepSeek V3 and R1", "deepseek_v3")
@family("Kimi K2", "kimi_k2")
def deepseek_v3(c: Config) -> ModelSpec:
    """DeepseekV3ForCausalLM; Kimi K2's own code builds the same tensors.

    Multi-token-prediction layers of the checkpoint are not built by transformers.
    """
    first = c.integer("first_k_dense_replace", 3, least=0, most=MAX_LAYERS)
    return _deepseek(c, V3, first)


@family("Mistral 4", "mistral4")
def mistral4(c: Config) -> ModelSpec:
    """Mistral4ForCausalLM: DeepSeek V3's layers, all of them routed unless the config says so."""
    return _deepseek(c, MISTRAL_4, c.integer("first_k_dense_replace", 0, least=0, most=MAX_LAYERS))


@family("MiniCPM 3", "minicpm3")
@family("Youtu", "youtu")
def latent_dense(c: Config) -> ModelSpec:
    """MiniCPM3ForCausalLM and YoutuForCausalLM: latent attention before a dense network."""
    rank = (
        None if c.is_null("q_lora_rank") else c.optional_integer("q_lora_rank", most=MAX_HEAD_DIM)
    )
    heads, h = c.integer(HEADS, most=MAX_HEADS), hidden_size(c)
    latent = _latent(c, V2._replace(value_dim=max(1, h // heads)), rank)
    layer = Layer(h, latent, dense(c, bias=c.flag("mlp_bias", False)))
    return decoder(c, (layer,) * layer_count(c), tied=True)


@family("DeepSeek V3.2", "deepseek_v32")
def deepseek_v32(c: Config) -> ModelSpec:
    """DeepseekV32ForCausalLM: latent attention reads the tokens that an indexer picks."""
    return _deepseek(c, V3, 0, kinds=_mlp_kinds(c, 3), indexer=_indexer(c, 64))


@family("GLM-5", "glm_moe_dsa")
def glm_moe_dsa(c: Config) -> ModelSpec:
    """GlmMoeDsaForCausalLM: DeepSeek V3.2's layers, some of which share an indexer's choice."""
    return _deepseek(
        c, GLM_5, 0, kinds=_mlp_kinds(c, 3), indexer=_indexer(c, 32), indexed=_indexed_layers(c)
    )


def _indexer(c: Config, heads: int) -> SparseIndexer:
    return SparseIndexer(
        c.integer("index_n_heads", heads, most=MAX_HEADS),
        c.integer("index_head_dim", 128, most=MAX_HEAD_DIM),
    )


def _mlp_kinds(c: Config, first: int) -> tuple[str, ...]:
    """`mlp_layer_types`, or dense layers before `first_k_dense_replace` and routed ones after."""
    dense_ones = c.integer("first_k_dense_replace", first, least=0, most=MAX_LAYERS)
    return c.names(
        "mlp_layer_types",
        layer_count(c),
        {"dense", "sparse"},
        lambda i: "dense" if i < dense_ones else "sparse",
    )


def _indexed_layers(c: Config) -> tuple[bool, ...]:
    """Which layers run an indexer of their own: as listed, by a pattern, or every so many."""
    count = layer_count(c)
    every = max(1, c.integer("index_topk_freq", 1, least=0, most=MAX_LAYERS))
    offset = c.integer("index_skip_topk_offset", 2, least=0, most=MAX_LAYERS)
    key, pattern = c.find("index_topk_pattern")
    if isinstance(pattern, str) and not c.states("indexer_types"):
        if len(pattern) != count or set(pattern) - {"F", "S"}:
            c.complain(key, f"{key} must have one letter, F or S, for each of {count} layers.")
            return (True,) * count
        return tuple(letter == "F" for letter in pattern)
    keys = ("indexer_types", "index_topk_pattern")
    kinds = c.names(
        keys,
        count,
        {"full", "shared"},
        lambda i: "shared" if max(i - offset + 1, 0) % every else "full",
    )
    return tuple(kind == "full" for kind in kinds)


@family("Kimi Linear", "kimi_linear")
def kimi_linear(c: Config) -> ModelSpec:
    """KimiLinearForCausalLM: delta attention, and latent attention in every fourth layer."""
    count, stated = layer_count(c), c.section("linear_attn_config")
    delta = KimiDelta(
        stated.integer(
            "num_heads", c.integer("linear_num_heads", 32, most=MAX_HEADS), most=MAX_HEADS
        ),
        stated.integer(
            "head_dim", c.integer("linear_head_dim", 128, most=MAX_HEAD_DIM), most=MAX_HEAD_DIM
        ),
        stated.integer(
            "short_conv_kernel_size", c.integer("linear_conv_kernel_dim", 4, most=1000), most=1000
        ),
    )
    # These lists count from one.
    full = stated.indices("full_attn_layers", count + 1)
    kinds = c.names(
        "layer_types",
        count,
        {LINEAR, FULL},
        lambda i: FULL if ((i + 1 in full) if full else (i > 0 and i % 4 == 0)) else LINEAR,
    )
    rank = c.optional_integer("q_lora_rank", most=MAX_HEAD_DIM)
    latent = replace(_latent(c, V3, rank), rotary=False)
    moe = with_shared_experts(c, experts=256, per_token=8, shared=1)
    layers = stack(
        zip(kinds, _mlp_kinds(c, 1), strict=True),
        lambda kind: Layer(
            hidden_size(c),
            latent if kind[0] == FULL else delta,
            moe if kind[1] == "sparse" else dense(c),
        ),
    )
    # The class ties nothing, whatever a config says.
    return replace(decoder(c, layers), tied_embeddings=False)


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
    indexed: tuple[bool, ...] | None = None,
    mlp_bias: bool = False,
) -> ModelSpec:
    """The layers before `first_sparse` are dense, unless `kinds` names every layer.

    `indexed`: the layers with an indexer of their own; all of them unless said.
    """
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
    mixer = _latent(c, facts, rank)
    mixers = {True: replace(mixer, indexer=indexer), False: replace(mixer, shares_indexer=True)}
    moe = with_shared_experts(
        c, experts=facts.experts, per_token=facts.per_token, shared=facts.shared
    )
    if isinstance(moe, MixtureOfExperts):
        moe = replace(moe, shared_bias=mlp_bias)
    layers = stack(
        zip(sparse, indexed or (True,) * count, strict=True),
        lambda kind: Layer(
            hidden_size(c), mixers[kind[1]], moe if kind[0] else dense(c, bias=mlp_bias)
        ),
    )
    return decoder(c, layers)


def _latent(c: Config, facts: Defaults, query_rank: int | None) -> LatentAttention:
    return LatentAttention(
        heads=c.integer(HEADS, most=MAX_HEADS),
        query_rank=query_rank,
        kv_rank=c.integer("kv_lora_rank", 512, most=MAX_HEAD_DIM),
        nope_dim=c.integer("qk_nope_head_dim", facts.nope_dim, most=MAX_HEAD_DIM),
        rope_dim=c.integer("qk_rope_head_dim", 64, most=MAX_HEAD_DIM),
        value_dim=c.integer("v_head_dim", facts.value_dim, most=MAX_HEAD_DIM),
        bias=c.flag("attention_bias", False),
    )
