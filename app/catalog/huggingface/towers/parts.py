"""What encoders are built of, as lists of tensors in registration order."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from app.domain.architecture import Tensor
from app.domain.architecture.tensors import linear, norm, parameter

Tensors = tuple[Tensor, ...]


def linears(at: str, names: Sequence[str], inputs: int, outputs: int, *, bias: bool) -> Tensors:
    """Several `nn.Linear` of the same shape."""
    return tuple(t for n in names for t in linear(f"{at}.{n}", inputs, outputs, bias))


def layer_norms(at: str, *names: str, size: int) -> Tensors:
    """Several `nn.LayerNorm`, with weight and bias."""
    return tuple(t for n in names for t in norm(f"{at}.{n}", size, "layernorm"))


def rms_norms(at: str, *names: str, size: int) -> Tensors:
    """Several RMS norms."""
    return tuple(t for n in names for t in norm(f"{at}.{n}", size, "rmsnorm"))


def conv(at: str, *shape: int, bias: bool) -> Tensors:
    """A convolution over patches: (outputs, inputs, kernel…)."""
    weight = parameter(f"{at}.weight", *shape)
    return weight + parameter(f"{at}.bias", shape[0], role="bias") if bias else weight


def repeated(at: str, count: int, build: Callable[[str], Tensors]) -> Tensors:
    """`count` equal layers."""
    return tuple(t for index in range(count) for t in build(f"{at}.{index}"))


def two_linears(at: str, names: tuple[str, str], inputs: int, inner: int, outputs: int) -> Tensors:
    """A network of two linears with biases."""
    first, second = names
    return (
        *linear(f"{at}.{first}", inputs, inner, True),
        *linear(f"{at}.{second}", inner, outputs, True),
    )
