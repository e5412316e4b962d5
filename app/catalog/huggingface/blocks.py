"""The building blocks that families share: attention, feed-forward and whole decoders."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Any, TypeVar

from app.catalog.huggingface import reading
from app.catalog.huggingface.reading import MISSING, Config
from app.domain.architecture import (
    Activation,
    Attention,
    DenseMLP,
    Layer,
    MixtureOfExperts,
    ModelSpec,
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
}
HIDDEN = ("hidden_size", "n_embd", "n_embed")
LAYERS = ("num_hidden_layers", "n_layer")
HEADS = ("num_attention_heads", "n_head")
KV_HEADS = ("num_key_value_heads", "num_kv_heads")
POSITIONS = ("max_position_embeddings", "n_positions")
ACTIVATION_KEYS = (
    "hidden_act",
    "hidden_activation",
    "activation_function",
    "activation",
    "mlp_hidden_act",
)
RESIDUAL_DROPOUT = ("resid_pdrop", "hidden_dropout", "residual_dropout", "dropout")
ATTENTION_DROPOUT = ("attn_pdrop", "attention_dropout")
FULL, SLIDING, CHUNKED = "full_attention", "sliding_attention", "chunked_attention"


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
    **facts: Any,
) -> Attention:
    """Attention as the common keys describe it; `facts` are what the family fixes.

    `kv_heads` and `head_dim` are the class's defaults where the config has none. Without one, and
    where the config says null: as many as query heads; hidden size over heads.
    """
    n = c.integer(HEADS, heads, most=reading.MAX_HEADS)
    usual = n if kv_heads is None or c.is_null(KV_HEADS) else kv_heads
    kv = c.integer(KV_HEADS, usual, most=reading.MAX_HEADS)
    if n % kv and not c.states(KV_HEADS):
        kv = n
    elif n % kv and c.is_sound(HEADS):
        key, _ = c.find(KV_HEADS)
        c.complain(key, f"{key} {kv} does not divide the {n} attention heads; use a divisor.")
    dim = head_dim_of(c, n, head_dim)
    rotated = int(dim * rotary_fraction(c, rotary))
    return Attention(heads=n, kv_heads=kv, head_dim=dim, rotary_dim=rotated, **facts)


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
    keys = ("num_local_experts", "num_experts", "n_routed_experts")
    chosen = ("num_experts_per_tok", "num_experts_per_token", "top_k_experts")
    count = c.integer(keys, experts, most=reading.MAX_EXPERTS)
    used = c.integer(chosen, per_token, most=reading.MAX_EXPERTS)
    if used > count and c.is_sound(keys):
        key, _ = c.find(chosen)
        c.complain(key, f"{key} {used} is more than the {count} experts; lower it.")
    width = c.integer(width_key, most=reading.MAX_HIDDEN)
    return MixtureOfExperts(count, used, width, activation=activation(c, act), **facts)


def layer_types(
    c: Config,
    count: int,
    every: int | None = None,
    *,
    local: str = SLIDING,
) -> tuple[str, ...]:
    """What each layer attends to; absent: every `every`-th sees all, the others are `local`."""

    def default(index: int) -> str:
        return FULL if every is None or (index + 1) % every == 0 else local

    return c.names("layer_types", count, {FULL, SLIDING, CHUNKED, "linear_attention"}, default)


def window(c: Config, kind: str, default: int | None = None) -> int | None:
    """The sliding window of a layer of this kind, in tokens."""
    if kind != SLIDING:
        return None
    return c.integer("sliding_window", default or MISSING, most=reading.MAX_POSITIONS)


def stack(kinds: Iterable[Kind], build: Callable[[Kind], Layer]) -> tuple[Layer, ...]:
    """One layer for each kind; layers that come out equal are one object."""
    order = tuple(kinds)
    distinct: dict[Layer, Layer] = {}
    built = {kind: build(kind) for kind in dict.fromkeys(order)}
    return tuple(distinct.setdefault(built[kind], built[kind]) for kind in order)


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
