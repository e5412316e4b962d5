"""What mixes tokens in a decoder layer: attention, latent attention and recurrent blocks.

A block states its dimensions; `tensors(hidden_size, norm)` lists its parameters in the order in
which transformers registers them, with names below the layer (`self_attn.q_proj.weight`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from app.domain.architecture.tensors import NormKind, Tensor, linear, norm, parameter

Projection = Literal["q", "k", "v", "qkv", "o", "q_norm", "k_norm"]


@dataclass(frozen=True)
class AttentionNames:
    """How a family names its attention's parts, in registration order.

    A part that is not listed is not built.
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
class Attention:
    """Multi-head or grouped-query attention.

    `qk_norm`: `head` normalises each head's channels, `full` the whole projection.
    `sliding_window` in tokens, None where every token sees all before it. `sinks`: one learned
    logit per head. `output_gate`: the query projection is twice as wide, its second half gates the
    output. `rotary_dim` are the channels of a head that are rotated (0: no rotary embedding),
    `joined_rotary` whether the code joins them to the rest even where there is no rest.
    `softcap`: scores pass through a scaled tanh, which the fused kernels of SDPA cannot do.
    `conv1d`: weights are stored transposed, as GPT-2's Conv1D does.
    Mirrors LlamaAttention, Qwen3Attention, Phi3Attention, GptOssAttention, GPT2Attention,
    GPTNeoXAttention, OPTAttention, Gemma4TextAttention … of transformers 5.23.
    """

    heads: int
    kv_heads: int
    head_dim: int
    qkv_bias: bool = False
    output_bias: bool = False
    qk_norm: Literal["none", "head", "full"] = "none"
    sliding_window: int | None = None
    sinks: bool = False
    output_gate: bool = False
    softcap: bool = False
    rotary_dim: int = 0
    joined_rotary: bool = False
    conv1d: bool = False
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
        sizes = {"q": q_out, "k": kv, "v": kv, "qkv": q_out + 2 * kv}
        normed = {"none": (0, 0), "head": (self.head_dim,) * 2, "full": (q, kv)}[self.qk_norm]
        found: list[Tensor] = []
        if self.sinks:
            found += parameter(f"{self.names.module}.sinks", self.heads)
        for part, leaf in self.names.parts:
            name = f"{self.names.module}.{leaf}"
            if part == "o":
                found += linear(name, q, hidden_size, self.output_bias, self.conv1d)
            elif part in ("q_norm", "k_norm"):
                size = normed[part == "k_norm"]
                found += norm(name, size, norm_kind) if size else ()
            else:
                found += linear(name, hidden_size, sizes[part], self.qkv_bias, self.conv1d)
        return tuple(found)


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
    module: str = "self_attn"

    @property
    def head_dim(self) -> int:
        """Channels of one query or key head."""
        return self.nope_dim + self.rope_dim

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
class GatedDeltaNet:
    """Linear attention with a gated delta rule: a short convolution, then a recurrent state.

    `fused_projections`: Qwen3-Next makes q, k, v, z with one matrix and b, a with another, where
    Qwen3.5 has four. Mirrors Qwen3NextGatedDeltaNet and Qwen3_5GatedDeltaNet.
    Source: Gated Delta Networks (arXiv 2412.06464).
    """

    key_heads: int
    value_heads: int
    key_dim: int
    value_dim: int
    conv_kernel: int
    fused_projections: bool = False
    module: str = "linear_attn"

    @property
    def key_width(self) -> int:
        """Channels of all key heads; the queries have as many."""
        return self.key_heads * self.key_dim

    @property
    def value_width(self) -> int:
        """Channels of all value heads, and of the output gate z."""
        return self.value_heads * self.value_dim

    @property
    def conv_width(self) -> int:
        """Channels that pass through the convolution: queries, keys and values."""
        return 2 * self.key_width + self.value_width

    def tensors(self, hidden_size: int, norm_kind: NormKind) -> tuple[Tensor, ...]:
        at = self.module
        first = (
            *parameter(f"{at}.dt_bias", self.value_heads),
            *parameter(f"{at}.A_log", self.value_heads),
            *parameter(f"{at}.conv1d.weight", self.conv_width, 1, self.conv_kernel),
        )
        last = (
            *norm(f"{at}.norm", self.value_dim, norm_kind),
            *linear(f"{at}.out_proj", self.value_width, hidden_size),
        )
        if self.fused_projections:
            return (
                *first,
                *linear(f"{at}.in_proj_qkvz", hidden_size, self.conv_width + self.value_width),
                *linear(f"{at}.in_proj_ba", hidden_size, 2 * self.value_heads),
                *last,
            )
        return (
            *first,
            *last,
            *linear(f"{at}.in_proj_qkv", hidden_size, self.conv_width),
            *linear(f"{at}.in_proj_z", hidden_size, self.value_width),
            *linear(f"{at}.in_proj_b", hidden_size, self.value_heads),
            *linear(f"{at}.in_proj_a", hidden_size, self.value_heads),
        )


@dataclass(frozen=True)
class Mamba2:
    """A selective state-space block: `heads` × `head_dim` channels, `groups` of `state` B and C.

    Mirrors NemotronHMamba2Mixer. Source: Mamba-2 (arXiv 2405.21060).
    """

    heads: int
    head_dim: int
    groups: int
    state: int
    conv_kernel: int
    conv_bias: bool = True
    bias: bool = False
    module: str = "mixer"

    @property
    def inner_width(self) -> int:
        """Channels of all heads together."""
        return self.heads * self.head_dim

    @property
    def conv_width(self) -> int:
        """Channels that pass through the convolution: x, B and C."""
        return self.inner_width + 2 * self.groups * self.state

    def tensors(self, hidden_size: int, norm_kind: NormKind) -> tuple[Tensor, ...]:
        at = self.module
        projected = self.inner_width + self.conv_width + self.heads
        conv_bias = (Tensor(f"{at}.conv1d.bias", (self.conv_width,), "bias"),)
        return (
            *parameter(f"{at}.dt_bias", self.heads),
            *parameter(f"{at}.A_log", self.heads),
            *parameter(f"{at}.D", self.heads),
            *parameter(f"{at}.conv1d.weight", self.conv_width, 1, self.conv_kernel),
            *(conv_bias if self.conv_bias else ()),
            *linear(f"{at}.in_proj", hidden_size, projected, self.bias),
            *norm(f"{at}.norm", self.inner_width, norm_kind),
            *linear(f"{at}.out_proj", self.inner_width, hidden_size, self.bias),
        )


Mixer = Attention | LatentAttention | GatedDeltaNet | Mamba2
