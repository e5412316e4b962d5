"""Numeric formats: how many bytes one element of each part of the training state takes.

A framework's file maps the precision that was asked for to a `Numerics`, since the same words mean
different things to different frameworks: `bf16_mixed` keeps fp32 weights in PyTorch and bf16
weights with an fp32 master copy in DeepSpeed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

BF16 = 2
FP32 = 4
FP64 = 8

# NF4 with double quantisation: half a byte a weight, one uint8 per block of 64, one fp32 per 256 of
# those. As a fraction of integers, so that bytes stay integers.
# Source: Dettmers et al., QLoRA, 2023, section 3 (https://arxiv.org/abs/2305.14314).
NF4_NUMERATOR = 64 * 256 // 2 + 256 + 4
NF4_DENOMINATOR = 64 * 256

StreamId = Literal["half", "half_autocast", "autocast", "full"]


@dataclass(frozen=True)
class Stream:
    """What flows between the layers: element sizes of the residual and of matmul operands.

    `half`: modules see 16-bit weights, everything is 16-bit. `autocast`: fp32 weights under
    torch.autocast, an fp32 residual with 16-bit matmuls. `half_autocast`: frozen 16-bit weights
    and fp32 adapters under torch.autocast. `full`: fp32 throughout.
    """

    id: StreamId
    residual: int
    compute: int
    autocast: bool = False


STREAMS: dict[StreamId, Stream] = {
    "half": Stream("half", BF16, BF16),
    "half_autocast": Stream("half_autocast", BF16, BF16, autocast=True),
    "autocast": Stream("autocast", FP32, BF16, autocast=True),
    "full": Stream("full", FP32, FP32),
}


@dataclass(frozen=True)
class Numerics:
    """Bytes per element as one framework keeps them for one precision.

    `weights`: the parameters at rest; `gathered`: as a layer sees them; `gradients`: once reduced;
    `stream`: what flows between the layers.
    """

    weights: int
    gathered: int
    gradients: int
    stream: StreamId
