"""What attention other than Llama's keeps and makes: latent, gated, masked, sparse.

Symbols as in `activations`. Evidence: every tensor that autograd saves (docs/activations.md).
"""

from __future__ import annotations

from app.domain.formulas.registry import formula
from app.domain.units import Integer

_TRANSFORMERS = "https://github.com/huggingface/transformers/blob/main/src/transformers"
_SDPA = (
    "https://github.com/pytorch/pytorch/blob/main/aten/src/ATen/native/transformers/attention.cpp"
)


@formula(
    label="Latent attention (MLA)",
    group="activations",
    equation="n × t × (c × H × (2 × (d + p) + (d + v) + v) + 4 × H + (4 + 2 × c) × (a + b))",
    source="DeepseekV3Attention: concatenated q and k, the expanded kv, output, latents",
    url=f"{_TRANSFORMERS}/models/deepseek_v3/modeling_deepseek_v3.py",
    per_sample=True,
)
def latent_attention(
    n: Integer, t: Integer, H: int, d: int, p: int, v: int, a: int, b: int, c: int
) -> Integer:
    """Multi-head latent attention: d and p the parts of a key without and with RoPE, v of a value.

    a and b are the ranks of the query's and the key-value latents.
    """
    return n * t * (c * H * (2 * (d + p) + (d + v) + v) + 4 * H + (4 + 2 * c) * (a + b))


@formula(
    label="Gate on the attention's output",
    group="activations",
    equation="n × t × 2 × q × c",
    source="Qwen3NextAttention: sigmoid of the gate and the gated product",
    url=f"{_TRANSFORMERS}/models/qwen3_next/modeling_qwen3_next.py",
    per_sample=True,
)
def gated_attention(n: Integer, t: Integer, q: int, c: int) -> Integer:
    """The output projection's input is a new tensor; the ungated output lives on."""
    return n * t * 2 * q * c


@formula(
    label="Masks of attention",
    group="activations",
    equation="n × t × S × c",
    source="SDPA turns the boolean mask into 16 bits in every layer and keeps it",
    url=_SDPA,
    per_sample=True,
)
def attention_masks(n: Integer, t: Integer, S: Integer, c: int) -> Integer:
    """One S × S mask a sequence and layer: sliding windows, and tokens that an indexer picks."""
    return n * t * S * c


@formula(
    label="Attention with one broadcast key head",
    group="activations",
    equation="n × t × (H × S × 4 + 4 × (q + 2 × kv) + q × c)",
    source="FalconAttention: one key head for all rules flash out; the math kernel runs in fp32",
    url=f"{_TRANSFORMERS}/models/falcon/modeling_falcon.py",
    per_sample=True,
)
def fp32_attention(n: Integer, t: Integer, S: Integer, q: int, kv: int, H: int, c: int) -> Integer:
    """The math kernel's probabilities, fp32 q, k and v, and the output in 16 bits."""
    return n * t * (H * S * 4 + 4 * (q + 2 * kv) + q * c)


@formula(
    label="Gradients of fp32 attention",
    group="activations",
    equation="t × (h × s + 12 × H × S)",
    source="SafeSoftmaxBackward: the incoming fp32 gradient, a product, the outgoing one",
    url=_SDPA,
    per_sample=True,
)
def fp32_score_gradients(t: Integer, h: int, s: int, H: int, S: Integer) -> Integer:
    """Beside the probabilities that are kept."""
    return t * (h * s + 12 * H * S)


@formula(
    label="Scores of a sparse indexer",
    group="activations",
    equation="t × S × 4 × (2 × H + x)",
    source="DeepseekV32Indexer.forward: fp32 scores of every head, scaled into a second tensor",
    url=f"{_TRANSFORMERS}/models/deepseek_v32/modeling_deepseek_v32.py",
    per_sample=True,
)
def indexer_scores(t: Integer, S: Integer, H: int, x: int) -> Integer:
    """Without gradients, so not kept: in forward, and again where a layer is recomputed.

    Several sequences make matmul copy the keys for every query: x channels, else 0.
    """
    return t * S * 4 * (2 * H + x)
