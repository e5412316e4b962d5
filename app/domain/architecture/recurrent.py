"""Blocks that mix tokens without softmax attention: recurrent states and short convolutions.

As in `mixers`: a block states its dimensions, `tensors(hidden_size, norm)` lists its parameters in
the order in which transformers registers them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from app.domain.architecture.tensors import NormKind, Tensor, linear, norm, parameter

DeltaLayout = Literal["split", "fused", "separate"]


def _convolution(name: str, channels: int, kernel: int, bias: bool = False) -> tuple[Tensor, ...]:
    """A depthwise `nn.Conv1d`: a weight of (channels, 1, kernel), then its bias."""
    weight = parameter(f"{name}.weight", channels, 1, kernel)
    return (*weight, Tensor(f"{name}.bias", (channels,), "bias")) if bias else weight


@dataclass(frozen=True)
class GatedDeltaNet:
    """Linear attention with a gated delta rule: a short convolution, then a recurrent state.

    `layout`: Qwen3.5 has a matrix for q, k and v together and one each for z, b and a (`split`),
    Qwen3-Next one for q, k, v, z and one for b, a (`fused`), OLMo one for each of them
    (`separate`). Mirrors Qwen3NextGatedDeltaNet, Qwen3_5GatedDeltaNet, OlmoHybridGatedDeltaNet.
    Source: Gated Delta Networks (arXiv 2412.06464).
    """

    key_heads: int
    value_heads: int
    key_dim: int
    value_dim: int
    conv_kernel: int
    layout: DeltaLayout = "split"
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
        at, h, heads = self.module, hidden_size, self.value_heads
        bias = parameter(f"{at}.dt_bias", heads)
        decay = parameter(f"{at}.A_log", heads)
        mixing = _convolution(f"{at}.conv1d", self.conv_width, self.conv_kernel)
        if self.layout == "separate":
            widths = {
                "q_proj": self.key_width,
                "k_proj": self.key_width,
                "v_proj": self.value_width,
                "a_proj": heads,
                "b_proj": heads,
                "g_proj": self.value_width,
            }
            return (
                *decay,
                *bias,
                *(t for name, width in widths.items() for t in linear(f"{at}.{name}", h, width)),
                *linear(f"{at}.o_proj", self.value_width, h),
                *mixing,
                *norm(f"{at}.o_norm", self.value_dim, norm_kind),
            )
        first = (*bias, *decay, *mixing)
        last = (
            *norm(f"{at}.norm", self.value_dim, norm_kind),
            *linear(f"{at}.out_proj", self.value_width, h),
        )
        if self.layout == "fused":
            return (
                *first,
                *linear(f"{at}.in_proj_qkvz", h, self.conv_width + self.value_width),
                *linear(f"{at}.in_proj_ba", h, 2 * heads),
                *last,
            )
        return (
            *first,
            *last,
            *linear(f"{at}.in_proj_qkv", h, self.conv_width),
            *linear(f"{at}.in_proj_z", h, self.value_width),
            *linear(f"{at}.in_proj_b", h, heads),
            *linear(f"{at}.in_proj_a", h, heads),
        )


@dataclass(frozen=True)
class KimiDelta:
    """Kimi's delta attention: a delta rule whose forget gate decays every channel by itself.

    Mirrors KimiLinearDeltaAttention: gates pass through `head_dim` channels.
    Source: Kimi Linear (arXiv 2510.26692).
    """

    heads: int
    head_dim: int
    conv_kernel: int
    module: str = "self_attn"

    @property
    def width(self) -> int:
        """Channels of all heads: of queries, keys, values and gates each."""
        return self.heads * self.head_dim

    def tensors(self, hidden_size: int, norm_kind: NormKind) -> tuple[Tensor, ...]:
        at, h, width, dim = self.module, hidden_size, self.width, self.head_dim
        return (
            *linear(f"{at}.q_proj", h, width),
            *linear(f"{at}.k_proj", h, width),
            *linear(f"{at}.v_proj", h, width),
            *_convolution(f"{at}.conv1d", 3 * width, self.conv_kernel),
            *parameter(f"{at}.forget_gate.dt_bias", width),
            *parameter(f"{at}.forget_gate.A_log", 1, 1, self.heads, 1),
            *linear(f"{at}.forget_gate.f_a_proj", h, dim),
            *linear(f"{at}.forget_gate.f_b_proj", dim, width),
            *linear(f"{at}.b_proj", h, self.heads),
            *linear(f"{at}.g_a_proj", h, dim),
            *linear(f"{at}.g_b_proj", dim, width),
            *norm(f"{at}.o_norm", dim, norm_kind),
            *linear(f"{at}.o_proj", width, h),
        )


@dataclass(frozen=True)
class Mamba2:
    """A selective state-space block: `heads` × `head_dim` channels, `groups` of `state` B and C.

    `chunk` tokens are scanned together. `gated_norm`: whether a norm takes the gate; Falcon-H1
    multiplies by it instead. Mirrors NemotronHMamba2Mixer, GraniteMoeHybridMambaLayer,
    FalconH1Mixer, BambaMixer, Mamba2Mixer. Source: Mamba-2 (arXiv 2405.21060).
    """

    heads: int
    head_dim: int
    groups: int
    state: int
    conv_kernel: int
    conv_bias: bool = True
    bias: bool = False
    output_bias: bool = False
    chunk: int = 256
    gated_norm: bool = True
    module: str = "mixer"

    @property
    def inner_width(self) -> int:
        """Channels of all heads together."""
        return self.heads * self.head_dim

    @property
    def conv_width(self) -> int:
        """Channels that pass through the convolution: x, B and C."""
        return self.inner_width + 2 * self.groups * self.state

    @property
    def projected_width(self) -> int:
        """What the first projection makes: the gate, the convolution's input, a step per head."""
        return self.inner_width + self.conv_width + self.heads

    def tensors(self, hidden_size: int, norm_kind: NormKind) -> tuple[Tensor, ...]:
        at = self.module
        return (
            *parameter(f"{at}.dt_bias", self.heads),
            *parameter(f"{at}.A_log", self.heads),
            *parameter(f"{at}.D", self.heads),
            *_convolution(f"{at}.conv1d", self.conv_width, self.conv_kernel, self.conv_bias),
            *linear(f"{at}.in_proj", hidden_size, self.projected_width, self.bias),
            *(norm(f"{at}.norm", self.inner_width, norm_kind) if self.gated_norm else ()),
            *linear(f"{at}.out_proj", self.inner_width, hidden_size, self.output_bias),
        )


@dataclass(frozen=True)
class Mamba1:
    """The first Mamba: every channel has `state` states of its own.

    `step_rank`: channels that the step size passes through. `norms`: Jamba normalises it and both
    state projections. Mirrors MambaMixer, FalconMambaMixer, JambaMambaMixer.
    Source: Mamba (arXiv 2312.00752).
    """

    inner_width: int
    state: int
    step_rank: int
    conv_kernel: int
    conv_bias: bool = True
    bias: bool = False
    norms: bool = False
    module: str = "mixer"

    def tensors(self, hidden_size: int, norm_kind: NormKind) -> tuple[Tensor, ...]:
        at, inner, rank = self.module, self.inner_width, self.step_rank
        normed = {"dt": rank, "b": self.state, "c": self.state} if self.norms else {}
        return (
            *parameter(f"{at}.A_log", inner, self.state),
            *parameter(f"{at}.D", inner),
            *_convolution(f"{at}.conv1d", inner, self.conv_kernel, self.conv_bias),
            *linear(f"{at}.in_proj", hidden_size, 2 * inner, self.bias),
            *linear(f"{at}.x_proj", inner, rank + 2 * self.state),
            *linear(f"{at}.dt_proj", rank, inner, True),
            *linear(f"{at}.out_proj", inner, hidden_size, self.bias),
            *(
                t
                for n, size in normed.items()
                for t in norm(f"{at}.{n}_layernorm", size, "rmsnorm")
            ),
        )


@dataclass(frozen=True)
class ShortConvolution:
    """A gated convolution over a few tokens, as wide as the residual stream.

    Mirrors Lfm2ShortConv. Source: LFM2 technical report (arXiv 2511.23404).
    """

    conv_kernel: int
    bias: bool = False
    module: str = "conv"

    def tensors(self, hidden_size: int, norm_kind: NormKind) -> tuple[Tensor, ...]:
        at, h = self.module, hidden_size
        return (
            *_convolution(f"{at}.conv", h, self.conv_kernel, self.bias),
            *linear(f"{at}.in_proj", h, 3 * h, self.bias),
            *linear(f"{at}.out_proj", h, h, self.bias),
        )


@dataclass(frozen=True)
class LightningAttention:
    """Linear attention in blocks of `block` tokens, with an output gate and a norm.

    Mirrors MiniMaxLightningAttention. Source: MiniMax-01 (arXiv 2501.08313).
    """

    heads: int
    head_dim: int
    block: int
    module: str = "self_attn"

    @property
    def width(self) -> int:
        """Channels of all heads: of queries, keys, values and the gate each."""
        return self.heads * self.head_dim

    def tensors(self, hidden_size: int, norm_kind: NormKind) -> tuple[Tensor, ...]:
        at, h, width = self.module, hidden_size, self.width
        return (
            *norm(f"{at}.norm", width, norm_kind),
            *linear(f"{at}.qkv_proj", h, 3 * width),
            *linear(f"{at}.out_proj", width, h),
            *linear(f"{at}.output_gate", h, width),
        )


Recurrent = GatedDeltaNet | KimiDelta | Mamba2 | Mamba1 | ShortConvolution | LightningAttention
