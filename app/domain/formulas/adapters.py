"""LoRA on packed experts: PEFT folds each adapter into a new copy of the weights in every forward.

Symbols as in `activations`; w elements of packed weights or of their adapters in one layer.
"""

from __future__ import annotations

from app.domain.formulas.registry import formula
from app.domain.units import Integer

_PEFT = "https://github.com/huggingface/peft/blob/v0.21.0/src/peft/tuners/lora/layer.py"


@formula(
    label="Experts' gate and up weights with adapters folded in",
    group="weights",
    equation="n × w × c",
    source="_LoraFactorsProxy.forward: baddbmm makes new weights, kept by the grouped product",
    url=_PEFT,
)
def folded_gate_up(n: Integer, w: int, c: int) -> Integer:
    """A second copy of a layer's packed gate and up weights, from forward to their backward."""
    return n * w * c


@formula(
    label="Experts' down weights with adapters folded in",
    group="weights",
    equation="n × w × c",
    source="_LoraFactorsProxy.forward: baddbmm makes new weights, kept by the grouped product",
    url=_PEFT,
)
def folded_down(n: Integer, w: int, c: int) -> Integer:
    """The same of the down projections, whose backward comes first."""
    return n * w * c


@formula(
    label="16-bit copies of the experts' adapters",
    group="weights",
    equation="n × w × c",
    source="ParamWrapper.get_delta_factors casts both factors to the weights' dtype",
    url=_PEFT,
)
def folding_factors(n: Integer, w: int, c: int) -> Integer:
    """The factors as baddbmm keeps them; views of the adapters where the dtypes agree."""
    return n * w * c


@formula(
    label="Gradient of the folded experts",
    group="gradients",
    equation="w × c",
    source="BaddbmmBackward needs the gradient of every expert's weights to make the adapters'",
    url=_PEFT,
)
def folded_gradient(w: int, c: int) -> Integer:
    """As large as the packed weights, though these are frozen; freed once the factors' exist."""
    return w * c
