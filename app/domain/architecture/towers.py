"""Vision and audio towers: what a multimodal model has beside its text model."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from app.domain.architecture.tensors import Tensor


@dataclass(frozen=True)
class Tower:
    """An encoder and what joins it to the text model, frozen or trained as one.

    It stands outside the decoder layers: in FSDP's root unit, and in ZeRO-3's order between the
    embedding and the layers, where it runs.
    """

    name: str
    tensors: tuple[Tensor, ...]
    trained: bool = False

    @cached_property
    def parameters(self) -> int:
        """All parameters."""
        return sum(t.numel for t in self.tensors)

    @cached_property
    def linear_parameters(self) -> int:
        """Weights of its linears: what QLoRA quantises and autocast casts."""
        return sum(t.numel for t in self.tensors if t.role == "linear")
