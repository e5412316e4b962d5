"""What normalisations keep for backward. Symbols as in `activations`; k norms a layer."""

from __future__ import annotations

from app.domain.formulas.registry import formula
from app.domain.units import Integer

_MODELS = "https://github.com/huggingface/transformers/blob/main/src/transformers/models"


@formula(
    label="Norm inputs and outputs",
    group="activations",
    equation="n × t × k × h × (4 + s)",
    source="LlamaRMSNorm.forward: the fp32 input and the normalised value its weight multiplies",
    url=f"{_MODELS}/llama/modeling_llama.py",
    per_sample=True,
)
def rms_norms(n: Integer, t: Integer, k: int, h: int, s: int) -> Integer:
    """k RMSNorms a layer: PowBackward keeps the fp32 input, MulBackward the normalised value.

    s is 0 for frozen norms: without a weight gradient the normalised value is not kept. It is 4
    where the weight multiplies an fp32 value, as in Gemma's and OLMo 2's.
    """
    return n * t * k * h * (4 + s)


@formula(
    label="LayerNorm inputs",
    group="activations",
    equation="n × t × k × h × s",
    source="native_layer_norm saves its input; mean and variance are 8 B a token",
    url="https://github.com/pytorch/pytorch/blob/main/aten/src/ATen/native/layer_norm.cpp",
    per_sample=True,
)
def layer_norms(n: Integer, t: Integer, k: int, h: int, s: int) -> Integer:
    """k distinct LayerNorm inputs a layer (a parallel residual shares one).

    s is 4 where the model casts the input to fp32 first, as OLMo's norm without weights does.
    """
    return n * t * k * h * s


@formula(
    label="Norms written out step by step",
    group="activations",
    equation="n × t × k × h × (8 + s)",
    source="CohereLayerNorm.forward: PowBackward and MulBackward each keep the centred fp32 input",
    url=f"{_MODELS}/cohere/modeling_cohere.py",
    per_sample=True,
)
def written_out_layer_norms(n: Integer, t: Integer, k: int, h: int, s: int) -> Integer:
    """k LayerNorms of elementary steps: two centred inputs; s = 4 for the product with a weight."""
    return n * t * k * h * (8 + s)


@formula(
    label="Gradients inside a norm",
    group="activations",
    equation="t × h × (20 + x + s)",
    source="LlamaRMSNorm's backward: fp32 gradients of the value, of the mean and of the square",
    url=f"{_MODELS}/llama/modeling_llama.py",
    per_sample=True,
)
def norm_gradients(t: Integer, h: int, x: int, s: int) -> Integer:
    """The layer's first norm, the last to be differentiated: five fp32 tensors, its fp32 input (x;
    0 where that is the layer's input itself) and the residual's gradient (s).
    """
    return t * h * (20 + x + s)
