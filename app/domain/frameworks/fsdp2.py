"""FSDP2: `fully_shard` on every decoder layer, then on the root.

Source: torch/distributed/fsdp/_fully_shard/_fsdp_param_group.py and _fsdp_collectives.py;
fully sharded data parallel, Zhao et al., 2023.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from app.domain.formulas import buffers, states
from app.domain.formulas.registry import Bundle, Part, Term
from app.domain.frameworks.fsdp2_padding import Padding
from app.domain.frameworks.fsdp_sizes import (
    NUMERICS,
    adapter_bytes,
    gathered_bytes,
    reduction_bytes,
    shard_ranks,
)
from app.domain.frameworks.state import (
    optimizer_state_bytes,
    optimizer_state_terms,
    step_temporary_terms,
    weight_terms,
    workspace_terms,
)
from app.domain.job import Job, Moment, Timeline
from app.domain.quantities import ModelQuantities, Stop
from app.domain.step_activations import StepActivations
from app.domain.strategies import Strategy
from app.domain.units import Integer


def timeline(job: Job, strategy: Strategy, q: ModelQuantities, step: StepActivations) -> Timeline:
    """Shards at rest, the root gathered throughout, one or two layers gathered around the running
    one, gradients reduced in flat buffers of the reduction's dtype, one layer behind.
    """
    return Fsdp2(job, strategy, q, step).timeline()


class Fsdp2:
    """One group for each layer, and the root's; what others group differently is overridden."""

    def __init__(
        self, job: Job, strategy: Strategy, q: ModelQuantities, step: StepActivations
    ) -> None:
        training = job.training
        self.job, self.strategy, self.q, self.step = job, strategy, q, step
        self.full = training.method == "full"
        self.numerics = NUMERICS[training.precision]
        self.ranks = shard_ranks(job, strategy)
        self.on_gpu = strategy.parameters_on == "gpu"
        self.shard_size = self.numerics.weights if self.full else adapter_bytes(job)
        self.trained_size = self.shard_size
        self.gathered = gathered_bytes(job)
        self.gradient_size = self.numerics.gradients if self.full else adapter_bytes(job)
        self.reduction = reduction_bytes(job)
        self.accumulating = training.gradient_accumulation_steps > 1
        self.padding = Padding(q, self.ranks)

    def timeline(self) -> Timeline:
        resident, setup = self._resident(), self._weights()
        moments = [
            Moment("setup", "model sharded", setup),
            Moment("resident", "between steps", (resident,)),
            self._first_gather(resident),
            *self._last_gather(resident),
            *self._last_experts(resident),
            self._forward(resident),
            self._loss_backward(resident),
            *self._layers(resident),
            *self._end(resident),
            self._step(resident),
        ]
        return Timeline(moments, self._host_bytes(), 0, 0, [])

    def _weights(self) -> tuple[Term, ...]:
        if not self.on_gpu:
            return ()
        return self._shards()

    def _shards(self) -> tuple[Term, ...]:
        return (
            *weight_terms(self.job, self.q, self.shard_size, self.trained_size, self.ranks),
            *self.padding.weights(self.shard_size),
        )

    def _resident(self) -> Bundle:
        optimizer: tuple[Term, ...] = ()
        if self.on_gpu:
            optimizer = (
                *optimizer_state_terms(self.job, self.q, self.trained_size, self.ranks, flat=False),
                *self.padding.states(self.job, self.trained_size),
            )
        return Bundle(*self._weights(), *optimizer, *workspace_terms(self.job))

    @cached_property
    def _root(self) -> Bundle:
        return Bundle(
            buffers.gathered_root(R=self.q.root, a=self.gathered),
            *self.padding.gathered(1, self.padding.root, self.gathered),
        )

    def _layer(self, copies: int, kind: int) -> Bundle:
        return Bundle(
            buffers.gathered_layers(k=copies, w=self.q.kinds[kind].gathered, a=self.gathered),
            *self.padding.gathered(copies, self.padding.layers[kind], self.gathered),
        )

    def _layers_kept(self, counts: Sequence[int]) -> Bundle:
        """So many layers of each kind, gathered until their backward."""
        elements = sum(k.gathered * n for k, n in zip(self.q.kinds, counts, strict=True))
        return Bundle(
            buffers.gathered_model(P=elements, a=self.gathered),
            *self.padding.gathered(1, self.padding.of_layers(counts), self.gathered),
        )

    @property
    def _first_kind(self) -> int:
        return self.q.stops[-1].kind

    @property
    def _last_kind(self) -> int:
        return self.q.stops[0].kind

    def _ends_at_start(self) -> tuple[Part, ...]:
        """Gathered outside the layers when the first one is: with the last all-gather's output."""
        return (self._root, self._root)

    def _ends_in_forward(self) -> tuple[Part, ...]:
        """Gathered outside the layers while these run."""
        return (self._root,)

    def _ends_in_backward(self) -> tuple[Part, ...]:
        """Outside the layers while these are differentiated: gathered, or an unreduced gradient."""
        return (self._root, *self._head_gradient)

    def _gathered_at_loss(self) -> tuple[Part, ...]:
        """Besides the root the last all-gather's output, and all layers where they are kept."""
        return (self._root, self._layer(1, self._last_kind), *self._kept_layers())

    def _gathered_at_loss_backward(self) -> tuple[Part, ...]:
        """The root's backward, the first of all, prefetches the last layer."""
        prefetched = (self._layer(1, self._last_kind),) if self.strategy.regathers else ()
        return (self._root, *prefetched, *self._kept_layers())

    def _kept_layers(self) -> tuple[Bundle, ...]:
        """Every layer, where none is freed between forward and backward."""
        if self.strategy.regathers:
            return ()
        return (self._layers_kept([kind.count for kind in self.q.kinds]),)

    @cached_property
    def _accumulated(self) -> tuple[Term, ...]:
        if not (self.accumulating and self.on_gpu):
            return ()
        return self._all_gradients

    @cached_property
    def _all_gradients(self) -> tuple[Term, ...]:
        return (
            states.gradients(T=self.q.trained, B=self.gradient_size, N=self.ranks),
            *self.padding.gradients(self.padding.all_trained, self.gradient_size),
        )

    def _first_gather(self, resident: Bundle) -> Moment:
        """The first layer is gathered while the root's all-gather output is still held."""
        return Moment(
            "forward",
            "first layer gathered",
            (
                resident,
                *self._accumulated,
                *self._ends_at_start(),
                self._layer(2, self._first_kind),
                self.step.layer_input,
            ),
        )

    def _last_gather(self, resident: Bundle) -> list[Moment]:
        """The last layer is gathered while the all-gather output before it is still held."""
        if not self.strategy.regathers or len(self.q.spec.layers) < 2:
            return []
        parts: tuple[Part, ...] = (
            resident,
            *self._accumulated,
            *self._ends_in_forward(),
            self._layer(3, self._last_kind),
            *self.step.before_layers,
            self.step.behind(self.q.stops[0]),
            *(() if self.step.checkpointing else (self.step.layer_input,)),
        )
        return [Moment("forward", "last layer gathered", parts)]

    def _last_experts(self, resident: Bundle) -> list[Moment]:
        """The last layer's experts run beside its parameters and the all-gather's output."""
        stops = [self.q.stops[0]]
        if (mixing := self.step.last_with_scratch()) and mixing.kind != stops[0].kind:
            stops.append(mixing)
        return [
            Moment("forward", "last layer, experts", (self._around(resident, stop), inside))
            for stop in stops
            for inside in self.step.in_forward(stop)
        ]

    def _around(self, resident: Bundle, stop: Stop) -> Bundle:
        return Bundle(
            resident,
            *self._accumulated,
            *self._ends_in_forward(),
            *(self._kept_layers() or (self._layer(1, stop.kind),)),
            self._layer(1, stop.kind),
            *self.step.before_layers,
        )

    def _forward(self, resident: Bundle) -> Moment:
        step = self.step
        return Moment(
            "forward",
            "loss",
            (
                resident,
                *self._accumulated,
                *self._gathered_at_loss(),
                step.all_kept,
                step.loss.forward,
            ),
        )

    def _loss_backward(self, resident: Bundle) -> Moment:
        step = self.step
        return Moment(
            "backward",
            "loss",
            (
                resident,
                *self._accumulated,
                *self._gathered_at_loss_backward(),
                step.all_kept,
                step.loss.backward,
            ),
        )

    def _sharded_gradients(self, trained: int, up_to: Sequence[int]) -> tuple[Term, ...]:
        """Those of the layers behind the first `up_to` of each kind: `trained` elements."""
        if self.accumulating or not self.on_gpu:
            return self._accumulated
        return (
            states.gradients(T=trained, B=self.gradient_size, N=self.ranks),
            *self.padding.gradients(self.padding.of_gradients(up_to), self.gradient_size),
        )

    @cached_property
    def _head_gradient(self) -> tuple[Term, ...]:
        if not self.full:
            return ()
        return (states.head_gradient(E=self.q.embedding, B=self.gathered),)

    def _layers(self, resident: Bundle) -> list[Moment]:
        moments = []
        for stop in self.q.stops:
            base = Bundle(
                resident,
                *self._sharded_gradients(stop.trained_after, stop.up_to),
                *self._ends_in_backward(),
            )
            moments += self._inside(stop, base)
            moments.append(self._reduction(stop, base))
        return moments

    def _gathered_in_layer(self, stop: Stop) -> Bundle:
        """The layer itself, and the one before it: prefetched, or still kept."""
        if not self.strategy.regathers:
            return self._layers_kept(stop.up_to)
        own = self._layer(1, stop.kind)
        return own if stop.is_first_of_model else Bundle(own, self._layer(1, stop.before))

    def _gathered_after(self, stop: Stop) -> tuple[Part, ...]:
        """The layers before it: prefetched, or still kept."""
        if not self.strategy.regathers:
            before = [n - (kind == stop.kind) for kind, n in enumerate(stop.up_to)]
            return (self._layers_kept(before),)
        if stop.is_first_of_model:
            return ()
        return (self._layer(1, stop.before),)

    def _pending(self, stop: Stop) -> tuple[Term, ...]:
        """The reduce-scatter input of the layer behind this one."""
        return self._reduced(stop.after) if stop.trained_after else ()

    def _reduced(self, kind: int) -> tuple[Term, ...]:
        """A layer's gradients in the flat input of their reduce-scatter."""
        return (
            buffers.reduce_scatter_input(w=self.q.kinds[kind].trained, b=self.reduction),
            *self.padding.reduced(self.padding.trained[kind], self.reduction),
        )

    def _inside(self, stop: Stop, base: Bundle) -> list[Moment]:
        around = Bundle(
            base,
            self._gathered_in_layer(stop),
            *self._pending(stop),
        )
        return [
            Moment("backward", f"layer {stop.position}, {inside.label}", (around, inside.terms))
            for inside in self.step.inside(stop)
        ]

    def _reduction(self, stop: Stop, base: Bundle) -> Moment:
        """A layer's gradients beside the flat buffer that they are copied to.

        The layer's own parameters are freed before; the next one's are prefetched.
        """
        parts: tuple[Part, ...] = (
            base,
            *self._gathered_after(stop),
            *self._reduced(stop.kind),
            self.step.inside(stop)[-1].terms,
        )
        return Moment("backward", f"layer {stop.position}, reduction", parts)

    def _end(self, resident: Bundle) -> list[Moment]:
        if not self.full:
            return []
        q = self.q
        layers = self._sharded_gradients(q.trained - q.root_trained, [0] * len(q.kinds))
        reduced = (
            buffers.reduce_scatter_input(w=q.root_trained, b=self.reduction),
            *self.padding.reduced(self.padding.root_trained, self.reduction),
        )
        embedding = Moment(
            "backward",
            "embedding",
            (
                resident,
                *layers,
                self._root,
                states.embedding_gradient(k=3 if q.tied else 2, E=q.embedding, B=self.gathered),
                *self._reduced(self._first_kind),
            ),
        )
        root = Moment(
            "backward",
            "root reduction",
            (
                resident,
                *layers,
                buffers.root_gradients(R=q.root_trained, a=self.gathered),
                *reduced,
            ),
        )
        output = Moment(
            "backward",
            "root reduction, output",
            (
                resident,
                *layers,
                *reduced,
                buffers.reduce_scatter_output(w=q.root_trained, b=self.reduction, N=self.ranks),
                *self.padding.reduced(self.padding.root_trained, self.reduction, self.ranks),
            ),
        )
        return [embedding, root, output]

    def _step(self, resident: Bundle) -> Moment:
        if not self.on_gpu:
            return Moment("step", "on the host", (resident,))
        temporary = step_temporary_terms(
            self.job,
            self.q,
            self.trained_size,
            self.ranks,
            foreach=self.job.training.optimizer_kernel == "foreach",
            flat=False,
        )
        padding = self.padding.step_temporary(self.job, self.trained_size)
        return Moment("step", "optimizer", (resident, *self._all_gradients, *temporary, *padding))

    def _host_bytes(self) -> Integer:
        if self.on_gpu:
            return 0
        optimizer = optimizer_state_bytes(
            self.job, self.q, self.trained_size, self.ranks, flat=False
        )
        padding = self.padding.states(self.job, self.trained_size)
        terms = (*self._shards(), *self._all_gradients, *padding)
        return sum(term.bytes for term in terms) + optimizer
