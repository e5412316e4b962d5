"""What a mixture of experts keeps and makes: k rows for every token, one for each expert it is
sent to.

Symbols as in `activations`; c bytes of an element in the experts' matrix products.
Source: grouped_mm_experts_forward of transformers, line by line.
"""

from __future__ import annotations

from app.domain.formulas.registry import formula
from app.domain.units import Integer

_MOE = "https://github.com/huggingface/transformers/blob/main/src/transformers/integrations/moe.py"


@formula(
    label="Mixture of experts",
    group="activations",
    equation="n × t × (k × c × (h + m × e) + 4 × X + 36 × k)",
    source="grouped_mm experts: gathered input, gate-up, silu and product per routed token",
    url=_MOE,
    per_sample=True,
)
def routed_experts(
    n: Integer, t: Integer, k: int, h: int, e: int, m: int, X: int, c: int
) -> Integer:
    """k of X experts of width e for every token; the router keeps its fp32 probabilities.

    m tensors of the experts' width: four where they are gated, two where not, seven in gpt-oss,
    which clamps gate and up.
    """
    return n * t * (k * c * (h + m * e) + 4 * X + 36 * k)


@formula(
    label="Router in fp32",
    group="activations",
    equation="n × t × (4 × h + X + 5 × k + 28)",
    source="DeepseekV3TopkRouter casts the residual stream to fp32",
    url="https://github.com/huggingface/transformers/blob/main/src/transformers/models/deepseek_v3/modeling_deepseek_v3.py",
    per_sample=True,
)
def fp32_router(n: Integer, t: Integer, h: int, X: int, k: int) -> Integer:
    """What a router that multiplies in fp32 keeps besides its probabilities."""
    return n * t * (4 * h + X + 5 * k + 28)


@formula(
    label="Router's weight in fp32",
    group="activations",
    equation="n × 4 × h × X",
    source="DeepseekV3TopkRouter casts its 16-bit weight to fp32; MmBackward keeps the copy",
    url="https://github.com/huggingface/transformers/blob/main/src/transformers/models/deepseek_v3/modeling_deepseek_v3.py",
)
def fp32_router_weight(n: Integer, h: int, X: int) -> Integer:
    """One copy a layer, until its backward."""
    return n * 4 * h * X


@formula(
    label="Mixture of frozen experts",
    group="activations",
    equation="n × t × (k × c × 3 × e + 4 × X + 36 × k)",
    source="frozen grouped products keep no input: gate-up and silu are left",
    url=_MOE,
    per_sample=True,
)
def frozen_experts(n: Integer, t: Integer, k: int, e: int, X: int, c: int) -> Integer:
    """The same without weight gradients and adapters."""
    return n * t * (k * c * 3 * e + 4 * X + 36 * k)


@formula(
    label="Experts' outputs",
    group="activations",
    equation="n × t × k × h × c",
    source="grouped_mm experts: MulBackward of the routing weights keeps what they multiply",
    url=_MOE,
    per_sample=True,
)
def expert_outputs(n: Integer, t: Integer, k: int, h: int, c: int) -> Integer:
    """Kept until the weighting's backward, which comes first."""
    return n * t * k * h * c


@formula(
    label="Gradients of the experts' outputs",
    group="activations",
    equation="t × k × h × b",
    source="the weighting's backward: gradient in the experts' order, of outputs and of weights",
    url=_MOE,
    per_sample=True,
)
def output_gradients(t: Integer, k: int, h: int, b: int) -> Integer:
    """k rows a token of b bytes a channel: three tensors while the weighting is differentiated.

    Routing weights in fp32 make two of them fp32, and a cast of the third.
    """
    return t * k * h * b


@formula(
    label="Gradients of the experts' gate and up projections",
    group="activations",
    equation="t × k × c × (2 × h + 2 × e)",
    source="grouped_mm experts: the gathered input and its gradient, that of gate and up",
    url=_MOE,
    per_sample=True,
)
def gate_up_gradients(t: Integer, k: int, h: int, e: int, c: int) -> Integer:
    """Alive when the last weight gradient of the experts has just been made."""
    return t * k * c * (2 * h + 2 * e)


@formula(
    label="Routed tokens and their gradients",
    group="activations",
    equation="3 × t × k × h × c",
    source="grouped_mm experts: the gathered input, its gradient, and that scattered to the tokens",
    url=_MOE,
    per_sample=True,
)
def routed_input_gradients(t: Integer, k: int, h: int, c: int) -> Integer:
    """k copies of every token before the experts, when all experts' weight gradients exist."""
    return 3 * t * k * h * c


@formula(
    label="Experts' gate and up in forward",
    group="activations",
    equation="t × c × (k × (h + 4 × e) + 2 × h)",
    source="grouped_mm experts: gathered input, gate-up and its masked copy; residual and norm",
    url=_MOE,
    per_sample=True,
)
def gate_up_in_forward(t: Integer, k: int, h: int, e: int, c: int) -> Integer:
    """While a layer without saved activations runs its first projection."""
    return t * c * (k * (h + 4 * e) + 2 * h)


@formula(
    label="Experts' outputs in forward",
    group="activations",
    equation="t × h × b",
    source="grouped_mm experts: outputs, weighted, and restored to the tokens' order",
    url=_MOE,
    per_sample=True,
)
def outputs_in_forward(t: Integer, h: int, b: int) -> Integer:
    """b bytes a channel, over all rows of a token: what is not kept for backward anyway."""
    return t * h * b
