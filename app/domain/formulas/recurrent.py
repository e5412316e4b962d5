"""What blocks without softmax attention keep, run by the code that transformers itself contains.

That is what runs where no kernel package (flash-linear-attention, mamba-ssm, causal-conv1d) is
installed: fp32, chunk by chunk. Symbols as in `activations`; H heads, d channels of a key head, v
of a value head, C tokens of a chunk.

Evidence: every tensor that autograd saves, counted on a GPU layer by layer (docs/activations.md).
"""

from __future__ import annotations

from app.domain.formulas.registry import formula
from app.domain.units import Integer

_MODELS = "https://github.com/huggingface/transformers/blob/main/src/transformers/models"
_DELTA = f"{_MODELS}/qwen3_next/modeling_qwen3_next.py"
_KIMI = f"{_MODELS}/kimi_linear/modeling_kimi_linear.py"
_MAMBA2 = f"{_MODELS}/mamba2/modeling_mamba2.py"
_MAMBA = f"{_MODELS}/mamba/modeling_mamba.py"


@formula(
    label="Short convolution",
    group="activations",
    equation="n × t × c × (x + m)",
    source="ConvolutionBackward keeps its input's whole storage, SiluBackward its output",
    url=_DELTA,
    per_sample=True,
)
def convolved(n: Integer, t: Integer, x: int, m: int, c: int) -> Integer:
    """A causal convolution over m channels, whose input is part of a projection x wide."""
    return n * t * c * (x + m)


@formula(
    label="Gated delta rule",
    group="activations",
    equation="n × t × H × (4 × (8 × d + 3 × v + 5 × C + z) + 38)",
    source="torch_chunk_gated_delta_rule: fp32 queries, keys, values; a state a chunk",
    url=_DELTA,
    per_sample=True,
)
def gated_delta_rule(n: Integer, t: Integer, H: int, d: int, v: int, C: int, z: int) -> Integer:
    """Eight tensors as wide as the keys, three as the values, five of a chunk's pairs of tokens.

    And a state at every chunk's end: z elements for each of its tokens.
    """
    return n * t * H * (4 * (8 * d + 3 * v + 5 * C + z) + 38)


@formula(
    label="Gated norm of a delta rule",
    group="activations",
    equation="n × t × (12 + 3 × c) × v",
    source="Qwen3NextRMSNormGated in fp32: its input, the gate, silu of it; the output projection",
    url=_DELTA,
    per_sample=True,
)
def delta_gated_norm(n: Integer, t: Integer, v: int, c: int) -> Integer:
    """Of v channels, the last projection's input among them."""
    return n * t * (12 + 3 * c) * v


@formula(
    label="Casts of a delta rule",
    group="activations",
    equation="n × t × (11 × w + 2 × v)",
    source="autocast: 16-bit copies of the rule's operands beside fp32 ones; counted, not derived",
    url=_DELTA,
    per_sample=True,
    kind="fitted",
)
def delta_casts(n: Integer, t: Integer, w: int, v: int) -> Integer:
    """w channels of all keys as the values' heads have them, v of all values."""
    return n * t * (11 * w + 2 * v)


@formula(
    label="Kimi delta attention",
    group="activations",
    equation="n × t × (w × (89 + c + 12 × C) + H × (4 × z + 8 × C + 5478) + 2 × c × d)",
    source="torch_chunk_kda: decays of every channel for every pair of tokens of a chunk, in fp32",
    url=_KIMI,
    per_sample=True,
)
def kimi_delta(n: Integer, t: Integer, w: int, H: int, d: int, C: int, z: int, c: int) -> Integer:
    """w channels of all heads; its row-by-row inverse keeps 5,460 bytes a head and token."""
    return n * t * (w * (89 + c + 12 * C) + H * (4 * z + 8 * C + 5478) + 2 * c * d)


@formula(
    label="Gradients of Kimi's decays",
    group="activations",
    equation="2 × t × 4 × w × C",
    source="SelectBackward fills a whole gradient for each chunk and adds it to the one before",
    url=_KIMI,
    per_sample=True,
)
def kimi_decays(t: Integer, w: int, C: int) -> Integer:
    """Decays of every channel for every pair of tokens of a chunk, twice."""
    return 2 * t * 4 * w * C


@formula(
    label="Mamba-2 scan",
    group="activations",
    equation="n × t × H × (4 × (4 × v + 3 × C + 3 × d + 5 + 2 × z) + 2 × c)",
    source="mamba2_chunk_scan: fp32 x, B and C for every head, decays of a chunk's pairs of tokens",
    url=_MAMBA2,
    per_sample=True,
)
def mamba2_scan(n: Integer, t: Integer, H: int, v: int, d: int, C: int, z: int, c: int) -> Integer:
    """H heads of v channels with d states each, and twice the states at every chunk's end.

    z are their elements for each token of a chunk.
    """
    return n * t * H * (4 * (4 * v + 3 * C + 3 * d + 5 + 2 * z) + 2 * c)


@formula(
    label="Gated norm of Mamba-2",
    group="activations",
    equation="n × t × (20 + c) × v",
    source="RMSNormGated in fp32: input, gate, silu, product, normalised; the output projection",
    url=_MAMBA2,
    per_sample=True,
)
def mamba2_gated_norm(n: Integer, t: Integer, v: int, c: int) -> Integer:
    """Of v channels, the last projection's input among them."""
    return n * t * (20 + c) * v


@formula(
    label="Gate of Mamba-2",
    group="activations",
    equation="n × t × (4 + 2 × c) × v",
    source="FalconH1Mixer: the scan's fp32 output, silu of the gate; the output projection's input",
    url=f"{_MODELS}/falcon_h1/modeling_falcon_h1.py",
    per_sample=True,
)
def mamba2_gate(n: Integer, t: Integer, v: int, c: int) -> Integer:
    """Of v channels, without a norm."""
    return n * t * (4 + 2 * c) * v


@formula(
    label="Products of Mamba-2's states",
    group="activations",
    equation="k × t × 4 × C × H × d",
    source="mamba2_chunk_scan multiplies every C with every B of a chunk before it sums",
    url=_MAMBA2,
    per_sample=True,
)
def mamba2_products(k: int, t: Integer, H: int, d: int, C: int) -> Integer:
    """Never kept: one tensor of that size in forward, both factors' gradients in backward."""
    return k * t * 4 * C * H * d


@formula(
    label="Mamba scan",
    group="activations",
    equation="n × t × (i × (8 + 6 × c + d × (12 + c)) + c × r)",
    source="The sequential scan of MambaMixer: fp32 decays and inputs, a state a token",
    url=_MAMBA,
    per_sample=True,
    kind="assumed",
)
def mamba_scan(n: Integer, t: Integer, i: int, d: int, r: int, c: int) -> Integer:
    """i channels with d states each, the step size through r. Backward's peak is not measured."""
    return n * t * (i * (8 + 6 * c + d * (12 + c)) + c * r)


@formula(
    label="Gated short convolution",
    group="activations",
    equation="n × t × 6 × h × c",
    source="Lfm2ShortConv: its projection, both gated products, the convolution's output",
    url=f"{_MODELS}/lfm2/modeling_lfm2.py",
    per_sample=True,
)
def gated_convolution(n: Integer, t: Integer, h: int, c: int) -> Integer:
    """As wide as the residual stream."""
    return n * t * 6 * h * c


@formula(
    label="Lightning attention",
    group="activations",
    equation="n × t × (w × (4 + 12 × c) + c × H × (C + z) + 4)",
    source="MiniMaxLightningAttention: q, k and v with silu, a block's scores and states; gate",
    url=f"{_MODELS}/minimax/modeling_minimax.py",
    per_sample=True,
)
def lightning_attention(n: Integer, t: Integer, w: int, H: int, C: int, z: int, c: int) -> Integer:
    """w channels of all heads, in blocks of C tokens; z elements of a block's state a token."""
    return n * t * (w * (4 + 12 * c) + c * H * (C + z) + 4)
