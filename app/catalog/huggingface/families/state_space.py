"""State-space models, alone and in hybrids: Mamba's two generations between or beside attention."""

from __future__ import annotations

from dataclasses import replace
from math import ceil
from typing import Any

from app.catalog.huggingface.blocks import (
    attention,
    decoder,
    dense,
    hidden_size,
    layer_count,
    mixture,
    stack,
)
from app.catalog.huggingface.families.mixtures import GRANITE_PARTS, Parts
from app.catalog.huggingface.reading import MAX_HEAD_DIM, MAX_HEADS, MAX_HIDDEN, MAX_LAYERS, Config
from app.catalog.huggingface.registry import family
from app.domain.architecture import (
    MLP,
    AttentionNames,
    DenseMLP,
    Layer,
    Mamba1,
    Mamba2,
    Mixer,
    ModelSpec,
    ParallelMixers,
    RootPart,
)

MAX_CHUNK = 1_000_000
MAMBA, ATTENTION = "mamba", "attention"
MAMBA_KINDS = {
    "linear_attention": MAMBA,
    "full_attention": ATTENTION,
    MAMBA: MAMBA,
    ATTENTION: ATTENTION,
}
BACKBONE_ROOT: tuple[tuple[RootPart, str], ...] = (
    ("embedding", "backbone.embeddings"),
    ("layers", "backbone.layers"),
    ("norm", "backbone.norm_f"),
    ("head", "lm_head"),
)
FINAL_NORM_ROOT: tuple[tuple[RootPart, str], ...] = (
    ("embedding", "model.embed_tokens"),
    ("layers", "model.layers"),
    ("norm", "model.final_layernorm"),
    ("head", "lm_head"),
)
GRANITE_NAMES = ("input_linear", "output_linear")
GRANITE_MODULES = ("input_layernorm", "post_attention_layernorm", "mlp", "mixer")
FALCON_MODULES = ("mlp", "mixer", "input_layernorm", "pre_ff_layernorm")
BAMBA_MODULES = ("mlp", "input_layernorm", "pre_ff_layernorm", "mixer")
JAMBA_MODULES = ("mixer", "mlp", "input_layernorm", "pre_ff_layernorm")
JAMBA_PARTS: Parts = (("router", "feed_forward.router"), ("experts", "feed_forward.experts"))
NEMOTRON_PARTS: Parts = (
    ("experts", "mixer.experts"),
    ("router", "mixer.gate"),
    ("shared", "mixer.shared_experts"),
    ("latent_in", "mixer.fc1_latent_proj"),
    ("latent_out", "mixer.fc2_latent_proj"),
)
NEMOTRON_ROOT: tuple[tuple[RootPart, str], ...] = (
    ("embedding", "model.embeddings"),
    ("layers", "model.layers"),
    ("norm", "model.norm_f"),
    ("head", "lm_head"),
)
NEMOTRON_PATTERN = {"M": "mamba", "E": "moe", "*": "attention", "-": "mlp"}
NEMOTRON_DEFAULT = ("mamba", "moe", "attention", "mlp")
NEMOTRON_NAMES = {**MAMBA_KINDS, "moe": "moe", "mlp": "mlp"}


@family("Granite 4", "granitemoehybrid")
def granite_hybrid(c: Config) -> ModelSpec:
    """GraniteMoeHybridForCausalLM: a shared network in every layer, beside experts if any."""
    h = hidden_size(c)
    inner = c.integer("mamba_expand", 2, most=1000) * h
    bias = c.flag("attention_bias", False)
    rotary = 1.0 if c.find("position_embedding_type")[1] == "rope" else 0.0
    shared = c.integer("shared_intermediate_size", 1024)
    mlp: MLP = DenseMLP(shared, fused_gate_up=True, module="shared_mlp", names=GRANITE_NAMES)
    if c.integer("num_local_experts", 8, least=0):
        mlp = mixture(
            c,
            width_key="intermediate_size",
            shared_width=shared,
            fused_shared=True,
            parts=GRANITE_PARTS,
        )
    mixers: dict[str, Mixer] = {MAMBA: _mamba2(c, inner, output_bias="mamba_proj_bias")}
    kinds = c.names("layer_types", layer_count(c), MAMBA_KINDS, lambda _: MAMBA)
    if ATTENTION in map(MAMBA_KINDS.get, kinds):
        mixers[ATTENTION] = attention(c, qkv_bias=bias, output_bias=bias, rotary=rotary)
    layers = stack(
        kinds, lambda kind: Layer(h, mixers[MAMBA_KINDS[kind]], mlp, modules=GRANITE_MODULES)
    )
    return decoder(c, layers)


@family("Falcon-H1", "falcon_h1")
def falcon_h1(c: Config) -> ModelSpec:
    """FalconH1ForCausalLM: Mamba-2 and attention beside each other in every layer."""
    h = hidden_size(c)
    inner = c.optional_integer("mamba_d_ssm", most=MAX_HIDDEN)
    if inner is None:
        inner = c.integer("mamba_expand", 2, most=1000) * h
    bias = c.flag("attention_bias", False)
    mixer = ParallelMixers(
        _mamba2(
            c, inner, output_bias="projectors_bias", gated_norm=c.flag("mamba_rms_norm", False)
        ),
        attention(c, kv_heads=8, qkv_bias=bias, output_bias=bias),
    )
    mlp = dense(c, bias=c.flag("mlp_bias", False), module="feed_forward")
    layer = Layer(h, mixer, mlp, modules=FALCON_MODULES)
    return decoder(c, (layer,) * layer_count(c), root=FINAL_NORM_ROOT)


@family("Bamba", "bamba")
def bamba(c: Config) -> ModelSpec:
    """BambaForCausalLM: Mamba-2, and attention in the layers that are listed."""
    h, count = hidden_size(c), layer_count(c)
    bias = c.flag("attention_bias", False)
    full = c.indices("attn_layer_indices", count) or frozenset()
    mamba = _mamba2(c, c.integer("mamba_expand", 2, most=1000) * h, output_bias="mamba_proj_bias")
    mixer = attention(c, kv_heads=8, qkv_bias=bias, output_bias=bias, rotary=0.5)
    mlp = dense(c, bias=c.flag("mlp_bias", False), module="feed_forward")
    layers = stack(
        (i in full for i in range(count)),
        lambda attends: Layer(h, mixer if attends else mamba, mlp, modules=BAMBA_MODULES),
    )
    return decoder(c, layers, root=FINAL_NORM_ROOT)


def _mamba2(c: Config, inner: int, *, output_bias: str, **facts: Any) -> Mamba2:
    """A Mamba-2 block under the keys that the hybrids share."""
    heads = c.integer("mamba_n_heads", 128, most=MAX_HEADS)
    stated = c.find("mamba_d_head")[1]
    dim = (
        max(1, inner // heads)
        if stated in (None, "auto")
        else c.integer("mamba_d_head", most=MAX_HEAD_DIM)
    )
    if heads * dim != inner and c.is_sound(("mamba_n_heads", "mamba_d_head")):
        c.complain(
            "mamba_n_heads",
            f"mamba_n_heads {heads:,} times mamba_d_head {dim:,} must be the block's "
            f"{inner:,} channels; change one of them.",
        )
    return Mamba2(
        heads=heads,
        head_dim=dim,
        groups=c.integer("mamba_n_groups", 1, most=MAX_HEADS),
        state=c.integer("mamba_d_state", 256, most=MAX_HEAD_DIM),
        conv_kernel=c.integer("mamba_d_conv", 4, most=1000),
        conv_bias=c.flag("mamba_conv_bias", True),
        bias=c.flag("mamba_proj_bias", False),
        output_bias=c.flag(output_bias, False),
        chunk=c.integer("mamba_chunk_size", 256, most=MAX_CHUNK),
        module="mamba",
        **facts,
    )


@family("Mamba-2", "mamba2")
def mamba2(c: Config) -> ModelSpec:
    """Mamba2ForCausalLM: one norm and one block a layer."""
    bias = c.flag("use_bias", False)
    heads, dim = (
        c.integer("num_heads", 128, most=MAX_HEADS),
        c.integer("head_dim", 64, most=MAX_HEAD_DIM),
    )
    inner = int(c.number("expand", 2, least=0, most=1000) * hidden_size(c))
    if heads * dim != inner and c.is_sound(("num_heads", "head_dim")):
        c.complain(
            "num_heads",
            f"num_heads {heads:,} times head_dim {dim:,} must be the block's {inner:,} channels; "
            "change one of them.",
        )
    mixer = Mamba2(
        heads=heads,
        head_dim=dim,
        groups=c.integer("n_groups", 8, most=MAX_HEADS),
        state=c.integer("state_size", 128, most=MAX_HEAD_DIM),
        conv_kernel=c.integer("conv_kernel", 4, most=1000),
        conv_bias=c.flag("use_conv_bias", True),
        bias=bias,
        output_bias=bias,
        chunk=c.integer("chunk_size", 256, most=MAX_CHUNK),
    )
    return _backbone(c, mixer, tied=False)


@family("Mamba", "mamba")
@family("Falcon Mamba", "falcon_mamba")
def mamba(c: Config) -> ModelSpec:
    """MambaForCausalLM and FalconMambaForCausalLM; the latter's inner norms have no weights."""
    mixer = _mamba1(
        c,
        int(c.number("expand", 2, least=0, most=1000) * hidden_size(c)),
        keys=("state_size", "time_step_rank", "conv_kernel", "use_conv_bias", "use_bias"),
    )
    return _backbone(c, mixer, tied=True)


def _backbone(c: Config, mixer: Mixer, *, tied: bool) -> ModelSpec:
    layer = Layer(hidden_size(c), mixer, None, modules=("norm", "mixer"))
    return decoder(c, (layer,) * layer_count(c), tied=tied, root=BACKBONE_ROOT)


def _mamba1(c: Config, inner: int, *, keys: tuple[str, ...], **facts: Any) -> Mamba1:
    state, rank, kernel, conv_bias, bias = keys
    automatic = c.find(rank)[1] in (None, "auto")
    return Mamba1(
        inner_width=max(1, inner),
        state=c.integer(state, 16, most=MAX_HEAD_DIM),
        step_rank=ceil(hidden_size(c) / 16) if automatic else c.integer(rank, most=MAX_HIDDEN),
        conv_kernel=c.integer(kernel, 4, most=1000),
        conv_bias=c.flag(conv_bias, True),
        bias=c.flag(bias, False),
        **facts,
    )


@family("Jamba", "jamba")
def jamba(c: Config) -> ModelSpec:
    """JambaForCausalLM: Mamba with norms inside, attention and experts every few layers."""
    h, count = hidden_size(c), layer_count(c)
    mixers: dict[bool, Mixer] = {
        True: attention(c, kv_heads=8, rotary=0.0),
        False: _mamba1(
            c,
            c.integer("mamba_expand", 2, most=1000) * h,
            keys=(
                "mamba_d_state",
                "mamba_dt_rank",
                "mamba_d_conv",
                "mamba_conv_bias",
                "mamba_proj_bias",
            ),
            norms=True,
            module="mamba",
        ),
    }
    plain = dense(c, module="feed_forward")
    experts = c.integer(("num_experts", "num_local_experts"), 16)
    moe: MLP = plain
    if experts > 1:
        moe = mixture(
            c,
            experts=16,
            per_token=2,
            width_key="intermediate_size",
            parts=JAMBA_PARTS,
        )

    def every(of: str, period: int, offset: int) -> tuple[bool, ...]:
        step = c.integer(f"{of}_layer_period", period, most=MAX_LAYERS)
        start = c.integer(f"{of}_layer_offset", offset, least=0, most=MAX_LAYERS)
        return tuple(i % step == start for i in range(count))

    layers = stack(
        zip(every("attn", 8, 4), every("expert", 2, 1), strict=True),
        lambda kind: Layer(h, mixers[kind[0]], moe if kind[1] else plain, modules=JAMBA_MODULES),
    )
    return decoder(c, layers, root=FINAL_NORM_ROOT)


@family("Nemotron-H", "nemotron_h")
def nemotron_h(c: Config) -> ModelSpec:
    """NemotronHForCausalLM: every layer is one norm and one block, as the pattern says."""
    layers = stack(_nemotron_kinds(c), lambda kind: _nemotron_layer(c, kind))
    # The class ties nothing, whatever a config says.
    return replace(decoder(c, layers, root=NEMOTRON_ROOT), tied_embeddings=False)


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
    if listed is None:
        return NEMOTRON_DEFAULT
    if not isinstance(listed, list) or not 0 < len(listed) <= MAX_LAYERS:
        c.refuse(
            key, f"{key} must be a list of up to {MAX_LAYERS:,} block types, one for each layer."
        )
    return tuple(
        NEMOTRON_NAMES[name] for name in c.names(key, len(listed), NEMOTRON_NAMES, lambda _: "mlp")
    )


def _nemotron_layer(c: Config, kind: str) -> Layer:
    mixer: Mixer | None = None
    mlp: MLP | None = None
    if kind == "mamba":
        bias = c.flag("use_bias", False)
        mixer = Mamba2(
            heads=c.integer("mamba_num_heads", 128, most=MAX_HEADS),
            head_dim=c.integer("mamba_head_dim", 64, most=MAX_HEAD_DIM),
            groups=c.integer(("n_groups", "mamba_n_groups"), 8, most=MAX_HEADS),
            state=c.integer("ssm_state_size", 128, most=MAX_HEAD_DIM),
            conv_kernel=c.integer(("conv_kernel", "mamba_d_conv"), 4, most=1000),
            conv_bias=c.flag(("use_conv_bias", "mamba_conv_bias"), True),
            bias=bias,
            output_bias=bias,
            chunk=c.integer(("chunk_size", "mamba_chunk_size"), 128, most=MAX_CHUNK),
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
            shared_bias=c.flag("mlp_bias", False),
            latent=c.optional_integer("moe_latent_size") or 0,
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
