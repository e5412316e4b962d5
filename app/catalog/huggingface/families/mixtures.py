"""Decoders of Llama's shape whose feed-forward blocks route tokens to experts."""

from __future__ import annotations

from app.catalog.huggingface.blocks import (
    CHUNKED,
    FULL,
    attention,
    decoder,
    dense,
    hidden_size,
    layer_count,
    layer_types,
    mixture,
    stack,
    window,
)
from app.catalog.huggingface.reading import MAX_LAYERS, MAX_POSITIONS, Config
from app.catalog.huggingface.registry import family
from app.domain.architecture import MLP, Layer, ModelSpec, MoePart

Parts = tuple[tuple[MoePart, str], ...]

ROUTER_FIRST: Parts = (("router", "mlp.gate"), ("experts", "mlp.experts"))
EXPERTS_FIRST: Parts = (("experts", "mlp.experts"), ("router", "mlp.gate"))
GATED_SHARED: Parts = (
    *ROUTER_FIRST,
    ("shared", "mlp.shared_expert"),
    ("shared_gate", "mlp.shared_expert_gate"),
)
SHARED_EXPERTS: Parts = (*EXPERTS_FIRST, ("shared", "mlp.shared_experts"))
LLAMA4_PARTS: Parts = (
    ("experts", "feed_forward.experts"),
    ("router", "feed_forward.router"),
    ("shared", "feed_forward.shared_expert"),
)
GPT_OSS_PARTS: Parts = (("router", "mlp.router"), ("experts", "mlp.experts"))
GRANITE_PARTS: Parts = (
    ("router", "block_sparse_moe.router"),
    ("experts", "block_sparse_moe.experts"),
)
GRANITE_MODULES = ("mixer", "input_layernorm", "post_attention_layernorm", "mlp")


@family("Mixtral", "mixtral")
def mixtral(c: Config) -> ModelSpec:
    """MixtralForCausalLM: `intermediate_size` is the width of one expert."""
    span = c.optional_integer("sliding_window", most=MAX_POSITIONS)
    mlp = mixture(c, experts=8, per_token=2, width_key="intermediate_size", parts=ROUTER_FIRST)
    layer = Layer(hidden_size(c), attention(c, kv_heads=8, sliding_window=span), mlp)
    return decoder(c, (layer,) * layer_count(c))


@family("Qwen3 MoE", "qwen3_moe")
def qwen3_moe(c: Config) -> ModelSpec:
    """Qwen3MoeForCausalLM: Qwen3 with routed experts in all layers but those the config names."""
    bias = c.flag("attention_bias", False)
    mixer = attention(c, kv_heads=4, qk_norm="head", qkv_bias=bias, output_bias=bias)
    moe = mixture(c, experts=128, per_token=8, parts=EXPERTS_FIRST)
    layers = stack(
        sparse_layers(c), lambda sparse: Layer(hidden_size(c), mixer, moe if sparse else dense(c))
    )
    return decoder(c, layers)


@family("Qwen2 MoE", "qwen2_moe")
def qwen2_moe(c: Config) -> ModelSpec:
    """Qwen2MoeForCausalLM: a shared expert behind a sigmoid gate."""
    mixer = attention(c, kv_heads=16, qkv_bias=c.flag("qkv_bias", True))
    shared = c.integer("shared_expert_intermediate_size", 5632)
    moe = mixture(
        c, experts=60, per_token=4, shared_width=shared, shared_gate=True, parts=GATED_SHARED
    )
    layers = stack(
        sparse_layers(c), lambda sparse: Layer(hidden_size(c), mixer, moe if sparse else dense(c))
    )
    return decoder(c, layers)


@family("OLMoE", "olmoe")
def olmoe(c: Config) -> ModelSpec:
    """OlmoeForCausalLM: norms over the whole query and key projections."""
    bias = c.flag("attention_bias", False)
    mixer = attention(c, qk_norm="full", qkv_bias=bias, output_bias=bias)
    moe = mixture(c, experts=64, per_token=8, width_key="intermediate_size", parts=ROUTER_FIRST)
    return decoder(c, (Layer(hidden_size(c), mixer, moe),) * layer_count(c))


@family("Granite MoE", "granitemoe")
def granite_moe(c: Config) -> ModelSpec:
    """GraniteMoeForCausalLM: the experts are registered behind the norms."""
    bias = c.flag("attention_bias", False)
    moe = mixture(c, experts=8, per_token=2, width_key="intermediate_size", parts=GRANITE_PARTS)
    layer = Layer(
        hidden_size(c), attention(c, qkv_bias=bias, output_bias=bias), moe, modules=GRANITE_MODULES
    )
    return decoder(c, (layer,) * layer_count(c))


@family("Phi-3.5 MoE", "phimoe")
def phimoe(c: Config) -> ModelSpec:
    """PhimoeForCausalLM: layer norms, and a router that is a linear layer."""
    bias = c.flag("attention_bias", False)
    moe = mixture(
        c,
        experts=16,
        per_token=2,
        width_key="intermediate_size",
        router_linear=True,
        parts=GPT_OSS_PARTS,
    )
    span = c.optional_integer("sliding_window", most=MAX_POSITIONS)
    mixer = attention(c, kv_heads=8, qkv_bias=bias, output_bias=bias, sliding_window=span)
    return decoder(
        c,
        (Layer(hidden_size(c), mixer, moe, "layernorm"),) * layer_count(c),
        norm="layernorm",
        head_bias=c.flag("lm_head_bias", False),
    )


@family("gpt-oss", "gpt_oss")
def gpt_oss(c: Config) -> ModelSpec:
    """GptOssForCausalLM: biases in attention, router and experts; sinks; sliding layers."""
    bias = c.flag("attention_bias", True)
    count = layer_count(c)
    moe = mixture(
        c,
        experts=128,
        per_token=4,
        width_key="intermediate_size",
        expert_bias=True,
        router_bias=True,
        transposed=True,
        parts=GPT_OSS_PARTS,
    )
    # Sliding layers come first here: index 0, 2, 4 …
    layers = stack(
        layer_types(c, count, 2),
        lambda kind: Layer(
            hidden_size(c),
            attention(
                c,
                kv_heads=8,
                head_dim=64,
                qkv_bias=bias,
                output_bias=bias,
                sinks=True,
                sliding_window=window(c, kind, 128),
            ),
            moe,
        ),
    )
    return decoder(c, layers)


@family("GLM-4.5", "glm4_moe")
def glm4_moe(c: Config) -> ModelSpec:
    """Glm4MoeForCausalLM: the first layers dense, then routed and shared experts."""
    mixer = attention(
        c,
        kv_heads=8,
        rotary=0.5,
        qkv_bias=c.flag("attention_bias", False),
        qk_norm="head" if c.flag("use_qk_norm", False) else "none",
    )
    first = c.integer("first_k_dense_replace", 1, least=0, most=MAX_LAYERS)
    moe = with_shared_experts(c, experts=128, per_token=8)
    layers = stack(
        (i >= first for i in range(layer_count(c))),
        lambda sparse: Layer(hidden_size(c), mixer, moe if sparse else dense(c)),
    )
    return decoder(c, layers)


@family("Llama 4", "llama4_text")
def llama4(c: Config) -> ModelSpec:
    """Llama4ForCausalLM (text): one routed and one shared expert.

    Three layers that attend within chunks, then a full one without rotary positions. Dense layers
    between the routed ones are as wide as `intermediate_size_mlp`.
    """
    count = layer_count(c)
    bias = c.flag("attention_bias", False)
    every = c.integer("interleave_moe_layer_step", 1, most=MAX_LAYERS)
    routed = c.indices("moe_layers", count)
    if routed is None:
        routed = frozenset(range(every - 1, count, every))
    kinds = layer_types(
        c, count, c.integer("no_rope_layer_interval", 4, most=MAX_LAYERS), local=CHUNKED
    )
    chunk = c.integer("attention_chunk_size", 8192, most=MAX_POSITIONS)
    width = c.integer("intermediate_size")
    moe = mixture(
        c,
        experts=16,
        per_token=1,
        width_key="intermediate_size",
        shared_width=width,
        transposed=True,
        router_linear=True,
        parts=LLAMA4_PARTS,
    )

    def layer(kind: tuple[str, bool]) -> Layer:
        mixer = attention(
            c,
            head_dim=128,
            kv_heads=8,
            qkv_bias=bias,
            output_bias=bias,
            rotary=0.0 if kind[0] == FULL else 1.0,
            sliding_window=None if kind[0] == FULL else chunk,
        )
        mlp: MLP = moe if kind[1] else dense(c, "intermediate_size_mlp", module="feed_forward")
        return Layer(hidden_size(c), mixer, mlp)

    return decoder(c, stack(zip(kinds, (i in routed for i in range(count)), strict=True), layer))


def sparse_layers(c: Config) -> tuple[bool, ...]:
    """Which layers route: every `decoder_sparse_step`-th but those in `mlp_only_layers`."""
    count = layer_count(c)
    step = c.integer("decoder_sparse_step", 1, most=MAX_LAYERS)
    dense_ones = c.indices("mlp_only_layers", count) or frozenset()
    return tuple(i not in dense_ones and (i + 1) % step == 0 for i in range(count))


def with_shared_experts(c: Config, *, experts: int, per_token: int, shared: int = 1) -> MLP:
    """DeepSeek's mixture: `n_shared_experts` experts' width in one network beside the routed."""
    count = c.integer("n_shared_experts", shared, least=0, most=1000)
    width = c.integer("moe_intermediate_size")
    return mixture(
        c, experts=experts, per_token=per_token, shared_width=count * width, parts=SHARED_EXPERTS
    )
