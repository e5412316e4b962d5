"""A whole causal language model: its layers and what stands outside them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Literal

from app.domain.architecture.layer import Layer
from app.domain.architecture.tensors import NormKind, Tensor, norm
from app.domain.architecture.towers import Tower

RootPart = Literal[
    "embedding",
    "positions",
    "embedding_norm",
    "layers",
    "norm",
    "head",
    "per_layer_embedding",
    "per_layer_projection",
    "per_layer_norm",
    "project_in",
    "project_out",
    "altup_projections",
    "altup_unembed",
]

LLAMA_ROOT: tuple[tuple[RootPart, str], ...] = (
    ("embedding", "model.embed_tokens"),
    ("layers", "model.layers"),
    ("norm", "model.norm"),
    ("head", "lm_head"),
)


@dataclass(frozen=True, eq=False)
class ModelSpec:
    """The shape of a model, exact to the last parameter as transformers 5.23 builds it.

    Counts are parameters of the text model and its `towers`: a tied head counts once, buffers do
    not count. Equality and hash are by identity, so a spec can key caches. `max_position` is the
    longest sequence in tokens (None: unbounded). `positions` are learned position vectors,
    `embedding_extra` the embedding's rows beyond the vocabulary (Llama 3.2 Vision has eight),
    `head_bias` a bias over the vocabulary, `per_layer_input` the channels per layer of Gemma 4's
    second embedding, of `per_layer_vocab` rows. `embedding_size` is the embedding's width where a
    projection stands between it and the layers (OPT's `word_embed_proj_dim`), `altup_inputs` how
    many residual streams Gemma 3n has. `residual_dropout` and `attention_dropout`: whether training
    draws dropout masks there. `logit_softcap`: logits pass through a scaled tanh. `root` lists the
    modules outside the layers in registration order, with their names; `layers` among them marks
    where the layers stand. `assumptions`: sentences on what of the model is not read but assumed;
    every estimate repeats them.
    """

    id: str
    name: str
    family: str
    model_type: str
    hidden_size: int
    vocab_size: int
    layers: tuple[Layer, ...]
    tied_embeddings: bool
    norm: NormKind = "rmsnorm"
    max_position: int | None = None
    parallel_residual: bool = False
    positions: int = 0
    embedding_extra: int = 0
    head_bias: bool = False
    per_layer_input: int = 0
    per_layer_vocab: int = 0
    embedding_size: int | None = None
    altup_inputs: int = 0
    residual_dropout: bool = False
    attention_dropout: bool = False
    logit_softcap: bool = False
    root: tuple[tuple[RootPart, str], ...] = LLAMA_ROOT
    towers: tuple[Tower, ...] = ()
    assumptions: tuple[str, ...] = ()

    @cached_property
    def _root_index(self) -> int:
        return [part for part, _ in self.root].index("layers")

    @cached_property
    def root_tensors_before(self) -> tuple[Tensor, ...]:
        """Parameters that run before the layers: the embedding, as a rule, then the towers."""
        return (*self._root_tensors(self.root[: self._root_index]), *self._tower_tensors)

    @cached_property
    def root_tensors_after(self) -> tuple[Tensor, ...]:
        """Parameters registered after the layers: final norm and an untied head, as a rule."""
        return self._root_tensors(self.root[self._root_index + 1 :])

    @cached_property
    def tensors(self) -> tuple[Tensor, ...]:
        """Every parameter in registration order with its full name; a tied head is not repeated."""
        prefix = self.root[self._root_index][1]
        inside = (
            Tensor(f"{prefix}.{index}.{t.name}", t.shape, t.role)
            for index, layer in enumerate(self.layers)
            for t in layer.tensors
        )
        return (*self.root_tensors_before, *inside, *self.root_tensors_after)

    @cached_property
    def _tower_tensors(self) -> tuple[Tensor, ...]:
        """The frozen ones last."""
        ordered = sorted(self.towers, key=lambda tower: not tower.trained)
        return tuple(t for tower in ordered for t in tower.tensors)

    @cached_property
    def frozen_tensors(self) -> int:
        """How many tensors full fine-tuning leaves alone: those of frozen towers."""
        return sum(len(tower.tensors) for tower in self.towers if not tower.trained)

    @cached_property
    def trainable_tensors(self) -> tuple[Tensor, ...]:
        """All that full fine-tuning trains, in the order of `tensors`."""
        if not self.frozen_tensors:
            return self.tensors
        first_layer = len(self.root_tensors_before)
        first_frozen = first_layer - self.frozen_tensors
        return (*self.tensors[:first_frozen], *self.tensors[first_layer:])

    @cached_property
    def tower_parameters(self) -> int:
        """All parameters of the towers."""
        return sum(tower.parameters for tower in self.towers)

    @cached_property
    def frozen_parameters(self) -> int:
        """Parameters of frozen towers."""
        return sum(tower.parameters for tower in self.towers if not tower.trained)

    def _root_tensors(self, parts: Iterable[tuple[RootPart, str]]) -> tuple[Tensor, ...]:
        found: list[Tensor] = []
        for part, name in parts:
            found += self._part_tensors(part, name)
        return tuple(found)

    def _part_tensors(self, part: RootPart, name: str) -> tuple[Tensor, ...]:
        h, per_layer = self.hidden_size, self.per_layer_input
        e = self.embedding_size or h
        if part in ("altup_projections", "altup_unembed"):
            each = (f"{name}.{index}.weight" for index in range(self.altup_inputs - 1))
            return tuple(Tensor(full, (h, h), "other") for full in each)
        if part in ("norm", "embedding_norm"):
            return norm(name, h, self.norm)
        if part == "per_layer_norm":
            return norm(name, per_layer, self.norm)
        if part == "head":
            weight = Tensor(f"{name}.weight", (self.vocab_size, e), "head")
            bias = Tensor(f"{name}.bias", (self.vocab_size,), "bias")
            return (weight,) * (not self.tied_embeddings) + (bias,) * self.head_bias
        shape, role = {
            "embedding": ((self.vocab_size + self.embedding_extra, e), "embedding"),
            "project_in": ((h, e), "other"),
            "project_out": ((e, h), "other"),
            "positions": ((self.positions, h), "embedding"),
            "per_layer_embedding": (
                (self.per_layer_vocab, len(self.layers) * per_layer),
                "embedding",
            ),
            "per_layer_projection": ((len(self.layers) * per_layer, h), "other"),
        }[part]
        return (Tensor(f"{name}.weight", shape, role),)  # type: ignore[arg-type]

    @cached_property
    def layer_parameters(self) -> tuple[int, ...]:
        """Parameters of each layer."""
        return tuple(layer.parameters for layer in self.layers)

    @cached_property
    def root_parameters(self) -> int:
        """All outside the decoder layers: embedding, final norm, head (once when tied), towers."""
        return sum(t.numel for t in (*self.root_tensors_before, *self.root_tensors_after))

    @cached_property
    def total_parameters(self) -> int:
        """All parameters."""
        return self.root_parameters + sum(self.layer_parameters)

    @cached_property
    def trainable_parameters(self) -> int:
        """Parameters with a gradient: all but biases that balance experts and fixed positions."""
        inside = (t for layer in self.layers for t in layer.tensors)
        beside = (t for tower in self.towers for t in tower.tensors)
        fixed = (t.numel for t in chain(inside, beside) if t.role == "frozen")
        return self.total_parameters - sum(fixed)

    @cached_property
    def active_parameters(self) -> int:
        """Parameters that one token passes: all but the routed experts that it does not use.

        The towers count, which image and audio tokens pass.
        """
        return self.total_parameters - sum(x.unused_expert_parameters for x in self.layers)

    @property
    def stream_width(self) -> int:
        """Channels between two layers: of every residual stream, where there are several."""
        return self.hidden_size * max(1, self.altup_inputs)

    @cached_property
    def embedding_parameters(self) -> int:
        """Elements of the token embedding: vocabulary × its width."""
        return self.vocab_size * (self.embedding_size or self.hidden_size)

    @cached_property
    def largest_layer_parameters(self) -> int:
        """Parameters of the largest layer: the largest unit that is gathered at once."""
        return max(self.layer_parameters)

    @cached_property
    def largest_tensor_parameters(self) -> int:
        """Elements of the largest single parameter."""
        root = (*self.root_tensors_before, *self.root_tensors_after)
        return max(*(t.numel for t in root), *(x.largest_tensor for x in set(self.layers)))

    @cached_property
    def linear_parameters(self) -> int:
        """Weights of all linears inside the layers, the head not among them."""
        return sum(layer.linear_parameters for layer in self.layers)

    @cached_property
    def is_mixture(self) -> bool:
        """Whether any layer routes tokens to experts."""
        return any(layer.moe for layer in self.layers)


def share_equal(layers: Iterable[Layer]) -> tuple[Layer, ...]:
    """The same layers, equal ones as one object: their derived figures are computed once."""
    seen: dict[Layer, Layer] = {}
    return tuple(seen.setdefault(layer, layer) for layer in layers)
