"""One parameter tensor of a model, and how PyTorch's modules lay theirs out."""

from __future__ import annotations

from math import prod
from typing import Literal, NamedTuple

Role = Literal["embedding", "head", "linear", "expert", "norm", "bias", "frozen", "other"]
NormKind = Literal["rmsnorm", "layernorm", "layernorm_nobias", "layernorm_noparam"]


class Tensor(NamedTuple):
    """A parameter as `named_parameters()` lists it: name, shape and what it is for.

    `linear` is the weight of an `nn.Linear` (or GPT-2's `Conv1D`) inside a decoder layer: what
    autocast casts, QLoRA quantises and an all-linear LoRA adapts. `expert` is a 3-D tensor that
    packs all routed experts of a layer. A router held as a bare parameter is `other`; `frozen` is
    one that is built without a gradient.
    """

    name: str
    shape: tuple[int, ...]
    role: Role

    @property
    def numel(self) -> int:
        """Elements of the tensor."""
        return prod(self.shape)


def linear(
    name: str, inputs: int, outputs: int, bias: bool = False, conv1d: bool = False
) -> tuple[Tensor, ...]:
    """`nn.Linear`: a weight of (outputs, inputs), then its bias. `Conv1D` stores (inputs, outputs).

    Source: torch/nn/modules/linear.py; transformers/pytorch_utils.py (Conv1D).
    """
    shape = (inputs, outputs) if conv1d else (outputs, inputs)
    weight = Tensor(f"{name}.weight", shape, "linear")
    return (weight, Tensor(f"{name}.bias", (outputs,), "bias")) if bias else (weight,)


def norm(name: str, size: int, kind: NormKind) -> tuple[Tensor, ...]:
    """A normalisation over `size` channels: weight and bias, weight alone, or nothing at all.

    Source: torch/nn/modules/normalization.py; the RMSNorm classes of transformers.
    """
    if kind == "layernorm_noparam":
        return ()
    weight = Tensor(f"{name}.weight", (size,), "norm")
    return (weight, Tensor(f"{name}.bias", (size,), "norm")) if kind == "layernorm" else (weight,)


def parameter(name: str, *shape: int, role: Role = "other") -> tuple[Tensor, ...]:
    """A bare `nn.Parameter` of the given shape."""
    return (Tensor(name, shape, role),)
