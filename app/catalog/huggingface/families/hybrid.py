"""Hybrids: layers with softmax attention between linear attention or short convolutions."""

from __future__ import annotations

from dataclasses import replace

from app.catalog.huggingface.blocks import (
    attention,
    decoder,
    dense,
    hidden_size,
    layer_count,
    layer_types,
    mixture,
    stack,
)
from app.catalog.huggingface.families.mixtures import (
    EXPERTS_FIRST,
    GATED_SHARED,
    ROUTER_FIRST,
    sparse_layers,
)
from app.catalog.huggingface.reading import MAX_HEAD_DIM, MAX_HEADS, MAX_LAYERS, Config
from app.catalog.huggingface.registry import family
from app.domain.architecture import (
    MLP,
    AttentionNames,
    DenseMLP,
    GatedDeltaNet,
    Layer,
    LightningAttention,
    Mixer,
    ModelSpec,
    RootPart,
    ShortConvolution,
)

LINEAR, FULL = "linear_attention", "full_attention"
LINEAR_KINDS = (LINEAR, FULL)
CONVOLUTION = "conv"
OLMO_LINEAR = ("mlp", "input_layernorm", "post_attention_layernorm", "mixer")
OLMO_FULL = ("mixer", "mlp", "post_attention_layernorm", "post_feedforward_layernorm")
MINIMAX_MODULES = ("mixer", "input_layernorm", "post_attention_layernorm", "mlp")
LFM_MODULES = ("mixer", "mlp", "operator_norm", "ffn_norm")
LFM_MLP_NAMES = ("w1", "w3", "w2")
LFM_PARTS = tuple((part, name.replace("mlp", "feed_forward")) for part, name in EXPERTS_FIRST)
LFM_ATTENTION = AttentionNames(
    parts=(
        ("q", "q_proj"),
        ("k", "k_proj"),
        ("v", "v_proj"),
        ("o", "out_proj"),
        ("q_norm", "q_layernorm"),
        ("k_norm", "k_layernorm"),
    )
)
LFM_ROOT: tuple[tuple[RootPart, str], ...] = (
    ("embedding", "model.embed_tokens"),
    ("layers", "model.layers"),
    ("norm", "model.embedding_norm"),
    ("head", "lm_head"),
)


@family("Qwen3-Next", "qwen3_next")
def qwen3_next(c: Config) -> ModelSpec:
    """Qwen3NextForCausalLM: fused projections in its delta nets, experts in every layer."""
    moe = _gated_mixture(c, experts=512, per_token=10)
    mlps = [moe if sparse else dense(c) for sparse in sparse_layers(c)]
    return _delta_hybrid(c, mlps, kv_heads=2, fused=True)


@family("Qwen3.5", "qwen3_5_text")
def qwen3_5(c: Config) -> ModelSpec:
    """Qwen3_5ForCausalLM (text)."""
    return _delta_hybrid(c, [dense(c)] * layer_count(c), kv_heads=4)


@family("Qwen3.5 MoE", "qwen3_5_moe_text")
def qwen3_5_moe(c: Config) -> ModelSpec:
    """Qwen3_5MoeForCausalLM (text)."""
    moe = _gated_mixture(c, experts=256, per_token=8)
    return _delta_hybrid(c, [moe] * layer_count(c), kv_heads=2)


def _gated_mixture(c: Config, *, experts: int, per_token: int) -> MLP:
    shared = c.integer("shared_expert_intermediate_size", 512)
    return mixture(
        c,
        experts=experts,
        per_token=per_token,
        shared_width=shared,
        shared_gate=True,
        parts=GATED_SHARED,
    )


def _delta_hybrid(c: Config, mlps: list[MLP], *, kv_heads: int, fused: bool = False) -> ModelSpec:
    """Gated delta nets, and every `full_attention_interval`-th layer gated softmax attention."""
    bias = c.flag("attention_bias", False)
    every = c.integer("full_attention_interval", 4, most=MAX_LAYERS)
    full = attention(
        c,
        kv_heads=kv_heads,
        head_dim=256,
        rotary=0.25,
        qk_norm="head",
        qkv_bias=bias,
        output_bias=bias,
        output_gate=True,
    )
    delta = GatedDeltaNet(
        key_heads=c.integer("linear_num_key_heads", 16, most=MAX_HEADS),
        value_heads=c.integer("linear_num_value_heads", 32, most=MAX_HEADS),
        key_dim=c.integer("linear_key_head_dim", 128, most=MAX_HEAD_DIM),
        value_dim=c.integer("linear_value_head_dim", 128, most=MAX_HEAD_DIM),
        conv_kernel=c.integer("linear_conv_kernel_dim", 4, most=1000),
        layout="fused" if fused else "split",
    )
    kinds = layer_types(c, len(mlps), every, local=LINEAR)
    layers = stack(
        zip(kinds, mlps, strict=True),
        lambda kind: Layer(hidden_size(c), delta if kind[0] == LINEAR else full, kind[1]),
    )
    return decoder(c, layers)


@family("OLMo Hybrid", "olmo_hybrid")
def olmo_hybrid(c: Config) -> ModelSpec:
    """OlmoHybridForCausalLM: delta nets behind norms, attention layers with norms behind them."""
    h, count = hidden_size(c), layer_count(c)
    bias = c.flag("attention_bias", False)
    full = attention(c, qk_norm="full", qkv_bias=bias, output_bias=bias)
    key_heads = c.integer("linear_num_key_heads", full.heads, most=MAX_HEADS)
    key_dim = c.integer("linear_key_head_dim", max(1, int(0.75 * h / key_heads)), most=MAX_HEAD_DIM)
    delta = GatedDeltaNet(
        key_heads=key_heads,
        value_heads=c.integer("linear_num_value_heads", full.heads, most=MAX_HEADS),
        key_dim=key_dim,
        value_dim=c.integer("linear_value_head_dim", 2 * key_dim, most=MAX_HEAD_DIM),
        conv_kernel=c.integer("linear_conv_kernel_dim", 4, most=1000),
        layout="separate",
    )

    def usual(index: int) -> str:
        return FULL if index % 4 == 3 or (count < 4 and index == count - 1) else LINEAR

    kinds = c.names("layer_types", count, LINEAR_KINDS, usual)
    mlp = dense(c)
    return decoder(
        c,
        stack(
            kinds,
            lambda kind: (
                Layer(h, full, mlp, modules=OLMO_FULL)
                if kind == FULL
                else Layer(h, delta, mlp, modules=OLMO_LINEAR)
            ),
        ),
    )


@family("MiniMax-01", "minimax")
def minimax(c: Config) -> ModelSpec:
    """MiniMaxForCausalLM: lightning attention between layers of softmax attention."""
    count = layer_count(c)
    full = attention(c, kv_heads=8)
    lightning = LightningAttention(
        full.heads, full.head_dim, c.integer("block_size", 256, most=1_000_000)
    )
    stated = c.each("attn_type_list", count) or tuple(1 - i % 2 for i in range(count))
    kinds = c.names("layer_types", count, LINEAR_KINDS, lambda i: FULL if stated[i] else LINEAR)
    moe = mixture(c, experts=8, per_token=2, width_key="intermediate_size", parts=ROUTER_FIRST)
    layers = stack(
        kinds,
        lambda kind: Layer(
            hidden_size(c), full if kind == FULL else lightning, moe, modules=MINIMAX_MODULES
        ),
    )
    return decoder(c, layers)


@family("LFM2", "lfm2")
def lfm2(c: Config) -> ModelSpec:
    """Lfm2ForCausalLM: gated short convolutions, and attention in the layers that are listed."""
    key = ("block_ff_dim", "intermediate_size")
    width = c.integer(key, 12288)
    if c.flag("block_auto_adjust_ff_dim", True):
        scale = c.number("block_ffn_dim_multiplier", 1.0, least=0, most=1000)
        multiple = c.integer("block_multiple_of", 256)
        width = -(-int(scale * int(2 * width / 3)) // multiple) * multiple
    count = layer_count(c)
    full = c.indices("full_attn_idxs", count)
    kinds = c.names(
        "layer_types",
        count,
        (CONVOLUTION, FULL),
        lambda i: FULL if full is None or i in full else CONVOLUTION,
    )
    return _lfm(c, kinds, [_lfm_mlp(max(1, width))] * count)


@family("LFM2 MoE", "lfm2_moe")
def lfm2_moe(c: Config) -> ModelSpec:
    """Lfm2MoeForCausalLM: the first layers dense, then routed experts."""
    count = layer_count(c)
    kinds = c.names("layer_types", count, (CONVOLUTION, FULL), lambda _: FULL)
    first = c.integer("num_dense_layers", 2, least=0, most=MAX_LAYERS)
    moe = mixture(c, experts=32, per_token=4, parts=LFM_PARTS)
    plain = _lfm_mlp(c.integer("intermediate_size"))
    return _lfm(c, kinds, [plain if i < first else moe for i in range(count)])


def _lfm_mlp(width: int) -> DenseMLP:
    return DenseMLP(width, module="feed_forward", names=LFM_MLP_NAMES)


def _lfm(c: Config, kinds: tuple[str, ...], mlps: list[MLP]) -> ModelSpec:
    full = attention(c, kv_heads=8, qk_norm="head", names=LFM_ATTENTION)
    short = ShortConvolution(
        c.integer("conv_L_cache", 3, most=1000), bias=c.flag("conv_bias", False)
    )

    def layer(kind: tuple[str, MLP]) -> Layer:
        mixer: Mixer = short if kind[0] == CONVOLUTION else full
        return Layer(hidden_size(c), mixer, kind[1], modules=LFM_MODULES)

    tied = c.flag("tie_embedding", c.tied(True))
    layers = stack(zip(kinds, mlps, strict=True), layer)
    return replace(decoder(c, layers, root=LFM_ROOT), tied_embeddings=tied)
