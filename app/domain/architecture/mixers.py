"""What mixes tokens in a decoder layer: attention, latent attention, recurrent blocks beside it.

A block states its dimensions; `tensors(hidden_size, norm)` lists its parameters in the order in
which transformers registers them, with names below the layer (`self_attn.q_proj.weight`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from app.domain.architecture.recurrent import Recurrent
from app.domain.architecture.tensors import NormKind, Tensor, linear, norm, parameter

Projection = Literal["q", "k", "v", "qkv", "o", "gate", "q_norm", "k_norm"]


@dataclass(frozen=True)
class AttentionNames:
    """How a family names its attention's parts, in registration order.

    A part that is not listed is not built. An empty `module` puts them in the layer itself.
    """

    module: str = "self_attn"
    parts: tuple[tuple[Projection, str], ...] = (
        ("q", "q_proj"),
        ("k", "k_proj"),
        ("v", "v_proj"),
        ("o", "o_proj"),
        ("q_norm", "q_norm"),
        ("k_norm", "k_norm"),
    )


@dataclass(frozen=True)
class BlockIndexer:
    """The indexer that picks which blocks of keys a group of heads reads.

    Mirrors MiniMaxM3VLIndexer.
    """

    heads: int
    head_dim: int

    def tensors(self, module: str, hidden_size: int, norm_kind: NormKind) -> tuple[Tensor, ...]:
        return (
            *linear(f"{module}.q_proj", hidden_size, self.heads * self.head_dim),
            *linear(f"{module}.k_proj", hidden_size, self.head_dim),
            *norm(f"{module}.q_norm", self.head_dim, norm_kind),
            *norm(f"{module}.k_norm", self.head_dim, norm_kind),
        )


@dataclass(frozen=True)
class Attention:
    """Multi-head or grouped-query attention.

    `qk_norm`: `head` normalises each head's channels with one weight for all heads, `heads` with a
    weight of (heads, channels), `each` by a norm for each head, `full` the whole projection.
    `sliding_window` in tokens, None where every token sees all before it. `sinks`: one learned
    logit per head. A `gate` among the parts is a projection as wide as the queries', whose sigmoid
    gates the output; with `output_gate` it is the second half of the query projection.
    `rotary_dim` are the channels of a head that are rotated (0: no rotary embedding),
    `joined_rotary` whether the code joins them to the rest even where there is no rest.
    `softcap`: scores pass through a scaled tanh, which the fused kernels of SDPA cannot do.
    `conv1d`: weights are stored transposed, as GPT-2's Conv1D does. `indexer`: each head reads the
    blocks of keys that it picks, under a mask of its own. `value_norm`: values pass through a norm
    without a weight.
    Mirrors LlamaAttention, Qwen3Attention, Phi3Attention, GptOssAttention, GPT2Attention,
    GPTNeoXAttention, OPTAttention, Gemma4TextAttention … of transformers 5.23.
    """

    heads: int
    kv_heads: int
    head_dim: int
    qkv_bias: bool = False
    output_bias: bool = False
    qk_norm: Literal["none", "head", "heads", "each", "full"] = "none"
    sliding_window: int | None = None
    sinks: bool = False
    output_gate: bool = False
    softcap: bool = False
    rotary_dim: int = 0
    joined_rotary: bool = False
    conv1d: bool = False
    indexer: BlockIndexer | None = None
    value_norm: bool = False
    names: AttentionNames = AttentionNames()

    @property
    def q_width(self) -> int:
        """Channels of all query heads together."""
        return self.heads * self.head_dim

    @property
    def kv_width(self) -> int:
        """Channels of all key heads together; the values have as many."""
        return self.kv_heads * self.head_dim

    @property
    def rotary_concatenates(self) -> bool:
        """Whether rotated channels are joined to others by `torch.cat`, as partial rotaries are."""
        return self.joined_rotary or 0 < self.rotary_dim < self.head_dim

    @property
    def fused_qkv(self) -> bool:
        """Whether one projection makes queries, keys and values."""
        return any(part == "qkv" for part, _ in self.names.parts)

    @property
    def shares_kv(self) -> bool:
        """Whether the keys and values come from an earlier layer (Gemma 4)."""
        return not any(part in ("k", "qkv") for part, _ in self.names.parts)

    def tensors(self, hidden_size: int, norm_kind: NormKind) -> tuple[Tensor, ...]:
        q, kv = self.q_width, self.kv_width
        q_out = 2 * q if self.output_gate else q
        sizes = {"q": q_out, "k": kv, "v": kv, "qkv": q_out + 2 * kv, "gate": q}
        found: list[Tensor] = []
        if self.sinks:
            found += parameter(f"{self.names.module}.sinks", self.heads)
        at = f"{self.names.module}." if self.names.module else ""
        for part, leaf in self.names.parts:
            name = at + leaf
            if part == "o":
                found += linear(name, q, hidden_size, self.output_bias, self.conv1d)
            elif part in ("q_norm", "k_norm"):
                heads = self.heads if part == "q_norm" else self.kv_heads
                found += self._norm(name, heads, norm_kind)
            else:
                bias = self.qkv_bias and part != "gate"
                found += linear(name, hidden_size, sizes[part], bias, self.conv1d)
        if self.indexer is not None:
            found += self.indexer.tensors(f"{at}indexer", hidden_size, norm_kind)
        return tuple(found)

    def _norm(self, name: str, heads: int, kind: NormKind) -> tuple[Tensor, ...]:
        if self.qk_norm == "none":
            return ()
        if self.qk_norm == "heads":
            return parameter(f"{name}.weight", heads, self.head_dim, role="norm")
        if self.qk_norm == "each":
            each = (f"{name}.norms.{index}" for index in range(heads))
            return tuple(t for n in each for t in norm(n, self.head_dim, "layernorm_nobias"))
        return norm(name, self.head_dim * (heads if self.qk_norm == "full" else 1), kind)


@dataclass(frozen=True)
class SparseIndexer:
    """The lightning indexer that picks which tokens latent attention reads.

    Mirrors DeepseekV32Indexer: its key norm is a LayerNorm with bias.
    """

    heads: int
    head_dim: int

    def tensors(self, module: str, hidden_size: int, query_rank: int) -> tuple[Tensor, ...]:
        return (
            *linear(f"{module}.wq_b", query_rank, self.heads * self.head_dim),
            *linear(f"{module}.wk", hidden_size, self.head_dim),
            *norm(f"{module}.k_norm", self.head_dim, "layernorm"),
            *linear(f"{module}.weights_proj", hidden_size, self.heads),
        )


@dataclass(frozen=True)
class LatentAttention:
    """Multi-head latent attention: queries and keys/values pass through low-rank projections.

    `query_rank` is None where queries are projected directly. A query or key head has
    `nope_dim + rope_dim` channels, a value head `value_dim`; `kv_rank` channels are shared by all.
    `rotary`: whether `rope_dim` channels are rotated, which Kimi Linear leaves out.
    `shares_indexer`: reads the tokens that an earlier layer's indexer picked.
    Mirrors DeepseekV2Attention, DeepseekV3Attention, Glm4MoeLiteAttention, DeepseekV32Attention.
    Source: DeepSeek-V2 (arXiv 2405.04434), section 2.1.
    """

    heads: int
    query_rank: int | None
    kv_rank: int
    nope_dim: int
    rope_dim: int
    value_dim: int
    bias: bool = False
    indexer: SparseIndexer | None = None
    shares_indexer: bool = False
    rotary: bool = True
    module: str = "self_attn"

    @property
    def head_dim(self) -> int:
        """Channels of one query or key head."""
        return self.nope_dim + self.rope_dim

    @property
    def rotary_dim(self) -> int:
        """Channels of a head that are rotated."""
        return self.rope_dim if self.rotary else 0

    @property
    def kv_heads(self) -> int:
        """Keys and values are expanded to one head per query head."""
        return self.heads

    @property
    def q_width(self) -> int:
        """Channels of all query heads together."""
        return self.heads * self.head_dim

    @property
    def value_width(self) -> int:
        """Channels of all value heads together: the input of the output projection."""
        return self.heads * self.value_dim

    def tensors(self, hidden_size: int, norm_kind: NormKind) -> tuple[Tensor, ...]:
        at = self.module
        if self.query_rank is None:
            query = linear(f"{at}.q_proj", hidden_size, self.q_width)
        else:
            query = (
                *linear(f"{at}.q_a_proj", hidden_size, self.query_rank, self.bias),
                *norm(f"{at}.q_a_layernorm", self.query_rank, norm_kind),
                *linear(f"{at}.q_b_proj", self.query_rank, self.q_width),
            )
        expanded = self.heads * (self.nope_dim + self.value_dim)
        found = (
            *query,
            *linear(
                f"{at}.kv_a_proj_with_mqa", hidden_size, self.kv_rank + self.rope_dim, self.bias
            ),
            *norm(f"{at}.kv_a_layernorm", self.kv_rank, norm_kind),
            *linear(f"{at}.kv_b_proj", self.kv_rank, expanded),
            *linear(f"{at}.o_proj", self.value_width, hidden_size, self.bias),
        )
        if self.indexer is None or self.query_rank is None:
            return found
        return found + self.indexer.tensors(f"{at}.indexer", hidden_size, self.query_rank)


@dataclass(frozen=True)
class ParallelMixers:
    """A state-space block and attention that read the same input; their outputs are added.

    Mirrors FalconH1DecoderLayer. Source: Falcon-H1 (arXiv 2507.22448).
    """

    recurrent: Recurrent
    attention: Attention

    def tensors(self, hidden_size: int, norm_kind: NormKind) -> tuple[Tensor, ...]:
        return (
            *self.recurrent.tensors(hidden_size, norm_kind),
            *self.attention.tensors(hidden_size, norm_kind),
        )


Mixer = Attention | LatentAttention | Recurrent | ParallelMixers
