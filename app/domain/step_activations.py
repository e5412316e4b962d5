"""The activations of one micro-batch at the moments where a step can peak.

The same for every strategy whose modules see the same element sizes, so one evaluation of a job
shares it between them.
"""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import numpy as np

from app.domain.architecture import (
    Attention,
    LatentAttention,
    MixtureOfExperts,
)
from app.domain.formulas import activations as act
from app.domain.formulas import adapters, buffers, mixtures, norms
from app.domain.formulas import attention as att
from app.domain.formulas.registry import Bundle, Term
from app.domain.ingredient import Ingredient
from app.domain.job import Job
from app.domain.layer_memory import (
    Kernels,
    broadcasts_one_key,
    down_of,
    folded_bytes,
    layer_recipe,
    mlp_width,
    norm_memory,
    runs_shared_last,
    weights_in_fp32,
)
from app.domain.precision import BF16, FP32, Stream, StreamId
from app.domain.quantities import LayerKind, ModelQuantities, Stop
from app.domain.recurrent_memory import scratch
from app.domain.residual_memory import beside_layers
from app.domain.step_loss import StepLoss
from app.domain.streams import stream_of
from app.domain.units import Integer

# Of a mixture: freed when the product of gate and up is differentiated, and what the experts keep.
_GONE_BEFORE_THE_PRODUCT = frozenset({mixtures.expert_outputs, adapters.folded_down})
# Of sparse attention: made only when an indexer has picked the tokens.
_BEHIND_THE_INDEXER = frozenset(
    {att.latent_attention, act.copied_attention_output, att.attention_masks}
)
# What a shared network keeps, which is differentiated before the experts where it ran after them.
_OF_SHARED = frozenset({act.gated_mlp, act.frozen_gated_mlp, act.plain_mlp})
_OF_EXPERTS = frozenset({mixtures.expert_outputs, mixtures.routed_experts})


class LayerMoment(NamedTuple):
    """A point inside one layer's backward: activations and weight gradients alive.

    `after_matrices`: the gradients of all its matrices have been made. `bucketed`: what is alive
    where gradients move to a bucket as soon as they exist; None: the same.
    """

    label: str
    terms: Bundle
    after_matrices: bool = False
    bucketed: Bundle | None = None


class StepActivations:
    """Terms for the activations of one micro-batch in one kind of stream; `loss`: for its loss."""

    def __init__(
        self, job: Job, quantities: ModelQuantities, stream: StreamId, adapter_bytes: int
    ) -> None:
        training = job.training
        self.stream: Stream = stream_of(job, stream)
        self.quantities = quantities
        self.sequence: Integer = training.sequence_length
        self.tokens: Integer = training.micro_batch_size * training.sequence_length
        self.checkpointing = training.activation_checkpointing
        self.attention = training.attention
        self.trains_head = training.method == "full"
        self.loss = StepLoss(job, quantities, self.stream, self.tokens)
        self._hidden = job.spec.hidden_size
        # Gradients have the element size of the weights that the modules see.
        half = BF16 if self.stream.id == "half" else FP32
        self._gradient_bytes = half if self.trains_head else adapter_bytes
        self._inside: dict[int, tuple[LayerMoment, ...]] = {}
        self._alive: dict[int, tuple[tuple[Term, ...], list[tuple[Ingredient, Term]]]] = {}
        self._behind: dict[int, Bundle] = {}
        self._kernels = Kernels(
            self.stream, training.attention, training.method, adapter_bytes, training.lora.rank
        )
        self._expert_bytes = folded_bytes(self._kernels)
        in_fp32 = weights_in_fp32(job.spec)
        self._shared_last = runs_shared_last(job.spec)
        self._weighted_bytes = FP32 if in_fp32 else self._expert_bytes

    def _recipe(self, kind: LayerKind) -> list[tuple[Ingredient, Integer]]:
        """What a layer of this kind keeps, each part with whether it applies.

        A window that never binds needs no mask. Sequences on both sides of a window's length take
        both recipes, each in its place.
        """
        mixer, spec = kind.layer.mixer, self.quantities.spec
        window = mixer.sliding_window if isinstance(mixer, Attention) else None
        binds = window is not None and window < self.sequence
        if not isinstance(binds, np.ndarray):
            return [(part, True) for part in layer_recipe(spec, kind, self._kernels, bool(binds))]
        return [
            (part, binds == masked)
            for masked in (True, False)
            if (binds == masked).any()
            for part in layer_recipe(spec, kind, self._kernels, masked)
        ]

    @cached_property
    def outside(self) -> tuple[Term, ...]:
        """Alive from forward to backward but in no layer: final norm, rotary tables, mask.

        A frozen head does not keep its input.
        """
        return self._outside(self._final_norm, self.stream.compute if self.trains_head else 0)

    @cached_property
    def before_layers(self) -> tuple[Term, ...]:
        """Those of them that exist before the final norm has run."""
        return self._outside(0, 0)

    def _outside(self, kept_by_norm: int, kept_by_head: int) -> tuple[Term, ...]:
        found = (k.layer.attention for k in self.quantities.kinds if k.layer.attention)
        terms = [
            act.outside_layers(
                t=self.tokens,
                h=self._hidden,
                d=next((attention.rotary_dim for attention in found), 0),
                s=self.stream.residual,
                c=kept_by_head,
                k=kept_by_norm,
            )
        ]
        spec = self.quantities.spec
        terms += beside_layers(spec, self.tokens, self.stream, trained=self.trains_head)
        if spec.residual_dropout:
            terms.append(act.dropout_masks(n=1, t=self.tokens, k=1, h=self._hidden))
        if self.attention == "eager":
            terms.append(act.causal_mask(t=self.tokens, S=self.sequence))
        return tuple(terms)

    def kept(self, up_to: tuple[int, ...]) -> tuple[Term, ...]:
        """What the first `up_to` layers of each kind keep: checkpoints, or everything."""
        if self.checkpointing:
            h, s = self.quantities.spec.stream_width, self.stream.residual
            return (act.layer_checkpoints(n=sum(up_to), t=self.tokens, h=h, s=s),)
        return tuple(
            ingredient.term(count * applies, self.tokens, self.sequence)
            for kind, count in zip(self.quantities.kinds, up_to, strict=True)
            if count
            for ingredient, applies in self._recipe(kind)
        )

    @property
    def _final_norm(self) -> int:
        """Bytes per channel that the final norm keeps: its input and the normalised value."""
        formula, s = norm_memory(self.quantities.spec, self.stream, trained=self.trains_head)
        return int(formula(n=1, t=1, k=1, h=1, s=s).bytes)

    @cached_property
    def layer_input(self) -> Term:
        """The residual stream between two layers."""
        h, s = self.quantities.spec.stream_width, self.stream.residual
        return act.layer_checkpoints(n=1, t=self.tokens, h=h, s=s)

    @cached_property
    def all_kept(self) -> Bundle:
        """At the end of forward: every layer's and what is outside them."""
        counts = tuple(kind.count for kind in self.quantities.kinds)
        return Bundle(*self.kept(counts), *self.outside)

    def inside(self, stop: Stop) -> tuple[LayerMoment, ...]:
        """The candidates for the peak inside one layer's backward."""
        if stop.position not in self._inside:
            self._inside[stop.position] = self._inside_layer(stop)
        return self._inside[stop.position]

    def behind_down_projection(self, stop: Stop) -> Bundle:
        """Alive when the first weight gradient of a layer has just been made."""
        behind, own = self._alive_in_layer(stop)
        kind = self.quantities.kinds[stop.kind]
        return Bundle(*behind, *(term for _, term in own), self._mlp_gradient(1, kind))

    def behind_mlp(self, stop: Stop) -> Bundle:
        """Alive while the attention of a layer is differentiated, its MLP done."""
        behind, own = self._alive_in_layer(stop)
        left = (term for ingredient, term in own if not ingredient.in_mlp)
        return Bundle(*behind, *left, self.layer_input)

    def _mlp_gradient(self, count: int, kind: LayerKind) -> Term:
        routed = kind.layer.moe is not None
        return act.layer_gradients(
            t=self.tokens,
            h=self._hidden,
            s=self.stream.residual,
            m=count,
            i=mlp_width(kind),
            c=self._expert_bytes if routed else self.stream.compute,
        )

    def _alive_in_layer(self, stop: Stop) -> tuple[tuple[Term, ...], list[tuple[Ingredient, Term]]]:
        """What the layers before keep, and the whole set of the layer being differentiated."""
        if stop.position not in self._alive:
            self._alive[stop.position] = self._counted_in_layer(stop)
        return self._alive[stop.position]

    def _counted_in_layer(
        self, stop: Stop
    ) -> tuple[tuple[Term, ...], list[tuple[Ingredient, Term]]]:
        own = [
            (ingredient, ingredient.term(1 * applies, self.tokens, self.sequence))
            for ingredient, applies in self._recipe(self.quantities.kinds[stop.kind])
        ]
        if self.checkpointing:
            return self.kept(stop.up_to), own
        before = tuple(c - (k == stop.kind) for k, c in enumerate(stop.up_to))
        return self.kept(before), own

    def behind(self, stop: Stop) -> Bundle:
        """What the layers before keep when a layer's backward is done."""
        if stop.position not in self._behind:
            self._behind[stop.position] = Bundle(*self._alive_in_layer(stop)[0])
        return self._behind[stop.position]

    def _inside_layer(self, stop: Stop) -> tuple[LayerMoment, ...]:
        kind = self.quantities.kinds[stop.kind]
        behind, own = self._alive_in_layer(stop)
        moments = []
        width = mlp_width(kind)
        if width:
            alive = (term for part, term in own if part.formula not in _GONE_BEFORE_THE_PRODUCT)
            gradients = (self._mlp_gradient(2, kind), self._weight_gradients(kind, down_of(kind)))
            moments.append(LayerMoment("MLP", Bundle(*behind, *alive, *gradients)))
        if kind.layer.moe is not None:
            gone = _OF_SHARED if self._shared_last else frozenset()
            own = [(part, term) for part, term in own if part.formula not in gone]
            whole = Bundle(*behind, *(term for _, term in own))
            rest = Bundle(*behind, *(t for part, t in own if part.formula not in _OF_EXPERTS))
            moments += self._inside_experts(kind, kind.layer.moe, whole, rest)
        if self.checkpointing and (made_again := self._scratch(kind, forward=True)):
            before = [t for p, t in own if not p.in_mlp and p.formula not in _BEHIND_THE_INDEXER]
            moments.append(LayerMoment("mixer again", Bundle(*behind, *before, *made_again)))
        if products := self._scratch(kind, forward=False):
            left = [term for ingredient, term in own if not ingredient.in_mlp]
            of_mlp = self._weight_gradients(kind, sum(t.numel for t in kind.layer.mlp_tensors))
            mixing = Bundle(*behind, *left, *products)
            moments.append(LayerMoment("mixer", Bundle(mixing, of_mlp), bucketed=mixing))
        attention = kind.layer.attention
        if attention is not None:
            alive = (term for ingredient, term in own if not ingredient.in_mlp)
            made = kind.parameters - 3 * self._hidden * attention.q_width // 2
            inside = Bundle(*behind, *alive, self._attention_gradient(attention))
            whole = Bundle(inside, self._weight_gradients(kind, made))
            moments.append(LayerMoment("attention", whole, bucketed=inside))
        end = Bundle(*behind, self._weight_gradients(kind, kind.parameters))
        if kind.layer.norm == "rmsnorm":
            moments.append(LayerMoment("norm", Bundle(end, self._norm_gradient()), True))
        return (*moments, LayerMoment("end", end, True))

    def _norm_gradient(self) -> Term:
        s = self.stream.residual
        shared = self.checkpointing and s == FP32
        return norms.norm_gradients(t=self.tokens, h=self._hidden, x=0 if shared else FP32, s=s)

    def _inside_experts(
        self, kind: LayerKind, moe: MixtureOfExperts, whole: Bundle, rest: Bundle
    ) -> list[LayerMoment]:
        """Backward of the experts apart from their product: their outputs, their matrices.

        `whole` and `rest`: what is alive before, with and without what the experts keep.
        """
        width = moe.input_width(self._hidden)
        rows = {"t": self.tokens, "k": moe.rows, "h": width, "c": self._expert_bytes}
        incoming = self.layer_input
        # In fp32: the gradient in the experts' order, its products with both factors, and a cast.
        c, weighted = self._expert_bytes, self._weighted_bytes
        size = 3 * weighted + c if weighted > c else 3 * c
        made = mixtures.output_gradients(t=self.tokens, k=moe.rows, h=width, b=size)
        weighting = Bundle(whole, incoming, made)
        moments = [LayerMoment("experts' outputs", weighting)]
        # Of the outputs' size, and in their place, is now the gradient that enters the matrices.
        down = Bundle(whole, self._mlp_gradient(1, kind))
        if kind.folding:
            gate_up, own = kind.folded
            made = adapters.folded_gradient(w=own or gate_up, c=self._expert_bytes)
            moments.append(LayerMoment("experts' down projection", Bundle(down, made)))
        if self.trains_head:
            made = self._weight_gradients(kind, down_of(kind))
            moments.append(LayerMoment("experts' down projection", Bundle(down, made)))
            made = self._weight_gradients(kind, moe.experts * moe.expert_parameters(self._hidden))
            first = Bundle(rest, made, incoming, mixtures.gate_up_gradients(e=moe.width, **rows))
            moments.append(LayerMoment("experts' gate and up", first))
            scattered = Bundle(rest, made, mixtures.routed_input_gradients(**rows))
            moments.append(LayerMoment("experts", scattered))
        return moments

    def _scratch(self, kind: LayerKind, *, forward: bool) -> tuple[Term, ...]:
        """What a mixer makes and does not keep, where it is larger than what it keeps."""
        return scratch(kind.layer.mixer, self.tokens, self.sequence, forward=forward)

    def last_with_scratch(self) -> Stop | None:
        """The last layer whose mixer makes much in forward that it does not keep, if any does."""
        kinds = self.quantities.kinds
        made = (s for s in self.quantities.ends if self._scratch(kinds[s.kind], forward=True))
        return next(made, None)

    def in_forward(self, stop: Stop) -> list[Bundle]:
        """What the layer of a stop holds at most while its experts or its scan run forward."""
        kind = self.quantities.kinds[stop.kind]
        moe = kind.layer.moe
        behind, own = self._alive_in_layer(stop)
        products = self._scratch(kind, forward=True)
        mixing = [t for p, t in own if not p.in_mlp and p.formula not in _BEHIND_THE_INDEXER]
        found = [Bundle(*behind, *mixing, *products)] if products else []
        return found + (self._in_forward_of_experts(moe, behind, own) if moe else [])

    def _in_forward_of_experts(
        self,
        moe: MixtureOfExperts,
        behind: tuple[Term, ...],
        own: list[tuple[Ingredient, Term]],
    ) -> list[Bundle]:
        width = moe.input_width(self._hidden)
        rows = {"t": self.tokens, "h": width}
        c, weighted = self._expert_bytes, self._weighted_bytes
        if not self.checkpointing:
            # All but the weighted outputs, in both orders, is kept; so is the residual's copy.
            made = mixtures.outputs_in_forward(b=2 * moe.rows * weighted + c, **rows)
            return [Bundle(*behind, *(term for _, term in own), made)]
        copies = [(part.formula, term) for part, term in own if not part.needs_tokens]
        gate_up = [term for formula, term in copies if formula is adapters.folded_gate_up]
        first = mixtures.gate_up_in_forward(k=moe.rows, e=moe.width, c=c, **rows)
        size = 2 * (moe.rows * (weighted + c) + c)
        last = mixtures.outputs_in_forward(b=size, **rows)
        return [
            Bundle(*behind, *gate_up, first),
            Bundle(*behind, *(term for _, term in copies), last),
        ]

    def _weight_gradients(self, kind: LayerKind, made: int) -> Term:
        """Weight gradients of a layer so far: `made` where it is trained, adapters' at once."""
        elements = made if self.trains_head else kind.trained
        return buffers.layer_weight_gradients(w=elements, B=self._gradient_bytes)

    def _attention_gradient(self, attention: Attention | LatentAttention) -> Term:
        q, heads = attention.q_width, attention.heads
        h, s, c = self._hidden, self.stream.residual, self.stream.compute
        if self.attention == "eager":
            # Sinks are a column of the scores: their softmax stays in 16 bits.
            made = (
                3 * c if isinstance(attention, Attention) and attention.sinks else FP32 + 3 * BF16
            )
            return act.score_gradients(t=self.tokens, h=h, s=s, H=heads, S=self.sequence, g=made)
        if broadcasts_one_key(self.quantities.spec, attention) and self.attention == "sdpa":
            return att.fp32_score_gradients(t=self.tokens, h=h, s=s, H=heads, S=self.sequence)
        kv = attention.kv_heads * attention.head_dim
        per_head = 2 if kv < q else 0
        return act.attention_gradients(t=self.tokens, h=h, s=s, q=q, kv=kv, c=c, r=per_head)
