"""What Gemma 3n and 4 keep beside a layer's attention and feed-forward blocks.

Symbols as in `activations`; f are the bytes of a norm's product with its weight, 0 where it is
frozen. Evidence: every tensor that autograd saves (docs/activations.md).
"""

from __future__ import annotations

from app.domain.formulas.registry import formula
from app.domain.units import Integer

_MODELS = "https://github.com/huggingface/transformers/blob/main/src/transformers/models"
_GEMMA_3N = f"{_MODELS}/gemma3n/modeling_gemma3n.py"
_GEMMA_4 = f"{_MODELS}/gemma4/modeling_gemma4.py"


@formula(
    label="Value norms",
    group="activations",
    equation="n × t × (4 × kv + 8 × K)",
    source="Gemma4TextAttention: the values pass through a norm without a weight, in fp32",
    url=_GEMMA_4,
    per_sample=True,
)
def value_norms(n: Integer, t: Integer, kv: int, K: int) -> Integer:
    """The fp32 copy of the values, and two scalars for each head."""
    return n * t * (4 * kv + 8 * K)


@formula(
    label="Gate of a layer's own input",
    group="activations",
    equation="n × t × c × (h + 3 × p)",
    source="Gemma4TextDecoderLayer: per_layer_input_gate, its activation and the gated product",
    url=_GEMMA_4,
    per_sample=True,
)
def per_layer_gates(n: Integer, t: Integer, h: int, p: int, c: int) -> Integer:
    """The inputs of both linears, and the activation's input and output."""
    return n * t * c * (h + 3 * p)


@formula(
    label="Inputs of all layers from the second embedding",
    group="activations",
    equation="t × (c × h + p × (4 + f + c))",
    source="Gemma4TextModel.project_per_layer_inputs: a projection, a norm, and their sum",
    url=_GEMMA_4,
    per_sample=True,
)
def per_layer_embeddings(t: Integer, h: int, p: int, f: int, c: int) -> Integer:
    """Before the layers; every layer reads its part of the sum."""
    return t * (c * h + p * (4 + f + c))


@formula(
    label="Normalised and scaled input of a router",
    group="activations",
    equation="n × t × h × (4 + s + c)",
    source="Gemma4TextRouter: an fp32 norm without a weight, a learned scale, a linear",
    url=_GEMMA_4,
    per_sample=True,
)
def scaled_router(n: Integer, t: Integer, h: int, s: int, c: int) -> Integer:
    """The norm's fp32 copy, what the scale multiplies, and the linear's input."""
    return n * t * h * (4 + s + c)


@formula(
    label="AltUp: prediction of the residual streams",
    group="activations",
    equation="n × t × h × (4 + f + c + k × c)",
    source="Gemma3nTextAltUp.predict: a norm, a router, all streams as an operand",
    url=_GEMMA_3N,
    per_sample=True,
)
def altup_prediction(n: Integer, t: Integer, h: int, k: int, f: int, c: int) -> Integer:
    """k residual streams of which one passes through the layer."""
    return n * t * h * (4 + f + c + k * c)


@formula(
    label="AltUp: correction of the residual streams",
    group="activations",
    equation="n × t × h × (4 + f + c + (k + 1) × s)",
    source="Gemma3nTextAltUp.correct: a norm, a router, what is new for all streams, a scale",
    url=_GEMMA_3N,
    per_sample=True,
)
def altup_correction(n: Integer, t: Integer, h: int, k: int, f: int, s: int, c: int) -> Integer:
    """Behind the layer's blocks, so gone before these are differentiated."""
    return n * t * h * (4 + f + c + (k + 1) * s)


@formula(
    label="AltUp outside the layers",
    group="activations",
    equation="t × h × (2 × (k - 1) × (c + s) + k × s)",
    source="Gemma3nTextModel: projections into the other streams and back, each rescaled",
    url=_GEMMA_3N,
    per_sample=True,
)
def altup_outside(t: Integer, h: int, k: int, s: int, c: int) -> Integer:
    """Inputs of the projections, what they rescale, and the last layer's streams."""
    return t * h * (2 * (k - 1) * (c + s) + k * s)


@formula(
    label="LAuReL: the low-rank bypass",
    group="activations",
    equation="n × t × (h × (4 + f) + r × c)",
    source="Gemma3nTextLaurelBlock: two linears and a norm; attention reads the same input",
    url=_GEMMA_3N,
    per_sample=True,
)
def laurel(n: Integer, t: Integer, h: int, r: int, f: int, c: int) -> Integer:
    """The second linear's input, the norm's fp32 copy and its product."""
    return n * t * (h * (4 + f) + r * c)


@formula(
    label="Gate cut to its largest values",
    group="activations",
    equation="n × t × i × c",
    source="Gemma3nTextMLP._gaussian_topk: what remains of the gate above a cut-off",
    url=_GEMMA_3N,
    per_sample=True,
)
def sparse_gates(n: Integer, t: Integer, i: int, c: int) -> Integer:
    """One tensor of the network's width besides those of a gated network."""
    return n * t * i * c
