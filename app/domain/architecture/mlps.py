"""The feed-forward half of a decoder layer: one dense network, or routed experts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from app.domain.architecture.tensors import Tensor, linear, parameter

Activation = Literal["silu", "gelu", "gelu_tanh", "gelu_new", "relu", "relu2"]
MoePart = Literal["router", "experts", "shared", "shared_gate"]


@dataclass(frozen=True)
class DenseMLP:
    """`down(act(gate(x)) · up(x))` where `gated`, else `down(act(up(x)))`.

    `width` is the inner size. `names` are the projections in registration order: gate, up and
    down; gate-and-up and down where `fused_gate_up`; up and down where not gated. An empty
    `module` puts them in the layer itself. Mirrors LlamaMLP, Phi3MLP, GPT2MLP, GPTNeoXMLP,
    Starcoder2MLP, NemotronHMLP …
    """

    width: int
    gated: bool = True
    bias: bool = False
    activation: Activation = "silu"
    fused_gate_up: bool = False
    conv1d: bool = False
    module: str = "mlp"
    names: tuple[str, ...] = ("gate_proj", "up_proj", "down_proj")

    def tensors(self, hidden_size: int) -> tuple[Tensor, ...]:
        at = f"{self.module}." if self.module else ""
        wide = 2 * self.width if self.fused_gate_up else self.width
        *inner, down = self.names
        found: list[Tensor] = []
        for leaf in inner:
            found += linear(at + leaf, hidden_size, wide, self.bias, self.conv1d)
        found += linear(at + down, self.width, hidden_size, self.bias, self.conv1d)
        return tuple(found)


@dataclass(frozen=True)
class MixtureOfExperts:
    """`experts` routed networks of inner size `width`, of which a token uses `per_token`.

    The experts of a layer are packed into one 3-D tensor per projection, as transformers 5 does.
    `shared_width` is the inner size of the network that every token passes (all shared experts
    together; 0: none). `transposed`: (experts, in, out) instead of (experts, out, in).
    `router_linear`: the router is an `nn.Linear` rather than a bare parameter.
    `router_scales`: Gemma 4's learned scale per channel and per expert.
    `parts` in registration order; names are below the layer.
    Mirrors MixtralSparseMoeBlock, Qwen3MoeSparseMoeBlock, DeepseekV3MoE, Llama4TextMoe, GptOssMLP,
    NemotronHMoE, Gemma4TextRouter + Gemma4TextExperts.
    """

    experts: int
    per_token: int
    width: int
    shared_width: int = 0
    gated: bool = True
    activation: Activation = "silu"
    expert_bias: bool = False
    transposed: bool = False
    router_bias: bool = False
    router_linear: bool = False
    router_scales: bool = False
    shared_gate: bool = False
    parts: tuple[tuple[MoePart, str], ...] = (
        ("experts", "mlp.experts"),
        ("router", "mlp.gate"),
        ("shared", "mlp.shared_experts"),
    )

    def expert_parameters(self, hidden_size: int) -> int:
        """Parameters of one routed expert."""
        inner = 2 * self.width if self.gated else self.width
        biases = inner + hidden_size if self.expert_bias else 0
        return hidden_size * (inner + self.width) + biases

    @cached_property
    def shared(self) -> DenseMLP | None:
        """The network that every token passes beside its routed experts."""
        if not self.shared_width:
            return None
        module = dict(self.parts)["shared"]
        names = ("gate_proj", "up_proj", "down_proj") if self.gated else ("up_proj", "down_proj")
        return DenseMLP(
            self.shared_width, self.gated, activation=self.activation, module=module, names=names
        )

    def tensors(self, hidden_size: int) -> tuple[Tensor, ...]:
        found: list[Tensor] = []
        for part, _ in self.parts:
            found += self.part(part, hidden_size)
        return tuple(found)

    def part(self, part: MoePart, hidden_size: int) -> tuple[Tensor, ...]:
        """The tensors of one part: the router, the packed experts, the shared network, its gate."""
        name = dict(self.parts)[part]
        if part == "experts":
            return self._packed(name, hidden_size)
        if part == "router":
            return self._router(name, hidden_size)
        if part == "shared":
            return self.shared.tensors(hidden_size) if self.shared else ()
        return linear(name, hidden_size, 1)

    def _packed(self, at: str, hidden_size: int) -> tuple[Tensor, ...]:
        inner = 2 * self.width if self.gated else self.width
        up = f"{at}.gate_up_proj" if self.gated else f"{at}.up_proj"
        found: list[Tensor] = []
        for name, inputs, outputs in (
            (up, hidden_size, inner),
            (f"{at}.down_proj", self.width, hidden_size),
        ):
            shape = (inputs, outputs) if self.transposed else (outputs, inputs)
            found += parameter(name, self.experts, *shape, role="expert")
            if self.expert_bias:
                found += parameter(f"{name}_bias", self.experts, outputs, role="expert")
        return tuple(found)

    def _router(self, at: str, hidden_size: int) -> tuple[Tensor, ...]:
        if self.router_scales:
            return (
                *parameter(f"{at}.scale", hidden_size),
                *parameter(f"{at}.per_expert_scale", self.experts),
                *linear(f"{at}.proj", hidden_size, self.experts),
            )
        if self.router_linear:
            return linear(at, hidden_size, self.experts, self.router_bias)
        weight = parameter(f"{at}.weight", self.experts, hidden_size)
        return weight + parameter(f"{at}.bias", self.experts) if self.router_bias else weight


MLP = DenseMLP | MixtureOfExperts
