"""Dense decoders of Llama's shape: rotary attention, a feed-forward block and norms around them.

Each function states what its class in transformers 5.23 does differently (models/<model_type>).
"""

from __future__ import annotations

from typing import Any

from app.catalog.huggingface.blocks import (
    FULL,
    SLIDING,
    attention,
    dense,
    layer_count,
    layer_types,
    layered,
    ungated,
    window,
)
from app.catalog.huggingface.reading import MAX_LAYERS, MAX_POSITIONS, Config
from app.catalog.huggingface.registry import family
from app.domain.architecture import LLAMA_MODULES, Attention, AttentionNames, ModelSpec, NormKind

FUSED_QKV = AttentionNames(parts=(("o", "o_proj"), ("qkv", "qkv_proj")))
FUSED_GATE_UP = ("gate_up_proj", "down_proj")
HUNYUAN_NAMES = AttentionNames(
    parts=(
        *AttentionNames().parts[:4],
        ("q_norm", "query_layernorm"),
        ("k_norm", "key_layernorm"),
    )
)
OLMO2_MODULES = ("mixer", "mlp", "post_attention_layernorm", "post_feedforward_layernorm")
GLM4_MODULES = (
    "mixer",
    "mlp",
    "input_layernorm",
    "post_attention_layernorm",
    "post_self_attn_layernorm",
    "post_mlp_layernorm",
)
APERTUS_MODULES = ("mixer", "mlp", "attention_layernorm", "feedforward_layernorm")
PARALLEL_MODULES = ("mixer", "mlp", "input_layernorm")
BIAS = ("attention_bias", "use_bias")


@family("Llama", "llama")
@family("Yi", "Yi")
@family("InternLM 3", "internlm3")
@family("Granite", "granite")
@family("Mistral", "mistral")
@family("Gemma", "gemma")
@family("Ministral", "ministral")
@family("Ministral 3", "ministral3")
@family("ERNIE 4.5", "ernie4_5")
@family("IQuest-Coder", "iquestcoder")
def llama(c: Config) -> ModelSpec:
    """LlamaForCausalLM. The others differ from it in what their classes read, and in defaults.

    A class with a sliding window has it in every layer, unless the config says null or names
    each layer's kind.
    """
    return windowed(c, window_from(c, layer_count(c), 0))


def windowed(
    c: Config,
    kinds: tuple[str, ...],
    *,
    plain: bool = False,
    rotates_full: bool = True,
    modules: tuple[str, ...] = LLAMA_MODULES,
    norm: NormKind = "rmsnorm",
    root: dict[str, Any] | None = None,
    **facts: Any,
) -> ModelSpec:
    """Layers of these kinds with the biases that the config gives them; `facts` of attention.

    `plain`: no gate in the feed-forward block. `rotates_full`: whether layers that see all tokens
    have rotary positions. `root`: facts of the whole model.
    """
    bias = c.flag(BIAS, False)
    facts = {"qkv_bias": bias, "output_bias": bias, **facts}
    block = ungated if plain else dense
    mlp = block(c, bias=c.flag(("mlp_bias", "use_bias"), False))
    return layered(
        c, mixers(c, kinds, rotates_full, **facts), mlp, modules=modules, norm=norm, **(root or {})
    )


def mixers(
    c: Config, kinds: tuple[str, ...], rotates_full: bool = True, **facts: Any
) -> list[Attention]:
    """One attention for each layer, sliding where its kind says so."""
    fixed = facts if rotates_full else {**facts, "rotary": 0.0}
    return [
        attention(c, sliding_window=window(c, kind), **(fixed if kind == FULL else facts))
        for kind in kinds
    ]


@family("Granite SWA", "granite_swa")
def granite_swa(c: Config) -> ModelSpec:
    """GraniteSWAForCausalLM: one full layer, then three that slide; a sink for each head."""
    return windowed(c, layer_types(c, layer_count(c), 4, last=False), sinks=True)


@family("Code World Model", "cwm")
def cwm(c: Config) -> ModelSpec:
    """CwmForCausalLM: one full layer, then three that slide."""
    kinds = layer_types(c, layer_count(c), 4, last=False)
    return windowed(c, kinds)


@family("Helium", "helium")
def helium(c: Config) -> ModelSpec:
    """HeliumForCausalLM: the output projection never has a bias."""
    return windowed(c, (FULL,) * layer_count(c), output_bias=False)


@family("Seed-OSS", "seed_oss")
def seed_oss(c: Config) -> ModelSpec:
    """SeedOssForCausalLM: biases on q, k and v, and a key of its own for the output's."""
    out = c.flag("attention_out_bias", False)
    return windowed(c, (FULL,) * layer_count(c), output_bias=out)


@family("HunYuan", "hunyuan_v1_dense")
def hunyuan(c: Config) -> ModelSpec:
    """HunYuanDenseV1ForCausalLM: norms over each head's queries and keys."""
    return windowed(c, (FULL,) * layer_count(c), qk_norm="head", names=HUNYUAN_NAMES)


@family("Arcee", "arcee")
def arcee(c: Config) -> ModelSpec:
    """ArceeForCausalLM: squared ReLU without a gate."""
    return windowed(c, (FULL,) * layer_count(c), plain=True)


@family("Nemotron", "nemotron")
def nemotron(c: Config) -> ModelSpec:
    """NemotronForCausalLM: layer norms, squared ReLU, half of a head rotated."""
    return windowed(c, (FULL,) * layer_count(c), plain=True, norm="layernorm", rotary=0.5)


@family("Jais 2", "jais2")
def jais2(c: Config) -> ModelSpec:
    """Jais2ForCausalLM: layer norms, squared ReLU, biases everywhere."""
    return windowed(c, (FULL,) * layer_count(c), plain=True, norm="layernorm")


@family("Apertus", "apertus")
def apertus(c: Config) -> ModelSpec:
    """ApertusForCausalLM: xIELU with two learned parameters a layer, norms on queries and keys."""
    kinds = (FULL,) * layer_count(c)
    return windowed(c, kinds, plain=True, qk_norm="head", modules=APERTUS_MODULES)


@family("EXAONE 4", "exaone4")
def exaone4(c: Config) -> ModelSpec:
    """Exaone4ForCausalLM: norms behind the blocks; full layers among sliding ones do not rotate."""
    slides = c.has("sliding_window")
    return windowed(
        c,
        exaone_kinds(c),
        rotates_full=not slides,
        qk_norm="head",
        modules=OLMO2_MODULES,
    )


def exaone_kinds(c: Config) -> tuple[str, ...]:
    """Three sliding layers to a full one, or as many as the pattern says in a number or letters."""
    count = layer_count(c)
    if not c.has("sliding_window"):
        return layer_types(c, count)
    _, pattern = c.find("sliding_window_pattern")
    every = len(pattern) if isinstance(pattern, str) else c.integer("sliding_window_pattern", 4)
    return layer_types(c, count, every)


@family("HyperCLOVA X", "hyperclovax")
def hyperclovax(c: Config) -> ModelSpec:
    """HyperCLOVAXForCausalLM: Granite with norms behind the blocks too."""
    after = ("post_norm1", "post_norm2") if c.flag("use_post_norm", True) else ()
    return windowed(c, (FULL,) * layer_count(c), modules=LLAMA_MODULES + after)


@family("Qwen2", "qwen2")
def qwen2(c: Config) -> ModelSpec:
    """Qwen2ForCausalLM: biases on queries, keys and values."""
    return windowed(c, _qwen_kinds(c), qkv_bias=True, output_bias=False)


@family("Qwen3", "qwen3")
def qwen3(c: Config) -> ModelSpec:
    """Qwen3ForCausalLM: a norm over each head's queries and keys instead of biases."""
    return windowed(c, _qwen_kinds(c), qk_norm="head")


def _qwen_kinds(c: Config) -> tuple[str, ...]:
    """Layers from `max_window_layers` on slide, where `use_sliding_window` is set."""
    count = layer_count(c)
    if not c.flag("use_sliding_window", False):
        return (FULL,) * count
    first = c.integer("max_window_layers", 28, least=0, most=MAX_LAYERS)
    return window_from(c, count, first)


def window_from(c: Config, count: int, first: int) -> tuple[str, ...]:
    """As `layer_types` says; absent, every layer slides from `first` on if there is a window."""
    if c.has("layer_types"):
        return layer_types(c, count)
    slides = c.has("sliding_window")
    return tuple(SLIDING if slides and i >= first else FULL for i in range(count))


@family("Phi-3 and Phi-4", "phi3")
@family("Phi-4 multimodal", "phi4_multimodal", "phi4mm")
def phi3(c: Config) -> ModelSpec:
    """Phi3ForCausalLM: one projection for q, k and v, one for gate and up."""
    span = c.optional_integer("sliding_window", most=MAX_POSITIONS)
    mixer = attention(c, sliding_window=span, joined_rotary=True, names=FUSED_QKV)
    mlp = dense(c, fused_gate_up=True, names=FUSED_GATE_UP)
    return layered(c, (mixer,) * layer_count(c), mlp)


@family("GLM-4", "glm4")
def glm4(c: Config) -> ModelSpec:
    """Glm4ForCausalLM: biases on q, k and v, a fused gate and up, and four norms."""
    return _glm(c, GLM4_MODULES)


@family("GLM", "glm")
def glm(c: Config) -> ModelSpec:
    """GlmForCausalLM: as GLM-4 with two norms."""
    return _glm(c, LLAMA_MODULES)


def _glm(c: Config, modules: tuple[str, ...]) -> ModelSpec:
    mixer = attention(c, rotary=0.5, qkv_bias=c.flag("attention_bias", True))
    mlp = dense(c, fused_gate_up=True, names=FUSED_GATE_UP)
    return layered(c, (mixer,) * layer_count(c), mlp, modules=modules)


@family("OLMo", "olmo")
def olmo(c: Config) -> ModelSpec:
    """OlmoForCausalLM: layer norms without parameters."""
    return windowed(c, (FULL,) * layer_count(c), norm="layernorm_noparam")


@family("OLMo 2", "olmo2")
@family("OLMo 3", "olmo3")
def olmo2(c: Config) -> ModelSpec:
    """Olmo2ForCausalLM: norms behind the blocks, and over the whole query and key projections.

    OLMo 3 has three sliding layers to a full one.
    """
    every = 4 if c.has("sliding_window") else None
    kinds = layer_types(c, layer_count(c), every)
    return windowed(c, kinds, qk_norm="full", modules=OLMO2_MODULES)


@family("SmolLM3", "smollm3")
def smollm3(c: Config) -> ModelSpec:
    """SmolLM3ForCausalLM: every fourth layer goes without rotary positions."""
    count, bias = layer_count(c), c.flag("attention_bias", False)
    every = c.integer("no_rope_layer_interval", 4, most=MAX_LAYERS)
    rotary = (0.0 if (i + 1) % every == 0 else 1.0 for i in range(count))
    each = [attention(c, qkv_bias=bias, output_bias=bias, rotary=part) for part in rotary]
    return layered(c, each, dense(c, bias=c.flag("mlp_bias", False)))


@family("Cohere Command R", "cohere")
def cohere(c: Config) -> ModelSpec:
    """CohereForCausalLM: one norm without bias before attention and feed-forward in parallel.

    Command R+ normalises queries and keys, with a weight for each head.
    """
    normed = "heads" if c.flag("use_qk_norm", False) else "none"
    return _cohere(c, (FULL,) * layer_count(c), qk_norm=normed)


@family("Cohere Command R7B and Command A", "cohere2")
def cohere2(c: Config) -> ModelSpec:
    """Cohere2ForCausalLM: three sliding layers to a full one, which has no rotary positions."""
    every = c.integer("sliding_window_pattern", 4, most=MAX_LAYERS)
    kinds = layer_types(c, layer_count(c), every)
    return _cohere(c, kinds, rotates_full=False)


def _cohere(c: Config, kinds: tuple[str, ...], **facts: Any) -> ModelSpec:
    root = {"parallel_residual": True}
    norm: NormKind = "layernorm_nobias"
    return windowed(c, kinds, modules=PARALLEL_MODULES, norm=norm, root=root, **facts)
