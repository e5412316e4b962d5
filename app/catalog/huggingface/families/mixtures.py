"""Decoders of Llama's shape whose feed-forward blocks route tokens to experts."""

from __future__ import annotations

from typing import Any

from app.catalog.huggingface.blocks import (
    CHUNKED,
    FULL,
    attention,
    biased,
    decoder,
    dense,
    hidden_size,
    layer_count,
    layer_types,
    layered,
    mixture,
    mlp_kinds,
    stack,
)
from app.catalog.huggingface.families.llama import (
    HUNYUAN_NAMES,
    OLMO2_MODULES,
    PARALLEL_MODULES,
    exaone_kinds,
    mixers,
    window_from,
)
from app.catalog.huggingface.reading import MAX_LAYERS, MAX_POSITIONS, Config
from app.catalog.huggingface.registry import family
from app.domain.architecture import (
    MLP,
    AttentionNames,
    Layer,
    MixtureOfExperts,
    ModelSpec,
    MoePart,
    NormKind,
)

Parts = tuple[tuple[MoePart, str], ...]

ROUTER_FIRST: Parts = (("router", "mlp.gate"), ("experts", "mlp.experts"))
EXPERTS_FIRST: Parts = (("experts", "mlp.experts"), ("router", "mlp.gate"))
GATED_SHARED: Parts = (
    *ROUTER_FIRST,
    ("shared", "mlp.shared_expert"),
    ("shared_gate", "mlp.shared_expert_gate"),
)
SHARED: Parts = (("shared", "mlp.shared_experts"),)
SHARED_EXPERTS: Parts = (*EXPERTS_FIRST, *SHARED)
ROUTER_SHARED: Parts = (*ROUTER_FIRST, *SHARED)
LLAMA4_PARTS: Parts = (
    ("experts", "feed_forward.experts"),
    ("router", "feed_forward.router"),
    ("shared", "feed_forward.shared_expert"),
)
GPT_OSS_PARTS: Parts = (("router", "mlp.router"), ("experts", "mlp.experts"))
GRANITE_PARTS: Parts = (
    ("router", "block_sparse_moe.router"),
    ("experts", "block_sparse_moe.experts"),
    ("shared", "shared_mlp"),
)
HUNYUAN_PARTS: Parts = (
    ("router", "mlp.gate.wg"),
    ("experts", "mlp.experts"),
    ("shared", "mlp.shared_mlp"),
)
ERNIE_PARTS: Parts = (
    ("router", "mlp.gate"),
    ("correction", "mlp.gate.moe_statics.e_score_correction_bias"),
    ("experts", "mlp.experts"),
    *SHARED,
)
AFMOE_PARTS: Parts = (
    ("correction", "mlp.expert_bias"),
    ("router", "mlp.router.gate"),
    *SHARED,
    ("experts", "mlp.experts"),
)
GRANITE_MODULES = ("mixer", "input_layernorm", "post_attention_layernorm", "mlp")
AFMOE_MODULES = (
    "mixer",
    "input_layernorm",
    "post_attention_layernorm",
    "pre_mlp_layernorm",
    "post_mlp_layernorm",
    "mlp",
)
AFMOE_NAMES = AttentionNames(parts=(*AttentionNames().parts, ("gate", "gate_proj")))
# How many experts' width the shared network has.
SHARED_COUNT = ("n_shared_experts", "num_shared_experts", "moe_num_shared_experts")


@family("Mixtral", "mixtral")
def mixtral(c: Config) -> ModelSpec:
    """MixtralForCausalLM: `intermediate_size` is the width of one expert."""
    kinds = window_from(c, layer_count(c), 0)
    return layered(c, mixers(c, kinds), _narrow(c, parts=ROUTER_FIRST))


def _narrow(c: Config, **facts: Any) -> MixtureOfExperts:
    """Experts that are `intermediate_size` wide."""
    return mixture(c, width_key="intermediate_size", **facts)


@family("Qwen3 MoE", "qwen3_moe")
def qwen3_moe(c: Config) -> ModelSpec:
    """Qwen3MoeForCausalLM: Qwen3 with routed experts in all layers but those the config names."""
    mixer = attention(c, qk_norm="head", **biased(c))
    return _sparse(c, [mixer] * layer_count(c), mixture(c, parts=EXPERTS_FIRST))


@family("Qwen2 MoE", "qwen2_moe")
def qwen2_moe(c: Config) -> ModelSpec:
    """Qwen2MoeForCausalLM: a shared expert behind a sigmoid gate."""
    mixer = attention(c, qkv_bias=c.flag("qkv_bias", True))
    shared = c.integer("shared_expert_intermediate_size", 5632)
    moe = mixture(c, shared_width=shared, shared_gate=True, parts=GATED_SHARED)
    return _sparse(c, [mixer] * layer_count(c), moe)


def _sparse(c: Config, each: list[Any], moe: MixtureOfExperts) -> ModelSpec:
    network = dense(c) if not all(sparse_layers(c)) else moe
    return layered(c, each, [moe if sparse else network for sparse in sparse_layers(c)])


@family("OLMoE", "olmoe")
def olmoe(c: Config) -> ModelSpec:
    """OlmoeForCausalLM: norms over the whole query and key projections."""
    mixer = attention(c, qk_norm="full", **biased(c))
    return layered(c, [mixer] * layer_count(c), _narrow(c, parts=ROUTER_FIRST))


@family("FlexOlmo", "flex_olmo")
def flex_olmo(c: Config) -> ModelSpec:
    """FlexOlmoForCausalLM: OLMoE with OLMo 2's norms behind the blocks."""
    mixer = attention(c, qk_norm="full", **biased(c))
    moe = _narrow(c, parts=ROUTER_FIRST)
    return layered(c, [mixer] * layer_count(c), moe, modules=OLMO2_MODULES)


@family("MiniMax M2", "minimax_m2")
def minimax_m2(c: Config) -> ModelSpec:
    """MiniMaxM2ForCausalLM: norms over the whole projections, half of a head rotated."""
    mixer = attention(c, qk_norm="full", rotary=0.5)
    return layered(c, [mixer] * layer_count(c), _narrow(c, parts=ROUTER_FIRST))


@family("Granite MoE", "granitemoe", "granitemoeshared")
def granite_moe(c: Config) -> ModelSpec:
    """GraniteMoeForCausalLM: the experts are registered behind the norms, a shared one last."""
    return _granite(c, (FULL,) * layer_count(c))


@family("Granite MoE SWA", "granitemoe_swa")
def granite_moe_swa(c: Config) -> ModelSpec:
    """GraniteMoeSWAForCausalLM: one full layer, then three that slide; a sink for each head."""
    return _granite(c, layer_types(c, layer_count(c), 4, last=False), sinks=True)


def _granite(c: Config, kinds: tuple[str, ...], **facts: Any) -> ModelSpec:
    shared = c.integer("shared_intermediate_size", 0, least=0)
    moe = _narrow(c, shared_width=shared, fused_shared=True, parts=GRANITE_PARTS)
    return layered(c, mixers(c, kinds, **biased(c), **facts), moe, modules=GRANITE_MODULES)


@family("Phi-3.5 MoE", "phimoe")
def phimoe(c: Config) -> ModelSpec:
    """PhimoeForCausalLM: layer norms, and a router that is a linear layer."""
    span = c.optional_integer("sliding_window", most=MAX_POSITIONS)
    mixer = attention(c, sliding_window=span, **biased(c))
    moe = _narrow(c, router_linear=True, parts=GPT_OSS_PARTS)
    head = c.flag("lm_head_bias", False)
    return layered(c, [mixer] * layer_count(c), moe, norm="layernorm", head_bias=head)


@family("gpt-oss", "gpt_oss")
def gpt_oss(c: Config) -> ModelSpec:
    """GptOssForCausalLM: biases in attention, router and experts; sinks; sliding layers."""
    # Sliding layers come first here: index 0, 2, 4 …
    kinds = layer_types(c, layer_count(c), 2)
    bias = c.flag("attention_bias", True)
    moe = _narrow(c, expert_bias=True, router_bias=True, transposed=True, parts=GPT_OSS_PARTS)
    return layered(c, mixers(c, kinds, qkv_bias=bias, output_bias=bias, sinks=True), moe)


@family("GLM-4.5", "glm4_moe")
def glm4_moe(c: Config) -> ModelSpec:
    """Glm4MoeForCausalLM: the first layers dense, then routed and shared experts."""
    normed = "head" if c.flag("use_qk_norm", False) else "none"
    mixer = attention(c, rotary=0.5, qk_norm=normed, qkv_bias=c.flag("attention_bias", False))
    return _dense_first(c, [mixer] * layer_count(c))


@family("Solar Open", "solar_open")
def solar_open(c: Config) -> ModelSpec:
    """SolarOpenForCausalLM: every layer routes; the output projection never has a bias."""
    mixer = attention(c, qkv_bias=c.flag("attention_bias", False))
    return layered(c, [mixer] * layer_count(c), with_shared_experts(c))


@family("dots.llm1", "dots1")
def dots1(c: Config) -> ModelSpec:
    """Dots1ForCausalLM: norms over each head's queries and keys, the first layers dense."""
    count = layer_count(c)
    kinds = window_from(c, count, c.integer("max_window_layers", 62, least=0, most=MAX_LAYERS))
    return _dense_first(c, mixers(c, kinds, qk_norm="head", **biased(c)))


@family("EXAONE MoE", "exaone_moe")
def exaone_moe(c: Config) -> ModelSpec:
    """ExaoneMoeForCausalLM: EXAONE 4's attention, the first layers dense."""
    slides = c.has("sliding_window")
    return _dense_first(c, mixers(c, exaone_kinds(c), not slides, qk_norm="head"))


def _dense_first(c: Config, each: list[Any]) -> ModelSpec:
    count = len(each)
    first = c.integer("first_k_dense_replace", 1, least=0, most=MAX_LAYERS)
    return layered(c, each, mlp_kinds(c, count, first, dense(c), with_shared_experts(c)))


@family("HunYuan 3", "hy_v3")
def hy_v3(c: Config) -> ModelSpec:
    """HYV3ForCausalLM: the first layer dense, then routed and shared experts."""
    mixer = attention(c, qk_norm="head", **biased(c))
    bias, count = c.flag("mlp_bias", False), layer_count(c)
    moe = with_shared_experts(c, shared_bias=bias, parts=ROUTER_SHARED)
    return layered(c, [mixer] * count, mlp_kinds(c, count, 1, dense(c, bias=bias), moe))


@family("HunYuan MoE", "hunyuan_v1_moe")
def hunyuan_moe(c: Config) -> ModelSpec:
    """HunYuanMoEV1ForCausalLM: one shared network as wide as an expert.

    Its files state the experts of every layer; layers that differ are refused.
    """
    c.level("moe_topk", "num_experts")
    mixer = attention(c, qk_norm="head", names=HUNYUAN_NAMES, **biased(c))
    width = c.integer("intermediate_size")
    moe = _narrow(c, shared_width=width, router_linear=True, parts=HUNYUAN_PARTS)
    return layered(c, [mixer] * layer_count(c), moe)


@family("Mellum", "mellum")
def mellum(c: Config) -> ModelSpec:
    """MellumForCausalLM: Qwen3 MoE with sliding layers where the config names them."""
    count = layer_count(c)
    each = mixers(c, layer_types(c, count), qk_norm="head", **biased(c))
    return layered(c, each, mlp_kinds(c, count, 0, dense(c), mixture(c, parts=EXPERTS_FIRST)))


@family("ERNIE 4.5 MoE", "ernie4_5_moe")
def ernie_moe(c: Config) -> ModelSpec:
    """Ernie4_5_MoeForCausalLM: experts from one layer to another, balanced by a frozen bias."""
    count, bias = layer_count(c), c.flag("use_bias", False)
    first = c.integer("moe_layer_start_index", 1, least=0, most=MAX_LAYERS)
    last = c.integer("moe_layer_end_index", count - 1, least=-1, most=MAX_LAYERS)
    every = c.integer("moe_layer_interval", 1, most=MAX_LAYERS)
    last = count - 1 if last == -1 else last
    mixer = attention(c, qkv_bias=bias, output_bias=bias)
    moe = with_shared_experts(c, shared_bias=bias, correction_shape=(1,), parts=ERNIE_PARTS)
    network = dense(c, bias=bias)
    mlps = [moe if (i + 1) % every == 0 and first <= i <= last else network for i in range(count)]
    return layered(c, [mixer] * count, mlps, head_bias=bias)


@family("AFMoE and Trinity", "afmoe")
def afmoe(c: Config) -> ModelSpec:
    """AfmoeForCausalLM: a gate behind attention, four norms, a frozen bias on the experts."""
    count = layer_count(c)
    kinds = layer_types(c, count, c.integer("global_attn_every_n_layers", 4, most=MAX_LAYERS))
    first = c.integer("num_dense_layers", 1, least=0, most=MAX_LAYERS)
    moe = with_shared_experts(c, parts=AFMOE_PARTS, router_linear=True)
    each = mixers(c, kinds, False, qk_norm="head", names=AFMOE_NAMES, **biased(c))
    mlps = [moe if i >= first else dense(c) for i in range(count)]
    return layered(c, each, mlps, modules=AFMOE_MODULES)


@family("Cohere Command MoE", "cohere2_moe")
def cohere2_moe(c: Config) -> ModelSpec:
    """Cohere2MoeForCausalLM: Command A's layers with experts, the first ones dense."""
    count = layer_count(c)
    first = c.integer("first_k_dense_replace", 0, least=0, most=MAX_LAYERS)
    every = c.integer("sliding_window_pattern", 4, most=MAX_LAYERS)
    before = c.integer("prefix_dense_sliding_window_pattern", 1, most=MAX_LAYERS)
    usual = (
        *layer_kinds(min(first, count), before),
        *layer_kinds(max(count - first, 0), every),
    )
    kinds = layer_types(c, count) if c.has("layer_types") else usual
    width = c.integer("intermediate_size")
    shared = c.integer(SHARED_COUNT, 0, least=0, most=1000)
    moe = _narrow(c, shared_width=shared * width, parts=ROUTER_SHARED)
    network = dense(c, ("prefix_dense_intermediate_size", "intermediate_size"))
    norm: NormKind = "rmsnorm" if c.has("rms_norm_eps") else "layernorm_nobias"
    return layered(
        c,
        mixers(c, kinds, False, **biased(c)),
        mlp_kinds(c, count, first, network, moe),
        modules=PARALLEL_MODULES,
        norm=norm,
        parallel_residual=True,
    )


def layer_kinds(count: int, every: int) -> tuple[str, ...]:
    """So many layers of which the last of `every` sees all and the others slide."""
    return tuple(FULL if (i + 1) % every == 0 else "sliding_attention" for i in range(count))


@family("Llama 4", "llama4_text")
def llama4(c: Config) -> ModelSpec:
    """Llama4ForCausalLM (text): one routed and one shared expert.

    Three layers that attend within chunks, then a full one without rotary positions. Dense layers
    between the routed ones are as wide as `intermediate_size_mlp`.
    """
    count = layer_count(c)
    every = c.integer("interleave_moe_layer_step", 1, most=MAX_LAYERS)
    routed = c.indices("moe_layers", count)
    if routed is None:
        routed = frozenset(range(every - 1, count, every))
    kinds = layer_types(
        c, count, c.integer("no_rope_layer_interval", 4, most=MAX_LAYERS), local=CHUNKED
    )
    chunk = c.integer("attention_chunk_size", 8192, most=MAX_POSITIONS)
    moe = _narrow(
        c,
        shared_width=c.integer("intermediate_size"),
        transposed=True,
        router_linear=True,
        runs_all=True,
        parts=LLAMA4_PARTS,
    )

    def layer(kind: tuple[str, bool]) -> Layer:
        local = kind[0] != FULL
        mixer = attention(
            c,
            rotary=1.0 if local else 0.0,
            sliding_window=chunk if local else None,
            **biased(c),
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


def with_shared_experts(
    c: Config, *, shared: int = 1, parts: Parts = SHARED_EXPERTS, **facts: Any
) -> MixtureOfExperts:
    """DeepSeek's mixture: so many shared experts' width in one network beside the routed ones."""
    count = c.integer(SHARED_COUNT, shared, least=0, most=1000)
    width = c.integer("moe_intermediate_size")
    return mixture(c, shared_width=count * width, parts=parts, **facts)
