"""Dense decoders of Llama's shape: RMSNorm, rotary attention and a gated feed-forward block.

Each function states what its class in transformers 5.23 does differently (models/<model_type>).
"""

from __future__ import annotations

from typing import Any

from app.catalog.huggingface.blocks import (
    FULL,
    SLIDING,
    attention,
    decoder,
    dense,
    hidden_size,
    layer_count,
    layer_types,
    stack,
    window,
)
from app.catalog.huggingface.reading import MAX_LAYERS, MAX_POSITIONS, Config
from app.catalog.huggingface.registry import family
from app.domain.architecture import AttentionNames, Layer, ModelSpec

FUSED_QKV = AttentionNames(parts=(("o", "o_proj"), ("qkv", "qkv_proj")))
OLMO2_MODULES = ("mixer", "mlp", "post_attention_layernorm", "post_feedforward_layernorm")
GLM4_MODULES = (
    "mixer",
    "mlp",
    "input_layernorm",
    "post_attention_layernorm",
    "post_self_attn_layernorm",
    "post_mlp_layernorm",
)
FUSED_GATE_UP = ("gate_up_proj", "down_proj")


@family("Llama", "llama")
@family("Granite", "granite")
def llama(c: Config) -> ModelSpec:
    """LlamaForCausalLM; GraniteForCausalLM has the same parameters."""
    bias = c.flag("attention_bias", False)
    layer = Layer(
        hidden_size(c),
        attention(c, qkv_bias=bias, output_bias=bias),
        dense(c, bias=c.flag("mlp_bias", False)),
    )
    return decoder(c, (layer,) * layer_count(c))


@family("Mistral", "mistral")
def mistral(c: Config) -> ModelSpec:
    """MistralForCausalLM: every layer slides, unless the config says that none does."""
    return _mistral(c, None if c.is_null(("sliding_window",)) else 4096)


@family("Ministral 3", "ministral3")
def ministral3(c: Config) -> ModelSpec:
    """Ministral3ForCausalLM: Mistral with heads of 128 channels."""
    return _mistral(c, None, head_dim=128)


def _mistral(c: Config, usual_window: int | None, **facts: Any) -> ModelSpec:
    span = c.optional_integer("sliding_window", most=MAX_POSITIONS) or usual_window
    mixer = attention(c, kv_heads=8, sliding_window=span, **facts)
    return decoder(c, (Layer(hidden_size(c), mixer, dense(c)),) * layer_count(c))


@family("Qwen2", "qwen2")
def qwen2(c: Config) -> ModelSpec:
    """Qwen2ForCausalLM: biases on queries, keys and values."""
    return _qwen(c, kv_heads=32, qkv_bias=True)


@family("Qwen3", "qwen3")
def qwen3(c: Config) -> ModelSpec:
    """Qwen3ForCausalLM: a norm over each head's queries and keys instead of biases."""
    bias = c.flag("attention_bias", False)
    return _qwen(c, kv_heads=32, head_dim=128, qk_norm="head", qkv_bias=bias, output_bias=bias)


def _qwen(c: Config, **facts: Any) -> ModelSpec:
    """Layers from `max_window_layers` on slide, where `use_sliding_window` is set."""
    count = layer_count(c)
    slides = c.flag("use_sliding_window", False) and c.has("sliding_window")
    first = c.integer("max_window_layers", 28, least=0, most=MAX_LAYERS)
    default = (FULL if not slides or i < first else SLIDING for i in range(count))
    kinds = layer_types(c, count) if c.has("layer_types") else tuple(default)
    mlp = dense(c)
    layers = stack(
        kinds,
        lambda kind: Layer(
            hidden_size(c),
            attention(c, sliding_window=window(c, kind) if slides else None, **facts),
            mlp,
        ),
    )
    return decoder(c, layers)


@family("Phi-3 and Phi-4", "phi3")
def phi3(c: Config) -> ModelSpec:
    """Phi3ForCausalLM: one projection for q, k and v, one for gate and up."""
    span = c.optional_integer("sliding_window", most=MAX_POSITIONS)
    layer = Layer(
        hidden_size(c),
        attention(c, sliding_window=span, joined_rotary=True, names=FUSED_QKV),
        dense(c, fused_gate_up=True, names=FUSED_GATE_UP),
    )
    return decoder(c, (layer,) * layer_count(c))


@family("GLM-4", "glm4")
def glm4(c: Config) -> ModelSpec:
    """Glm4ForCausalLM: biases on q, k and v, a fused gate and up, and four norms."""
    return _glm(c, GLM4_MODULES)


@family("GLM", "glm")
def glm(c: Config) -> ModelSpec:
    """GlmForCausalLM: as GLM-4 with two norms."""
    return _glm(c, ("mixer", "mlp", "input_layernorm", "post_attention_layernorm"))


def _glm(c: Config, modules: tuple[str, ...]) -> ModelSpec:
    mixer = attention(
        c, head_dim=128, kv_heads=2, rotary=0.5, qkv_bias=c.flag("attention_bias", True)
    )
    mlp = dense(c, fused_gate_up=True, names=FUSED_GATE_UP)
    return decoder(c, (Layer(hidden_size(c), mixer, mlp, modules=modules),) * layer_count(c))


@family("OLMo", "olmo")
def olmo(c: Config) -> ModelSpec:
    """OlmoForCausalLM: layer norms without parameters."""
    bias = c.flag("attention_bias", False)
    layer = Layer(
        hidden_size(c),
        attention(c, qkv_bias=bias, output_bias=bias),
        dense(c),
        norm="layernorm_noparam",
    )
    return decoder(c, (layer,) * layer_count(c), norm="layernorm_noparam")


@family("OLMo 2", "olmo2")
def olmo2(c: Config) -> ModelSpec:
    """Olmo2ForCausalLM: norms after the blocks, and over the whole query and key projections."""
    bias = c.flag("attention_bias", False)
    mixer = attention(c, qk_norm="full", qkv_bias=bias, output_bias=bias)
    layer = Layer(hidden_size(c), mixer, dense(c), modules=OLMO2_MODULES)
    return decoder(c, (layer,) * layer_count(c))


@family("OLMo 3", "olmo3")
def olmo3(c: Config) -> ModelSpec:
    """Olmo3ForCausalLM: OLMo 2 with three sliding layers to a full one."""
    bias = c.flag("attention_bias", False)
    count, mlp = layer_count(c), dense(c)
    layers = stack(
        layer_types(c, count, 4),
        lambda kind: Layer(
            hidden_size(c),
            attention(
                c,
                qk_norm="full",
                qkv_bias=bias,
                output_bias=bias,
                sliding_window=window(c, kind, 4096),
            ),
            mlp,
            modules=OLMO2_MODULES,
        ),
    )
    return decoder(c, layers)


@family("SmolLM3", "smollm3")
def smollm3(c: Config) -> ModelSpec:
    """SmolLM3ForCausalLM: every fourth layer goes without rotary positions."""
    count = layer_count(c)
    bias = c.flag("attention_bias", False)
    every = c.integer("no_rope_layer_interval", 4, most=MAX_LAYERS)
    mlp = dense(c, bias=c.flag("mlp_bias", False))

    def layer(rotates: bool) -> Layer:
        mixer = attention(
            c, kv_heads=4, qkv_bias=bias, output_bias=bias, rotary=1.0 if rotates else 0.0
        )
        return Layer(hidden_size(c), mixer, mlp)

    return decoder(c, stack(((i + 1) % every != 0 for i in range(count)), layer), tied=True)


@family("Cohere Command R", "cohere")
def cohere(c: Config) -> ModelSpec:
    """CohereForCausalLM: one norm without bias before attention and feed-forward in parallel."""
    bias = c.flag("attention_bias", False)
    if c.flag("use_qk_norm", False):
        c.refuse(
            "use_qk_norm",
            "Command R+ normalises queries and keys with one weight per head, "
            "which is not supported; use a model without it.",
        )
    layer = Layer(
        hidden_size(c),
        attention(c, qkv_bias=bias, output_bias=bias),
        dense(c),
        norm="layernorm_nobias",
        modules=("mixer", "mlp", "input_layernorm"),
    )
    return decoder(
        c,
        (layer,) * layer_count(c),
        tied=True,
        norm="layernorm_nobias",
        parallel_residual=True,
    )
