"""A decoder layer: a mixer, a feed-forward block and the norms around them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import get_args

from app.domain.architecture.mixers import Attention, LatentAttention, Mixer, ParallelMixers
from app.domain.architecture.mlps import MLP, MixtureOfExperts, MoePart
from app.domain.architecture.tensors import NormKind, Tensor, linear, norm, parameter

LLAMA_MODULES = ("mixer", "mlp", "input_layernorm", "post_attention_layernorm")
_MOE_PARTS = frozenset(get_args(MoePart))


@dataclass(frozen=True)
class Layer:
    """One decoder layer: the unit that FSDP and ZeRO-3 gather and that checkpointing recomputes.

    `modules` is the registration order: `mixer` and `mlp` stand for those blocks, a part of a
    mixture of experts (`shared`, `router`, `experts`) for that part where a family registers them
    apart, `per_layer_input` for Gemma's gate and projection of `per_layer_input` channels, `altup`
    and `laurel` for what Gemma 3n mixes `altup_inputs` residual streams with and for its low-rank
    bypass of `laurel_rank` channels, a name
    that ends in `_gate` for one learned number, and
    every other name is a norm over `hidden_size` channels. A hybrid model's layer may have a mixer
    alone or a feed-forward block alone.
    """

    hidden_size: int
    mixer: Mixer | None
    mlp: MLP | None
    norm: NormKind = "rmsnorm"
    modules: tuple[str, ...] = LLAMA_MODULES
    per_layer_input: int = 0
    altup_inputs: int = 0
    laurel_rank: int = 0

    @cached_property
    def tensors(self) -> tuple[Tensor, ...]:
        """Parameters in registration order, named below the layer."""
        found: list[Tensor] = []
        for module in self.modules:
            found += self._tensors_of(module)
        return tuple(found)

    @cached_property
    def mlp_tensors(self) -> tuple[Tensor, ...]:
        """Parameters of the feed-forward block alone."""
        return self.mlp.tensors(self.hidden_size) if self.mlp else ()

    def _tensors_of(self, module: str) -> tuple[Tensor, ...]:
        h = self.hidden_size
        if module == "mixer":
            return self.mixer.tensors(h, self.norm) if self.mixer else ()
        if module == "mlp":
            return self.mlp.tensors(h) if self.mlp else ()
        if module == "per_layer_input":
            return (
                *linear("per_layer_input_gate", h, self.per_layer_input),
                *linear("per_layer_projection", self.per_layer_input, h),
            )
        if module == "altup":
            return self._altup(self.altup_inputs)
        if module == "laurel":
            return (
                *linear("laurel.linear_left", h, self.laurel_rank),
                *linear("laurel.linear_right", self.laurel_rank, h),
                *norm("laurel.post_laurel_norm", h, self.norm),
            )
        if module.endswith("_gate") and module not in _MOE_PARTS:
            return parameter(module, 1)
        if module in _MOE_PARTS and self.moe:
            return self.moe.part(module, h)  # type: ignore[arg-type]
        return norm(module, h, self.norm)

    def _altup(self, streams: int) -> tuple[Tensor, ...]:
        """Gemma3nTextAltUp: predicts and corrects every residual stream from the active one."""
        return (
            *parameter("altup.correct_output_scale", self.hidden_size),
            *linear("altup.correction_coefs", streams, streams),
            *linear("altup.prediction_coefs", streams, streams**2),
            *linear("altup.modality_router", self.hidden_size, streams),
            *norm("altup.router_norm", self.hidden_size, self.norm),
        )

    @property
    def moe(self) -> MixtureOfExperts | None:
        """The layer's mixture of experts, if it has one."""
        return self.mlp if isinstance(self.mlp, MixtureOfExperts) else None

    @property
    def attention(self) -> Attention | LatentAttention | None:
        """The layer's softmax attention; None for recurrent and feed-forward layers."""
        if isinstance(self.mixer, ParallelMixers):
            return self.mixer.attention
        return self.mixer if isinstance(self.mixer, (Attention, LatentAttention)) else None

    @cached_property
    def norms(self) -> int:
        """How many norms over the residual stream the layer has (not those inside its mixer)."""
        blocks = {"mixer", "mlp", "per_layer_input", "altup", "laurel"} | _MOE_PARTS
        found = (m for m in self.modules if m not in blocks and not m.endswith("_gate"))
        return sum(1 for _ in found)

    @cached_property
    def parameters(self) -> int:
        """All parameters of the layer."""
        return sum(t.numel for t in self.tensors)

    @cached_property
    def largest_tensor(self) -> int:
        """Elements of the layer's largest parameter."""
        return max(t.numel for t in self.tensors)

    @cached_property
    def linears(self) -> tuple[tuple[int, int], ...]:
        """(inputs, outputs) of every linear, in registration order."""
        return tuple((i, o) for _, i, o in self.named_linears)

    @cached_property
    def named_linears(self) -> tuple[tuple[str, int, int], ...]:
        """(module name below the layer, inputs, outputs) of every linear."""
        found: list[tuple[str, int, int]] = []
        for t in self.tensors:
            if t.role == "linear":
                outputs, inputs = t.shape[::-1] if self._conv1d else t.shape
                found.append((t.name.removesuffix(".weight"), inputs, outputs))
        return tuple(found)

    @property
    def _conv1d(self) -> bool:
        return isinstance(self.mixer, Attention) and self.mixer.conv1d

    @cached_property
    def linear_parameters(self) -> int:
        """Weights of all linears: what QLoRA quantises and autocast casts."""
        return sum(i * o for i, o in self.linears)

    @cached_property
    def unused_expert_parameters(self) -> int:
        """Parameters of the routed experts that one token does not pass."""
        if self.moe is None:
            return 0
        idle = self.moe.experts - self.moe.per_token
        return idle * self.moe.expert_parameters(self.hidden_size)
