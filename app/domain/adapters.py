"""Where PEFT puts LoRA adapters, and how large they are.

Transformers 5 packs the experts of many mixtures, linears before, into one tensor per projection.
So that adapters mean what they did, PEFT redirects the old names in these families: to the packed
tensors and to the router, also where a shared network or a dense layer has a linear of that name.

Source: peft/utils/transformers_weight_conversion.py, _convert_peft_config_moe;
peft/tuners/lora/layer.py, ParamWrapper.update_layer, 0.21.0;
transformers/conversion_mapping.py, _MODEL_TO_CONVERSION_PATTERN, 5.17.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from app.domain.architecture import Layer, ModelSpec
from app.domain.errors import FieldError, InvalidInput
from app.domain.training import Lora

ALL_LINEAR = "all-linear"
_POINTER = "/training/lora/target_modules"

Place = Literal["linear", "router", "gate_up", "down"]

_MIXTRAL_NAMES: Mapping[str, Place] = {
    "gate": "router",
    "w1": "gate_up",
    "w3": "gate_up",
    "w2": "down",
}
_QWEN_NAMES: Mapping[str, Place] = {
    "gate": "router",
    "gate_proj": "gate_up",
    "up_proj": "gate_up",
    "down_proj": "down",
}
_REDIRECTED: Mapping[str, Mapping[str, Place]] = {
    "mixtral": _MIXTRAL_NAMES,
    "deepseek_v2": _QWEN_NAMES,
    "deepseek_v3": _QWEN_NAMES,
    "deepseek_v32": _QWEN_NAMES,
    "glm4_moe": _QWEN_NAMES,
    "glm4_moe_lite": _QWEN_NAMES,
    "olmoe": _QWEN_NAMES,
    "qwen3_moe": _QWEN_NAMES,
    "qwen3_next": _QWEN_NAMES,
}


class Adapter(NamedTuple):
    """Two trained matrices: A of (rank, inputs) and B of (outputs, rank).

    A packed tensor's adapter has one rank for all experts together, twice that for gate and up.
    """

    place: Place
    inputs: int
    outputs: int
    rank: int

    @property
    def shapes(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Of A and B."""
        return (self.rank, self.inputs), (self.outputs, self.rank)

    @property
    def elements(self) -> int:
        """Trained elements of both."""
        return self.rank * (self.inputs + self.outputs)


def targets_of(spec: ModelSpec, lora: Lora) -> frozenset[str]:
    """The last parts of the adapted modules' names; all there are for `all-linear`.

    Raises:
        InvalidInput: a name that the model has no linear for, or half of a packed tensor.
    """
    redirected = _REDIRECTED.get(spec.model_type, {})
    present = {leaf(name) for layer in set(spec.layers) for name, _, _ in layer.named_linears}
    present |= redirected.keys()
    wanted = lora.target_modules
    if wanted == ALL_LINEAR:
        return frozenset(present)
    names = frozenset((wanted,) if isinstance(wanted, str) else wanted)
    if not names:
        remedy = f'Name at least one module, or use "{ALL_LINEAR}".'
        raise InvalidInput(FieldError(_POINTER, remedy))
    unknown = sorted(names - present)
    if unknown:
        raise InvalidInput(
            FieldError(
                _POINTER,
                f"{spec.name} has no linear layer called {', '.join(unknown)[:80]}. "
                f'Use "{ALL_LINEAR}" or any of {", ".join(sorted(present))}.',
            )
        )
    packed = {name for name, place in redirected.items() if place == "gate_up"}
    if 0 < len(names & packed) < len(packed):
        together = " and ".join(sorted(packed))
        remedy = f"{spec.name} packs {together} into one tensor: name both or neither."
        raise InvalidInput(FieldError(_POINTER, remedy))
    return names


def adapters_of(
    spec: ModelSpec, layer: Layer, targets: frozenset[str], rank: int
) -> tuple[Adapter, ...]:
    """A layer's adapters, in registration order."""
    redirected = _REDIRECTED.get(spec.model_type, {})
    linears = {name: (inputs, outputs) for name, inputs, outputs in layer.named_linears}
    packed = _packed(layer, {redirected[name] for name in targets & redirected.keys()}, rank)
    found: list[Adapter] = []
    for tensor in layer.tensors:
        module = tensor.name.removesuffix(".weight")
        if tensor.name in packed:
            found.append(packed[tensor.name])
        elif tensor.role == "linear" and leaf(module) in targets - redirected.keys():
            found.append(Adapter("linear", *linears[module], rank))
    return tuple(found)


def _packed(layer: Layer, places: set[Place], rank: int) -> dict[str, Adapter]:
    """The adapters on a mixture's own tensors, by the tensor's name."""
    mixture = layer.moe
    if mixture is None:
        return {}
    at, h = dict(mixture.parts), layer.hidden_size
    of_all = rank * mixture.experts
    adapters = {
        f"{at['router']}.weight": Adapter("router", h, mixture.experts, rank),
        f"{at['experts']}.gate_up_proj": Adapter("gate_up", h, 2 * mixture.width, 2 * of_all),
        f"{at['experts']}.down_proj": Adapter("down", mixture.width, h, of_all),
    }
    return {name: adapter for name, adapter in adapters.items() if adapter.place in places}


def leaf(name: str) -> str:
    """The last part of a dotted name."""
    return name.rpartition(".")[2]
