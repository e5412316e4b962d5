"""The building blocks that families share: attention, feed-forward and whole decoders."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, TypeVar

from app.catalog.huggingface import reading
from app.catalog.huggingface.reading import MISSING, Config
from app.domain.architecture import (
    LLAMA_MODULES,
    MLP,
    Activation,
    Attention,
    DenseMLP,
    Layer,
    Mixer,
    MixtureOfExperts,
    ModelSpec,
    NormKind,
)

Kind = TypeVar("Kind", bound=Hashable)

ACTIVATIONS: dict[str, Activation] = {
    "silu": "silu",
    "swish": "silu",
    "gelu": "gelu",
    "gelu_new": "gelu_new",
    "gelu_fast": "gelu_new",
    "gelu_pytorch_tanh": "gelu_tanh",
    "relu": "relu",
    "relu2": "relu2",
    "xielu": "xielu",
}
HIDDEN = ("hidden_size", "n_embd", "n_embed", "d_model")
LAYERS = ("num_hidden_layers", "n_layer", "num_layers", "n_layers")
HEADS = ("num_attention_heads", "n_head", "num_heads", "n_heads", "attention_heads")
KV_HEADS = ("num_key_value_heads", "num_kv_heads", "n_head_kv")
POSITIONS = ("max_position_embeddings", "n_positions", "max_seq_len")
ACTIVATION_KEYS = (
    "hidden_act",
    "hidden_activation",
    "activation_function",
    "activation",
    "mlp_hidden_act",
)
RESIDUAL_DROPOUT = (
    "resid_pdrop",
    "resid_dropout",
    "hidden_dropout",
    "residual_dropout",
    "dropout",
)
ATTENTION_DROPOUT = ("attn_pdrop", "attention_dropout")
FULL, SLIDING, CHUNKED = "full_attention", "sliding_attention", "chunked_attention"
GATED = ("gate_proj", "up_proj", "down_proj")
UNGATED = ("up_proj", "down_proj")


def hidden_size(c: Config) -> int:
    """Channels of the residual stream."""
    return c.integer(HIDDEN, most=reading.MAX_HIDDEN)


def layer_count(c: Config) -> int:
    """Decoder layers."""
    return c.integer(LAYERS, most=reading.MAX_LAYERS)


def activation(c: Config, default: str = "silu") -> Activation:
    """The feed-forward activation under whichever key the family writes it."""
    return c.choice(ACTIVATION_KEYS, ACTIVATIONS, default)


def head_dim_of(c: Config, heads: int, default: int | None = None) -> int:
    """Channels of a head: as stated, as the class has it, or hidden size over heads."""
    stated = c.optional_integer("head_dim", most=reading.MAX_HEAD_DIM)
    if stated is not None:
        return stated
    if default is not None and not c.is_null(("head_dim",)):
        return default
    return even_head_dim(c, heads)


def even_head_dim(c: Config, heads: int) -> int:
    """Hidden size over heads, which must divide it."""
    h = hidden_size(c)
    if h % heads:
        key, _ = c.find(HIDDEN)
        c.complain(
            key,
            f"{key} {h:,} is not divisible by the {heads:,} attention heads; change "
            "one of the two, or state head_dim.",
        )
    return max(1, h // heads)


def rotary_fraction(c: Config, default: float = 1.0) -> float:
    """The part of a head's channels that is rotated, in both places where configs write it."""
    nested = c.section("rope_parameters")
    key = "partial_rotary_factor"
    outer = c.number((key, "rotary_pct"), default, least=0, most=1)
    return nested.number(key, outer, least=0, most=1)


def attention(
    c: Config,
    *,
    head_dim: int | None = None,
    rotary: float = 1.0,
    heads: int = MISSING,
    kv_heads: int | None = None,
    own_head_dim: bool = True,
    **facts: Any,
) -> Attention:
    """Attention as the common keys describe it; `facts` are what the family fixes.

    `kv_heads` and `head_dim` are the class's defaults where the config has none. Without one, and
    where the config says null: as many as query heads; hidden size over heads, as always where a
    family has no `own_head_dim`.
    """
    n = c.integer(HEADS, heads, most=reading.MAX_HEADS)
    usual = n if kv_heads is None or c.is_null(KV_HEADS) else kv_heads
    kv = c.integer(KV_HEADS, usual, most=reading.MAX_HEADS)
    if n % kv and not c.states(KV_HEADS):
        kv = n
    elif n % kv and c.is_sound(HEADS):
        key, _ = c.find(KV_HEADS)
        c.complain(key, f"{key} {kv} does not divide the {n} attention heads; use a divisor.")
    dim = head_dim_of(c, n, head_dim) if own_head_dim else even_head_dim(c, n)
    rotated = int(dim * rotary_fraction(c, rotary))
    if rotary:
        rotated = min(c.optional_integer("rotary_dim", most=reading.MAX_HEAD_DIM) or rotated, dim)
    return Attention(heads=n, kv_heads=kv, head_dim=dim, rotary_dim=rotated, **facts)


def biased(c: Config) -> dict[str, bool]:
    """Biases in attention, where the config asks for them."""
    bias = c.flag("attention_bias", False)
    return {"qkv_bias": bias, "output_bias": bias}


def dense(
    c: Config,
    keys: str | tuple[str, ...] = "intermediate_size",
    *,
    default: int = MISSING,
    act: str = "silu",
    **facts: Any,
) -> DenseMLP:
    """A dense feed-forward block of the width that the config states."""
    width = c.integer(keys, default, most=reading.MAX_HIDDEN)
    return DenseMLP(width, activation=activation(c, act), **facts)


def ungated(c: Config, **facts: Any) -> DenseMLP:
    """A dense feed-forward block without a gate, its linears named as Llama's are."""
    return dense(c, gated=False, names=UNGATED, **facts)


def mixture(
    c: Config,
    *,
    experts: int = MISSING,
    per_token: int = MISSING,
    width_key: str = "moe_intermediate_size",
    act: str = "silu",
    **facts: Any,
) -> MixtureOfExperts:
    """Routed experts as the common keys describe them; `facts` are what the family fixes."""
    keys = ("num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts")
    chosen = (
        *("num_experts_per_tok", "num_experts_per_token", "top_k_experts"),
        *("moe_topk", "moe_k"),
    )
    count = c.integer(keys, experts, most=reading.MAX_EXPERTS)
    used = c.integer(chosen, per_token, most=reading.MAX_EXPERTS)
    if used > count and c.is_sound(keys):
        key, _ = c.find(chosen)
        c.complain(key, f"{key} {used} is more than the {count} experts; lower it.")
    width = c.integer(width_key, most=reading.MAX_HIDDEN)
    if "activation" not in facts:
        facts["activation"] = activation(c, act)
    return MixtureOfExperts(count, used, width, **facts)


def layer_types(
    c: Config,
    count: int,
    every: int | None = None,
    *,
    local: str = SLIDING,
    last: bool = True,
) -> tuple[str, ...]:
    """What each layer attends to; absent: of `every` layers one sees all, the others are `local`.

    That one is the `last` of them or the first.
    """

    def default(index: int) -> str:
        return FULL if every is None or (index + last) % every == 0 else local

    return c.names("layer_types", count, {FULL, SLIDING, CHUNKED, "linear_attention"}, default)


def window(c: Config, kind: str, default: int | None = None) -> int | None:
    """The sliding window of a layer of this kind, in tokens; None where it sees all."""
    if kind != SLIDING:
        return None
    stated = c.optional_integer("sliding_window", most=reading.MAX_POSITIONS)
    return stated if stated or c.is_null("sliding_window") else default


def mlp_kinds(
    c: Config, count: int, dense_first: int, network: DenseMLP, routed: MixtureOfExperts
) -> tuple[MLP, ...]:
    """Each layer's feed-forward block: as `mlp_layer_types` says, else `dense_first` dense ones."""
    kinds = c.names(
        "mlp_layer_types",
        count,
        {"dense", "sparse"},
        lambda index: "dense" if index < dense_first else "sparse",
    )
    return tuple(network if kind == "dense" else routed for kind in kinds)


def stack(kinds: Iterable[Kind], build: Callable[[Kind], Layer]) -> tuple[Layer, ...]:
    """One layer for each kind; layers that come out equal are one object."""
    order = tuple(kinds)
    distinct: dict[Layer, Layer] = {}
    built = {kind: build(kind) for kind in dict.fromkeys(order)}
    return tuple(distinct.setdefault(built[kind], built[kind]) for kind in order)


def layered(
    c: Config,
    mixers: Sequence[Mixer],
    mlps: MLP | Sequence[MLP],
    *,
    modules: tuple[str, ...] = LLAMA_MODULES,
    norm: NormKind = "rmsnorm",
    **facts: Any,
) -> ModelSpec:
    """A whole model of layers with these mixers and feed-forward blocks, or one block for all."""
    h = hidden_size(c)
    each = mlps if isinstance(mlps, Sequence) else (mlps,) * len(mixers)
    layers = stack(
        zip(mixers, each, strict=True), lambda kind: Layer(h, *kind, norm=norm, modules=modules)
    )
    return decoder(c, layers, norm=norm, **facts)


def decoder(
    c: Config,
    layers: tuple[Layer, ...],
    *,
    tied: bool = False,
    vocab_default: int = MISSING,
    residual_dropout: float = 0.0,
    attention_dropout: float = 0.0,
    **facts: Any,
) -> ModelSpec:
    """A whole model around its layers. `tied` and the dropout rates are the class's defaults.

    Id, name, family and model type are filled in by whoever asked for the model.
    """
    residual = c.number(RESIDUAL_DROPOUT, residual_dropout, least=0, most=1)
    scores = c.number(ATTENTION_DROPOUT, attention_dropout, least=0, most=1)
    return ModelSpec(
        id="",
        name="",
        family="",
        model_type="",
        hidden_size=hidden_size(c),
        vocab_size=c.integer("vocab_size", vocab_default, most=reading.MAX_VOCABULARY),
        layers=layers,
        tied_embeddings=c.tied(tied),
        max_position=c.optional_integer(POSITIONS, most=reading.MAX_POSITIONS),
        residual_dropout=residual > 0,
        attention_dropout=scores > 0,
        **facts,
    )
