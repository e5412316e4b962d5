"""Gemma 1 to 4: tied embeddings, wide heads, GeGLU, and from Gemma 2 on four norms a layer."""

from __future__ import annotations

from dataclasses import replace

from app.catalog.huggingface.blocks import (
    FULL,
    SLIDING,
    activation,
    attention,
    biased,
    decoder,
    dense,
    hidden_size,
    layer_count,
    layer_types,
    mixture,
    stack,
    window,
)
from app.catalog.huggingface.reading import (
    MAX_HEAD_DIM,
    MAX_HEADS,
    MAX_HIDDEN,
    MAX_LAYERS,
    MAX_VOCABULARY,
    Config,
)
from app.catalog.huggingface.registry import family
from app.domain.architecture import (
    LLAMA_ROOT,
    MLP,
    Attention,
    AttentionNames,
    DenseMLP,
    Layer,
    ModelSpec,
    Projection,
    RootPart,
)

FOUR_NORMS = (
    "input_layernorm",
    "post_attention_layernorm",
    "pre_feedforward_layernorm",
    "post_feedforward_layernorm",
)
GEMMA2_MODULES = ("mixer", "mlp", *FOUR_NORMS)
VAULT_MODULES = ("mixer", "mlp", "input_layernorm", "pre_feedforward_layernorm")
GEMMA4_EXPERTS = (
    "router",
    "experts",
    "post_feedforward_layernorm_1",
    "post_feedforward_layernorm_2",
    "pre_feedforward_layernorm_2",
)
GEMMA4_PARTS: tuple[tuple[Projection, str], ...] = (
    ("q", "q_proj"),
    ("q_norm", "q_norm"),
    ("k_norm", "k_norm"),
    ("k", "k_proj"),
    ("v", "v_proj"),
    ("o", "o_proj"),
)
GEMMA3N_PARTS: tuple[tuple[Projection, str], ...] = (
    ("q", "q_proj"),
    ("q_norm", "q_norm"),
    ("k", "k_proj"),
    ("v", "v_proj"),
    ("k_norm", "k_norm"),
    ("o", "o_proj"),
)
GEMMA3N_MODULES = (
    *GEMMA2_MODULES,
    "altup",
    "laurel",
    "per_layer_input",
    "post_per_layer_input_norm",
)
GEMMA4_ROOT: tuple[tuple[RootPart, str], ...] = (
    *LLAMA_ROOT[:3],
    ("per_layer_embedding", "model.embed_tokens_per_layer"),
    ("per_layer_projection", "model.per_layer_model_projection"),
    ("per_layer_norm", "model.per_layer_projection_norm"),
    *LLAMA_ROOT[3:],
)
GEMMA3N_ROOT: tuple[tuple[RootPart, str], ...] = (
    *GEMMA4_ROOT[:-1],
    ("altup_projections", "model.altup_projections"),
    ("altup_unembed", "model.altup_unembed_projections"),
    *GEMMA4_ROOT[-1:],
)


@family("Gemma 2", "gemma2")
def gemma2(c: Config) -> ModelSpec:
    """Gemma2ForCausalLM: scores and logits are capped, every other layer slides."""
    return _capped(c, GEMMA2_MODULES)


@family("VaultGemma", "vaultgemma")
def vaultgemma(c: Config) -> ModelSpec:
    """VaultGemmaForCausalLM: Gemma 2 without the norms behind the blocks."""
    return _capped(c, VAULT_MODULES)


def _capped(c: Config, modules: tuple[str, ...]) -> ModelSpec:
    bias = c.flag("attention_bias", False)
    capped = c.number("attn_logit_softcapping", 50.0, least=0, most=1e6) > 0
    count, mlp = layer_count(c), dense(c, act="gelu_pytorch_tanh")
    layers = stack(
        layer_types(c, count, 2),
        lambda kind: Layer(
            hidden_size(c),
            attention(
                c,
                kv_heads=4,
                head_dim=256,
                qkv_bias=bias,
                output_bias=bias,
                softcap=capped,
                sliding_window=window(c, kind, 4096),
            ),
            mlp,
            modules=modules,
        ),
    )
    return decoder(
        c,
        layers,
        tied=True,
        logit_softcap=c.number("final_logit_softcapping", 30.0, least=0, most=1e6) > 0,
    )


@family("Gemma 3", "gemma3_text")
def gemma3(c: Config) -> ModelSpec:
    """Gemma3ForCausalLM. Multimodal configs leave out what the class has as default."""
    bias = c.flag("attention_bias", False)
    every = c.integer(("sliding_window_pattern", "_sliding_window_pattern"), 6, most=MAX_LAYERS)
    count, mlp = layer_count(c), dense(c, act="gelu_pytorch_tanh")
    layers = stack(
        layer_types(c, count, every),
        lambda kind: Layer(
            hidden_size(c),
            attention(
                c,
                heads=8,
                kv_heads=4,
                head_dim=256,
                qkv_bias=bias,
                output_bias=bias,
                qk_norm="head",
                sliding_window=window(c, kind, 4096),
            ),
            mlp,
            modules=GEMMA2_MODULES,
        ),
    )
    return decoder(c, layers, tied=True, vocab_default=262_208)


@family("Gemma 3n", "gemma3n_text")
def gemma3n(c: Config) -> ModelSpec:
    """Gemma3nForCausalLM (text): AltUp's residual streams, LAuReL, per-layer embeddings.

    The last `num_kv_shared_layers` reuse keys and values; `intermediate_size` may be a list.
    """
    count, h = layer_count(c), hidden_size(c)
    shared = c.integer("num_kv_shared_layers", 15, least=0, most=MAX_LAYERS)
    streams = c.integer("altup_num_inputs", 4, least=2, most=100)
    rank = c.integer("laurel_rank", 64, most=MAX_HIDDEN)
    per_layer = c.integer("hidden_size_per_layer_input", 256, most=MAX_HIDDEN)
    kinds = layer_types(c, count, 5)
    first_shared = count - shared if shared < count else count

    def layer(kind: tuple[str, bool, int, bool]) -> Layer:
        local, reuses, width, cut = kind
        names = _names({"k", "v", "k_norm"} if reuses else set(), GEMMA3N_PARTS)
        mixer = attention(
            c,
            qk_norm="head",
            names=names,
            sliding_window=window(c, local),
            value_norm=not reuses,
            **biased(c),
        )
        return Layer(
            h,
            mixer,
            DenseMLP(width, activation=activation(c, "gelu_pytorch_tanh"), cuts_gate=cut),
            modules=GEMMA3N_MODULES,
            per_layer_input=per_layer,
            altup_inputs=streams,
            laurel_rank=rank,
        )

    reuses = [i >= first_shared for i in range(count)]
    return decoder(
        c,
        stack(zip(kinds, reuses, _widths(c, count), _cuts(c, count), strict=True), layer),
        tied=True,
        per_layer_input=per_layer,
        per_layer_vocab=c.integer("vocab_size_per_layer_input", 262_144, most=MAX_VOCABULARY),
        altup_inputs=streams,
        logit_softcap=c.number("final_logit_softcapping", 30.0, least=0, most=1e6) > 0,
        root=GEMMA3N_ROOT,
    )


def _widths(c: Config, count: int) -> tuple[int, ...]:
    """`intermediate_size` of each layer, from one number or a list."""
    key, value = c.find("intermediate_size")
    if not isinstance(value, list):
        return (c.integer("intermediate_size"),) * count
    sound = all(type(v) is int and 0 < v <= MAX_HIDDEN for v in value)
    if len(value) != count or not sound:
        c.complain(key, f"{key} must be a whole number, or a list of {count}, one for each layer.")
        return (1,) * count
    return tuple(value)


def _cuts(c: Config, count: int) -> tuple[bool, ...]:
    """Which layers let only the gate's largest values pass; absent, the first ten of more."""
    key, value = c.find("activation_sparsity_pattern")
    if value is None:
        return tuple(index < 10 < count for index in range(count))
    if not isinstance(value, list):
        return (c.number(key, 0.0, least=0, most=1) > 0,) * count
    if len(value) != count or not all(type(v) in (int, float) for v in value):
        c.complain(key, f"{key} must be a number, or a list of {count}, one for each layer.")
        return (False,) * count
    return tuple(v > 0 for v in value)


@family("Gemma 4", "gemma4_text", "gemma4_unified_text")
def gemma4(c: Config) -> ModelSpec:
    """Gemma4ForCausalLM (text): wider full layers, shared keys and values, per-layer embeddings.

    The last `num_kv_shared_layers` reuse keys and values of earlier layers; full layers have
    `global_head_dim` channels per head and, with `attention_k_eq_v`, values that are the keys.
    """
    count = layer_count(c)
    shared_from = count - c.integer("num_kv_shared_layers", 0, least=0, most=MAX_LAYERS)
    per_layer = c.integer("hidden_size_per_layer_input", 0, least=0, most=MAX_HIDDEN)
    kinds = _gemma4_kinds(c)
    layers = stack(
        zip(kinds, (i >= shared_from for i in range(count)), strict=True),
        lambda kind: Layer(
            hidden_size(c),
            _gemma4_attention(c, *kind),
            _gemma4_mlp(c, kind[1]),
            modules=_gemma4_modules(c, per_layer),
            per_layer_input=per_layer,
        ),
    )
    rows = c.integer("vocab_size_per_layer_input", 262_144, most=MAX_VOCABULARY)
    return decoder(
        c,
        layers,
        tied=True,
        per_layer_input=per_layer,
        per_layer_vocab=rows,
        logit_softcap=c.number("final_logit_softcapping", 0.0, least=0, most=1e6) > 0,
        root=GEMMA4_ROOT if per_layer else LLAMA_ROOT,
    )


def _gemma4_kinds(c: Config) -> tuple[str, ...]:
    """Five sliding layers to a full one; the last is always full."""
    return (*layer_types(c, layer_count(c), 6)[:-1], FULL)


def _first_full_layer(c: Config) -> Config:
    """What `per_layer_config` says of the full layers: transformers writes it by layer number."""
    kinds = _gemma4_kinds(c)
    index = kinds.index(FULL)
    exceptions = c.section("per_layer_config")
    key, _ = exceptions.find((str(index).zfill(len(str(len(kinds) - 1))), str(index)))
    return exceptions.section(key)


def _gemma4_modules(c: Config, per_layer: int) -> tuple[str, ...]:
    extra = ("per_layer_input", "post_per_layer_input_norm") if per_layer else ()
    if c.flag("enable_moe_block", False):
        return ("mixer", "shared", *FOUR_NORMS, *extra, *GEMMA4_EXPERTS)
    return GEMMA2_MODULES + extra


def _names(left_out: set[str], parts: tuple[tuple[Projection, str], ...]) -> AttentionNames:
    return AttentionNames(parts=tuple(part for part in parts if part[0] not in left_out))


def _gemma4_attention(c: Config, kind: str, shares_kv: bool) -> Attention:
    bias = c.flag("attention_bias", False)
    own_values = not (kind == FULL and c.flag("attention_k_eq_v", False))
    left_out = {"k", "v", "k_norm"} if shares_kv else set() if own_values else {"v"}
    names = _names(left_out, GEMMA4_PARTS)
    local = attention(
        c,
        heads=8,
        kv_heads=4,
        head_dim=256,
        qkv_bias=bias,
        output_bias=bias,
        qk_norm="head",
        names=names,
        value_norm=not shares_kv,
        sliding_window=window(c, SLIDING, 512),
    )
    if kind == SLIDING:
        return local
    stated = _first_full_layer(c)
    dim = stated.integer(
        "head_dim", c.integer("global_head_dim", 512, most=MAX_HEAD_DIM), most=MAX_HEAD_DIM
    )
    kv = (
        local.kv_heads
        if own_values
        else stated.integer(
            "num_key_value_heads",
            c.integer("num_global_key_value_heads", local.kv_heads, most=MAX_HEADS),
            most=MAX_HEADS,
        )
    )
    return replace(local, kv_heads=kv, head_dim=dim, sliding_window=None, rotary_dim=dim)


def _gemma4_mlp(c: Config, shares_kv: bool) -> MLP:
    network = dense(c, act="gelu_pytorch_tanh")
    if c.flag("enable_moe_block", False):
        return mixture(
            c,
            act="gelu_pytorch_tanh",
            shared_width=network.width,
            router_scales=True,
            parts=(("shared", "mlp"), ("router", "router"), ("experts", "experts")),
        )
    if shares_kv and c.flag("use_double_wide_mlp", False):
        return replace(network, width=2 * network.width)
    return network
