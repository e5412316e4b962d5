"""Hybrids: layers with softmax attention between recurrent ones."""

from __future__ import annotations

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
from app.catalog.huggingface.families.mixtures import GATED_SHARED, Parts, sparse_layers
from app.catalog.huggingface.reading import (
    MAX_HEAD_DIM,
    MAX_HEADS,
    MAX_LAYERS,
    Config,
)
from app.catalog.huggingface.registry import family
from app.domain.architecture import (
    MLP,
    AttentionNames,
    GatedDeltaNet,
    Layer,
    Mamba2,
    Mixer,
    ModelSpec,
    RootPart,
)

LINEAR = "linear_attention"
NEMOTRON_PARTS: Parts = (
    ("experts", "mixer.experts"),
    ("router", "mixer.gate"),
    ("shared", "mixer.shared_experts"),
)
NEMOTRON_ROOT: tuple[tuple[RootPart, str], ...] = (
    ("embedding", "model.embeddings"),
    ("layers", "model.layers"),
    ("norm", "model.norm_f"),
    ("head", "lm_head"),
)
NEMOTRON_PATTERN = {"M": "mamba", "E": "moe", "*": "attention", "-": "mlp"}
NEMOTRON_NAMES = {
    "linear_attention": "mamba",
    "full_attention": "attention",
    "moe": "moe",
    "mlp": "mlp",
    "mamba": "mamba",
    "attention": "attention",
}


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
        fused_projections=fused,
    )
    kinds = layer_types(c, len(mlps), every, local=LINEAR)
    layers = stack(
        zip(kinds, mlps, strict=True),
        lambda kind: Layer(hidden_size(c), delta if kind[0] == LINEAR else full, kind[1]),
    )
    return decoder(c, layers)


@family("Nemotron-H", "nemotron_h")
def nemotron_h(c: Config) -> ModelSpec:
    """NemotronHForCausalLM: every layer is one norm and one block, as the pattern says."""
    if c.has("moe_latent_size"):
        c.complain(
            "moe_latent_size",
            "Experts behind a latent projection are not supported; use "
            "a model whose moe_latent_size is null.",
        )
    return decoder(
        c, stack(_nemotron_kinds(c), lambda kind: _nemotron_layer(c, kind)), root=NEMOTRON_ROOT
    )


def _nemotron_kinds(c: Config) -> tuple[str, ...]:
    key, pattern = c.find("hybrid_override_pattern")
    if pattern is not None:
        if (
            not isinstance(pattern, str)
            or not 0 < len(pattern) <= MAX_LAYERS
            or set(pattern) - set(NEMOTRON_PATTERN)
        ):
            c.refuse(
                key,
                f"{key} must be a string of up to {MAX_LAYERS:,} of the letters "
                f"{' '.join(NEMOTRON_PATTERN)}, one for each layer.",
            )
        return tuple(NEMOTRON_PATTERN[letter] for letter in pattern)
    key, listed = c.find(("layers_block_type", "layer_types"))
    if not isinstance(listed, list) or not 0 < len(listed) <= MAX_LAYERS:
        c.refuse(key, f"{key} is missing; add a list with one block type for each layer.")
    return tuple(
        NEMOTRON_NAMES[name] for name in c.names(key, len(listed), NEMOTRON_NAMES, lambda _: "mlp")
    )


def _nemotron_layer(c: Config, kind: str) -> Layer:
    mixer: Mixer | None = None
    mlp: MLP | None = None
    if kind == "mamba":
        mixer = Mamba2(
            heads=c.integer("mamba_num_heads", 128, most=MAX_HEADS),
            head_dim=c.integer("mamba_head_dim", 64, most=MAX_HEAD_DIM),
            groups=c.integer(("n_groups", "mamba_n_groups"), 8, most=MAX_HEADS),
            state=c.integer("ssm_state_size", 128, most=MAX_HEAD_DIM),
            conv_kernel=c.integer(("conv_kernel", "mamba_d_conv"), 4, most=1000),
            conv_bias=c.flag(("use_conv_bias", "mamba_conv_bias"), True),
            bias=c.flag("use_bias", False),
        )
    elif kind == "attention":
        mixer = attention(c, kv_heads=8, head_dim=128, names=AttentionNames("mixer"))
    elif kind == "moe":
        mlp = mixture(
            c,
            act="relu2",
            gated=False,
            parts=NEMOTRON_PARTS,
            shared_width=c.integer("moe_shared_expert_intermediate_size", 7688),
        )
    else:
        mlp = dense(
            c,
            act="relu2",
            gated=False,
            bias=c.flag("mlp_bias", False),
            module="mixer",
            names=("up_proj", "down_proj"),
        )
    return Layer(hidden_size(c), mixer, mlp, modules=("norm", "mlp" if mlp else "mixer"))
