"""What one decoder layer keeps for backward: a recipe of formulas, read off its blocks.

A recipe is a list of formulas with the symbols that depend on the layer and the job's kernels, but
not on how many layers or tokens there are. It is cached, since a what-if changes those two most.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from app.domain.architecture import (
    Attention,
    DenseMLP,
    LatentAttention,
    MixtureOfExperts,
    ModelSpec,
    ParallelMixers,
    Recurrent,
)
from app.domain.formulas import activations as act
from app.domain.formulas import adapters, mixtures, norms
from app.domain.formulas import attention as att
from app.domain.formulas.registry import Formula
from app.domain.ingredient import Ingredient
from app.domain.per_model import per_model
from app.domain.precision import BF16, FP32, Stream
from app.domain.quantities import LayerKind
from app.domain.recurrent_memory import readers, recurrent_memory
from app.domain.residual_memory import beside_blocks
from app.domain.training import AttentionKernel, Method

# How many tensors of the MLP's width an ungated activation leaves behind, the last linear's input
# among them: gelu_new is written out in five elementwise steps, the others are one kernel. Under
# autocast torch.pow runs in fp32, and so three of the five are twice as large.
GELU_NEW_UNDER_AUTOCAST = 8
PLAIN_MLP_TENSORS = {
    "gelu_new": 5,
    "gelu": 2,
    "gelu_tanh": 2,
    "silu": 2,
    "relu": 1,
    "relu2": 2,
    "xielu": 5,
}
# Of an expert's width: gate and up, activation and product; and what gpt-oss clamps and gates.
EXPERT_TENSORS, UNGATED_EXPERT_TENSORS, CLAMPED_EXPERT_TENSORS = 4, 2, 7


# Families whose RMSNorm multiplies by its weight before casting back to 16 bits.
# Source: Gemma2RMSNorm, Olmo2RMSNorm, GptOssRMSNorm, Qwen3NextRMSNorm … in transformers 5.23.
FP32_NORM_FAMILIES = (
    *("gemma", "olmo2", "olmo3", "olmo_hybrid", "flex_olmo", "gpt_oss"),
    *("qwen3_next", "qwen3_5", "helium", "afmoe", "vaultgemma"),
)
# Families whose router multiplies in fp32. Source: DeepseekV3TopkRouter and its copies.
FP32_ROUTER_FAMILIES = (
    *("deepseek_v", "kimi", "glm4_moe", "glm_moe_dsa", "nemotron_h", "exaone_moe", "solar_open"),
    *("ernie4_5_moe", "hunyuan_v1_moe", "dots1"),
)
# Families whose forward adds `shared_experts(residuals)` to what the experts returned.
SHARED_LAST_FAMILIES = (
    *("deepseek_v", "kimi", "glm4_moe", "glm_moe_dsa", "nemotron_h", "exaone_moe", "solar_open"),
    *("dots1", "granitemoehybrid"),
)
# Families whose experts' outputs are weighted in fp32. Source: moe.py keeps the router's dtype.
FP32_WEIGHTING_FAMILIES = (
    *("deepseek_v", "kimi", "glm4_moe", "glm_moe_dsa", "nemotron_h", "exaone_moe", "solar_open"),
    *("hunyuan_v1_moe", "dots1", "mixtral", "minimax", "afmoe"),
)


class Kernels(NamedTuple):
    """The parts of a job that decide what a layer keeps."""

    stream: Stream
    attention: AttentionKernel
    method: Method
    adapter_bytes: int
    rank: int


Recipe = tuple[Ingredient, ...]


@per_model
def layer_recipe(spec: ModelSpec, kind: LayerKind, kernels: Kernels, masked: bool) -> Recipe:
    """What a layer of this kind keeps from forward to backward.

    `masked`: a sliding window shorter than the sequence forces an explicit attention mask.
    """
    return (
        *_norms(spec, kind, kernels),
        *_projection_inputs(spec, kind, kernels),
        *_mixer(spec, kind, kernels, masked),
        *_mlp(spec, kind, kernels),
        *_folded_experts(kind, kernels),
        *_extras(spec, kind, kernels),
        *beside_blocks(kind.layer, kernels.stream, trained=kernels.method == "full"),
    )


def _norms(spec: ModelSpec, kind: LayerKind, kernels: Kernels) -> Iterable[Ingredient]:
    layer, stream = kind.layer, kernels.stream
    inputs = 1 if spec.parallel_residual and layer.norm != "rmsnorm" else layer.norms
    before_mlp = inputs // 2 if layer.mlp is not None else 0
    for count, in_mlp in ((inputs - before_mlp, False), (before_mlp, True)):
        if not count:
            continue
        formula, s = norm_memory(spec, stream, trained=kernels.method == "full")
        symbols = {"k": count, "h": layer.hidden_size, "s": s}
        yield Ingredient(formula, symbols, in_mlp=in_mlp)


def norm_memory(spec: ModelSpec, stream: Stream, *, trained: bool) -> tuple[Formula, int]:
    """The formula of a model's norms and its s, the element size of what it keeps besides."""
    if spec.model_type.startswith("cohere"):
        return norms.written_out_layer_norms, FP32 * trained
    if spec.norm != "rmsnorm":
        in_fp32 = spec.norm == "layernorm_noparam"
        return norms.layer_norms, FP32 if in_fp32 else stream.residual
    product = FP32 if multiplies_norms_in_fp32(spec) else stream.residual
    return norms.rms_norms, product * trained


def multiplies_norms_in_fp32(spec: ModelSpec) -> bool:
    """Whether the norm's weight multiplies an fp32 value, which backward then keeps."""
    return spec.model_type.startswith(FP32_NORM_FAMILIES)


def runs_shared_last(spec: ModelSpec) -> bool:
    """Whether the shared experts run after the routed ones, and so are differentiated first."""
    return spec.model_type.startswith(SHARED_LAST_FAMILIES)


def weights_in_fp32(spec: ModelSpec) -> bool:
    """Whether the experts' outputs are multiplied by fp32 routing weights."""
    return spec.model_type.startswith(FP32_WEIGHTING_FAMILIES)


def broadcasts_one_key(spec: ModelSpec, mixer: Attention | LatentAttention) -> bool:
    """Whether SDPA gets one key head for many queries, as from Falcon, and must fall back."""
    return spec.model_type == "falcon" and mixer.kv_heads == 1 < mixer.heads


def _projection_inputs(spec: ModelSpec, kind: LayerKind, kernels: Kernels) -> Iterable[Ingredient]:
    layer, stream = kind.layer, kernels.stream
    if kernels.method == "full" and stream.autocast:
        mixer, mlp = _consumers(kind)
    elif kernels.method == "full" or not _casts_adapter_inputs(kernels):
        shared = spec.parallel_residual and layer.norms == 1
        # Falcon-H1 scales the input of either mixer by a number of its own.
        mixer = 2 if isinstance(layer.mixer, ParallelMixers) else int(layer.mixer is not None)
        mlp = int(layer.mlp is not None and not shared)
    else:
        return
    size = stream.residual if kernels.method == "qlora" else stream.compute
    symbols = {"h": layer.hidden_size, "c": size}
    for copies, in_mlp in ((mixer, False), (mlp, True)):
        if copies:
            yield Ingredient(act.projection_inputs, {"k": copies, **symbols}, in_mlp=in_mlp)


def _casts_adapter_inputs(kernels: Kernels) -> bool:
    """Whether each adapter keeps a cast of its input instead of the shared tensor."""
    if kernels.stream.autocast:
        return True
    return kernels.adapter_bytes != kernels.stream.residual


def _consumers(kind: LayerKind) -> tuple[int, int]:
    """How many linears of the mixer and of the MLP read the normalised residual stream.

    Under autocast each has a cast of its own.
    """
    mlp, in_mlp = kind.layer.mlp, 0
    if isinstance(mlp, MixtureOfExperts):
        in_mlp = 1  # the router; the experts' grouped products are not cast
        mlp = mlp.shared
    if mlp is not None:
        in_mlp += 2 if mlp.gated and not mlp.fused_gate_up else 1
    in_mixer = readers(kind.layer.mixer)
    return in_mixer, in_mlp


def _mixer(
    spec: ModelSpec, kind: LayerKind, kernels: Kernels, masked: bool
) -> Iterable[Ingredient]:
    mixer, c = kind.layer.mixer, kernels.stream.compute
    if isinstance(mixer, ParallelMixers):
        yield from recurrent_memory(mixer.recurrent, kind.layer.hidden_size, kernels.stream)
        mixer = mixer.attention
    if isinstance(mixer, Attention):
        in_fp32 = multiplies_norms_in_fp32(spec)
        yield from _attention(
            mixer,
            kernels,
            masked=masked,
            in_fp32=in_fp32,
            dropout=spec.attention_dropout,
            math_kernel=broadcasts_one_key(spec, mixer),
        )
    elif isinstance(mixer, LatentAttention):
        yield Ingredient(
            att.latent_attention,
            {
                "H": mixer.heads,
                "d": mixer.nope_dim,
                "p": mixer.rope_dim,
                "v": mixer.value_dim,
                "a": mixer.query_rank or 0,
                "b": mixer.kv_rank,
                "c": c,
            },
        )
        if mixer.rotary and kernels.attention != "eager":
            width = mixer.value_width
            yield Ingredient(act.copied_attention_output, {"q": width, "c": c})
        if mixer.indexer is not None or mixer.shares_indexer:
            yield Ingredient(att.attention_masks, {"c": c}, needs_sequence=True)
    elif isinstance(mixer, Recurrent):
        yield from recurrent_memory(mixer, kind.layer.hidden_size, kernels.stream)


def _attention(
    mixer: Attention,
    kernels: Kernels,
    *,
    masked: bool,
    in_fp32: bool,
    dropout: bool,
    math_kernel: bool,
) -> Iterable[Ingredient]:
    q, heads, c = mixer.q_width, mixer.heads, kernels.stream.compute
    # What an earlier layer made it keeps already.
    kv, keys = (0, 0) if mixer.shares_kv else (mixer.kv_width, mixer.kv_heads)
    if kernels.attention == "eager":
        score = 2 * c + 1 if dropout else FP32 + c
        score = c if mixer.sinks else score
        symbols = {"q": q, "H": heads, "p": score, "c": c}
        yield Ingredient(act.eager_attention, symbols, needs_sequence=True)
        if mixer.softcap:
            yield Ingredient(act.softcapped_scores, {"H": heads, "c": c}, needs_sequence=True)
    elif kernels.stream.id == "full":
        yield Ingredient(act.math_attention, {"q": q, "H": heads}, needs_sequence=True)
    elif math_kernel and mixer.rotary_dim and kernels.attention == "sdpa":
        symbols = {"q": q, "kv": kv, "H": heads, "c": c}
        yield Ingredient(att.fp32_attention, symbols, needs_sequence=True)
        return
    elif mixer.indexer or (masked and mixer.sliding_window and kernels.attention == "sdpa"):
        repeated = q if mixer.kv_heads > 1 else kv
        size = c * heads if mixer.indexer else c
        yield Ingredient(act.masked_attention, {"q": q, "r": repeated, "H": heads, "c": c})
        yield Ingredient(att.attention_masks, {"c": size}, needs_sequence=True)
    else:
        yield Ingredient(act.flash_attention, {"q": q, "kv": kv, "H": heads, "c": c})
    if mixer.fused_qkv and mixer.rotary_dim:
        yield Ingredient(act.fused_qkv_storage, {"q": q, "kv": kv, "c": c})
    if mixer.qk_norm != "none":
        symbols = {"q": q, "kv": kv, "H": heads, "K": keys}
        kept = 0 if kernels.method != "full" else FP32 if in_fp32 else BF16
        yield Ingredient(act.qk_norms, {**symbols, "f": kept})
    if mixer.rotary_concatenates and kernels.attention != "eager":
        yield Ingredient(act.copied_attention_output, {"q": q, "c": c})
    if mixer.output_gate or any(part == "gate" for part, _ in mixer.names.parts):
        yield Ingredient(att.gated_attention, {"q": q, "c": c})


def _mlp(spec: ModelSpec, kind: LayerKind, kernels: Kernels) -> Iterable[Ingredient]:
    mlp = kind.layer.mlp
    if isinstance(mlp, DenseMLP):
        yield _dense(mlp, kernels)
        if mlp.activation == "xielu":
            yield Ingredient(act.xielu_signs, {"i": mlp.width}, in_mlp=True)
    elif isinstance(mlp, MixtureOfExperts):
        yield from _routed(mlp, kind, kernels)
        if kernels.method == "full" and spec.model_type.startswith(FP32_ROUTER_FAMILIES):
            yield from _fp32_router(mlp, kind.layer.hidden_size)
        if mlp.shared is not None:
            yield _dense(mlp.shared, kernels)
        if mlp.shared_gate:
            symbols = {"h": kind.layer.hidden_size, "c": kernels.stream.compute}
            yield Ingredient(act.gated_shared_output, symbols, in_mlp=True)


def _routed(mlp: MixtureOfExperts, kind: LayerKind, kernels: Kernels) -> Iterable[Ingredient]:
    k, c = mlp.rows, folded_bytes(kernels)
    h = mlp.input_width(kind.layer.hidden_size)
    symbols = {"k": k, "e": mlp.width, "X": mlp.experts, "c": c}
    if kernels.method == "full" or kind.folding:
        tensors = EXPERT_TENSORS if mlp.gated else UNGATED_EXPERT_TENSORS
        clamped = mlp.expert_bias or mlp.clamped
        symbols |= {"h": h, "m": CLAMPED_EXPERT_TENSORS if clamped else tensors}
        yield Ingredient(mixtures.routed_experts, symbols, in_mlp=True)
    else:
        yield Ingredient(mixtures.frozen_experts, symbols, in_mlp=True)
    yield Ingredient(mixtures.expert_outputs, {"k": k, "h": h, "c": c}, in_mlp=True)


def _fp32_router(mlp: MixtureOfExperts, h: int) -> Iterable[Ingredient]:
    symbols = {"h": h, "X": mlp.experts}
    yield Ingredient(mixtures.fp32_router, {**symbols, "k": mlp.per_token}, in_mlp=True)
    yield Ingredient(mixtures.fp32_router_weight, symbols, in_mlp=True, needs_tokens=False)


def _folded_experts(kind: LayerKind, kernels: Kernels) -> Iterable[Ingredient]:
    """Copies of weights that backward needs, because adapters on packed experts make them."""
    c = folded_bytes(kernels)
    copies = {
        adapters.folded_gate_up: kind.folded[0],
        adapters.folded_down: kind.folded[1],
        adapters.folding_factors: kind.folding if kernels.adapter_bytes != c else 0,
    }
    for formula, elements in copies.items():
        if elements:
            yield Ingredient(formula, {"w": elements, "c": c}, in_mlp=True, needs_tokens=False)


def folded_bytes(kernels: Kernels) -> int:
    """Bytes per element of the routed experts' work: that of the residual stream.

    Grouped products are not autocast. What QLoRA does not quantise it makes fp32, packed experts,
    too.
    """
    return FP32 if kernels.method == "qlora" else kernels.stream.residual


def _dense(mlp: DenseMLP, kernels: Kernels) -> Ingredient:
    c = kernels.stream.residual if kernels.method == "qlora" else kernels.stream.compute
    if not mlp.gated:
        tensors = PLAIN_MLP_TENSORS[mlp.activation]
        if mlp.activation == "gelu_new" and kernels.stream.autocast:
            tensors = GELU_NEW_UNDER_AUTOCAST
        symbols = {"k": tensors, "i": mlp.width, "c": c}
        return Ingredient(act.plain_mlp, symbols, in_mlp=True)
    if kernels.method != "full" and _casts_adapter_inputs(kernels):
        return Ingredient(act.frozen_gated_mlp, {"i": mlp.width, "c": c}, in_mlp=True)
    return Ingredient(act.gated_mlp, {"i": mlp.width, "c": c}, in_mlp=True)


def _extras(spec: ModelSpec, kind: LayerKind, kernels: Kernels) -> Iterable[Ingredient]:
    if spec.residual_dropout:
        yield Ingredient(act.dropout_masks, {"k": 2, "h": kind.layer.hidden_size})
    if kernels.method == "full" or not kind.adapters:
        return
    cast = BF16 if kernels.stream.autocast else kernels.adapter_bytes
    inputs = kind.adapter_inputs if _casts_adapter_inputs(kernels) else 0
    symbols = {"a": cast, "x": inputs, "m": kind.adapters, "r": kernels.rank}
    yield Ingredient(act.lora_inputs, symbols)


def mlp_width(kind: LayerKind) -> int:
    """Channels per token between the MLP's matrices, over all routed and shared networks."""
    mlp = kind.layer.mlp
    if isinstance(mlp, DenseMLP):
        return mlp.width
    if isinstance(mlp, MixtureOfExperts):
        return mlp.rows * mlp.width + mlp.shared_width
    return 0


def down_of(kind: LayerKind) -> int:
    """Elements of the MLP's last projections, whose gradients come first."""
    mlp = kind.layer.mlp
    if isinstance(mlp, DenseMLP):
        return kind.layer.hidden_size * mlp.width
    if isinstance(mlp, MixtureOfExperts):
        return kind.layer.hidden_size * mlp.experts * mlp.width
    return 0
