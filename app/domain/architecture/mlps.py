"""The feed-forward half of a decoder layer: one dense network, or routed experts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from app.domain.architecture.tensors import Tensor, linear, parameter

Activation = Literal["silu", "gelu", "gelu_tanh", "gelu_new", "relu", "relu2", "xielu"]
MoePart = Literal[
    "router", "correction", "experts", "shared", "shared_gate", "latent_in", "latent_out"
]


@dataclass(frozen=True)
class DenseMLP:
    """`down(act(gate(x)) · up(x))` where `gated`, else `down(act(up(x)))`.

    `width` is the inner size. `names` are the projections in registration order: gate, up and
    down; gate-and-up and down where `fused_gate_up`; up and down where not gated. An empty
    `module` puts them in the layer itself. `cuts_gate`: only the gate's largest values pass, as in
    Gemma 3n's first layers. xIELU has two parameters of its own. Mirrors LlamaMLP,
    Phi3MLP, GPT2MLP, GPTNeoXMLP, Starcoder2MLP, NemotronHMLP …
    """

    width: int
    gated: bool = True
    bias: bool = False
    activation: Activation = "silu"
    fused_gate_up: bool = False
    conv1d: bool = False
    cuts_gate: bool = False
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
        if self.activation == "xielu":
            found += parameter(f"{at}act_fn.alpha_p", 1) + parameter(f"{at}act_fn.alpha_n", 1)
        return tuple(found)


@dataclass(frozen=True)
class MixtureOfExperts:
    """`experts` routed networks of inner size `width`, of which a token uses `per_token`.

    The experts of a layer are packed into one 3-D tensor per projection, as transformers 5 does.
    `shared_width` is the inner size of the network that every token passes (all shared experts
    together; 0: none). `transposed`: (experts, in, out) instead of (experts, out, in).
    `router_linear`: the router is an `nn.Linear` rather than a bare parameter.
    `router_scales`: Gemma 4's learned scale per channel and per expert.
    `latent`: channels that the routed experts work on between two projections of their own (0: the
    residual stream's), as in Nemotron 3.
    `shared_bias`: the shared network's linears have biases. `fused_shared`: its gate and up are one
    linear. A `correction` among the parts is the frozen bias that balances the experts, of shape
    (*correction_shape, experts).
    `shared_names` are the shared network's projections where they are not the usual ones.
    `clamped`: gate and up are clamped, as where experts have biases (gpt-oss).
    `runs_all`: every expert computes every token, weighted by zero where it was not chosen, as
    Llama 4's do. `parts` in registration order; names are below the layer.
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
    shared_bias: bool = False
    fused_shared: bool = False
    shared_names: tuple[str, ...] | None = None
    clamped: bool = False
    correction_shape: tuple[int, ...] = ()
    latent: int = 0
    runs_all: bool = False
    parts: tuple[tuple[MoePart, str], ...] = (
        ("experts", "mlp.experts"),
        ("router", "mlp.gate"),
        ("shared", "mlp.shared_experts"),
    )

    def expert_parameters(self, hidden_size: int) -> int:
        """Parameters of one routed expert."""
        inner = 2 * self.width if self.gated else self.width
        biases = inner + hidden_size if self.expert_bias else 0
        return self.input_width(hidden_size) * (inner + self.width) + biases

    @property
    def rows(self) -> int:
        """How many experts compute a token."""
        return self.experts if self.runs_all else self.per_token

    def input_width(self, hidden_size: int) -> int:
        """Channels that enter and leave a routed expert."""
        return self.latent or hidden_size

    @cached_property
    def shared(self) -> DenseMLP | None:
        """The network that every token passes beside its routed experts."""
        if not self.shared_width:
            return None
        module = dict(self.parts)["shared"]
        names: tuple[str, ...] = ("gate_proj", "up_proj", "down_proj")
        if not self.gated:
            names = names[1:]
        elif self.fused_shared:
            names = ("input_linear", "output_linear")
        return DenseMLP(
            self.shared_width,
            self.gated,
            self.shared_bias,
            self.activation,
            fused_gate_up=self.fused_shared,
            module=module,
            names=self.shared_names or names,
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
        if part == "correction":
            return parameter(name, *self.correction_shape, self.experts, role="frozen")
        if part == "shared":
            return self.shared.tensors(hidden_size) if self.shared else ()
        if part in ("latent_in", "latent_out"):
            ends = (hidden_size, self.latent)
            inputs, outputs = ends if part == "latent_in" else ends[::-1]
            return linear(name, inputs, outputs, self.shared_bias) if self.latent else ()
        return linear(name, hidden_size, 1)

    def _packed(self, at: str, hidden_size: int) -> tuple[Tensor, ...]:
        inner = 2 * self.width if self.gated else self.width
        up = f"{at}.gate_up_proj" if self.gated else f"{at}.up_proj"
        outer = self.input_width(hidden_size)
        found: list[Tensor] = []
        for name, inputs, outputs in ((up, outer, inner), (f"{at}.down_proj", self.width, outer)):
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
