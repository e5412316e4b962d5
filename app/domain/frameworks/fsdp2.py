"""FSDP2: `fully_shard` on every decoder layer, then on the root.

Source: torch/distributed/fsdp/_fully_shard/_fsdp_param_group.py and _fsdp_collectives.py;
fully sharded data parallel, Zhao et al., 2023.
"""

from __future__ import annotations

from functools import cached_property

from app.domain.formulas import buffers, states
from app.domain.formulas.registry import Bundle, Part, Term
from app.domain.frameworks.state import (
    optimizer_state_bytes,
    optimizer_state_terms,
    step_temporary_terms,
    weight_terms,
    workspace_terms,
)
from app.domain.job import Job, Moment, Timeline
from app.domain.precision import BF16, FP32, Numerics
from app.domain.quantities import ModelQuantities, Stop
from app.domain.step_activations import StepActivations
from app.domain.strategies import Strategy
from app.domain.training import PrecisionId
from app.domain.units import Integer

NUMERICS: dict[PrecisionId, Numerics] = {
    "bf16_mixed": Numerics(FP32, BF16, FP32, "half"),
    "fp16_mixed": Numerics(FP32, BF16, FP32, "half"),
    "bf16_pure": Numerics(BF16, BF16, BF16, "half"),
    "fp32": Numerics(FP32, FP32, FP32, "full"),
}


def adapter_bytes(job: Job) -> int:
    """A shard group holds one dtype, so adapters are kept in the base model's."""
    return BF16 if job.training.precision != "fp32" else FP32


def gathered_bytes(job: Job) -> int:
    """Bytes per element of a gathered parameter."""
    if job.training.method == "full":
        return NUMERICS[job.training.precision].gathered
    return adapter_bytes(job)


def shard_ranks(job: Job, strategy: Strategy) -> Integer:
    """How many ranks one shard group has."""
    node = strategy.shard_parameters == "node"
    return job.hardware.gpus_per_node if node else job.hardware.world_size


def reduction_bytes(job: Job) -> int:
    """Bytes per element of a reduced gradient.

    Mixed precision reduces in what the options say; pure precisions reduce in their own dtype.
    """
    numerics = NUMERICS[job.training.precision]
    if numerics.weights == numerics.gathered:
        return numerics.weights
    return FP32 if job.options.fsdp_reduce_dtype == "fp32" else BF16


def timeline(job: Job, strategy: Strategy, q: ModelQuantities, step: StepActivations) -> Timeline:
    """Shards at rest, the root gathered throughout, one or two layers gathered around the running
    one, gradients reduced in flat buffers of the reduction's dtype, one layer behind.
    """
    return _Fsdp2(job, strategy, q, step).timeline()


class _Fsdp2:
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
        self.gathered = gathered_bytes(job)
        self.gradient_size = self.numerics.gradients if self.full else adapter_bytes(job)
        self.reduction = reduction_bytes(job)
        self.accumulating = training.gradient_accumulation_steps > 1

    def timeline(self) -> Timeline:
        resident, setup = self._resident(), self._weights()
        moments = [
            Moment("setup", "model sharded", setup),
            Moment("resident", "between steps", (resident,)),
            self._first_gather(resident),
            *self._last_gather(resident),
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
        return weight_terms(self.job, self.q, self.shard_size, self.shard_size, self.ranks)

    def _resident(self) -> Bundle:
        optimizer: tuple[Term, ...] = ()
        if self.on_gpu:
            optimizer = optimizer_state_terms(
                self.job, self.q, self.shard_size, self.ranks, flat=False
            )
        return Bundle(*self._weights(), *optimizer, *workspace_terms(self.job))

    @cached_property
    def _root(self) -> Term:
        return buffers.gathered_root(R=self.q.root, a=self.gathered)

    def _layer(self, copies: int, parameters: int) -> Term:
        return buffers.gathered_layers(k=copies, w=parameters, a=self.gathered)

    def _held_layers(self) -> tuple[Term, ...]:
        """At the loss: the last all-gather's output, and all layers where they are kept."""
        last = self._layer(1, self.q.last_layer)
        if self.strategy.regathers:
            return (last,)
        return (last, *self._kept_layers())

    def _kept_layers(self) -> tuple[Term, ...]:
        """Every layer, where none is freed between forward and backward."""
        if self.strategy.regathers:
            return ()
        return (buffers.gathered_model(P=self.q.gathered_layers, a=self.gathered),)

    @cached_property
    def _accumulated(self) -> tuple[Term, ...]:
        if not (self.accumulating and self.on_gpu):
            return ()
        return (states.gradients(T=self.q.trained, B=self.gradient_size, N=self.ranks),)

    def _first_gather(self, resident: Bundle) -> Moment:
        """The first layer is gathered while the root's all-gather output is still held."""
        first = self.q.kinds[self.q.stops[-1].kind].gathered
        return Moment(
            "forward",
            "first layer gathered",
            (
                resident,
                *self._accumulated,
                self._root,
                self._root,
                self._layer(2, first),
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
            self._root,
            self._layer(3, self.q.last_layer),
            *self.step.outside,
            self.step.behind(self.q.stops[0]),
        )
        return [Moment("forward", "last layer gathered", parts)]

    def _forward(self, resident: Bundle) -> Moment:
        step = self.step
        return Moment(
            "forward",
            "loss",
            (
                resident,
                *self._accumulated,
                self._root,
                *self._held_layers(),
                step.all_kept,
                step.loss_forward,
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
                self._root,
                *(self._held_layers() if self.strategy.regathers else self._kept_layers()),
                step.all_kept,
                step.loss_backward,
            ),
        )

    def _sharded_gradients(self, trained: Integer) -> tuple[Term, ...]:
        if self.accumulating or not self.on_gpu:
            return self._accumulated
        return (states.gradients(T=trained, B=self.gradient_size, N=self.ranks),)

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
                *self._sharded_gradients(stop.trained_after),
                self._root,
                *self._head_gradient,
            )
            moments += self._inside(stop, base)
            moments.append(self._reduction(stop, base))
        return moments

    def _gathered_in_layer(self, stop: Stop) -> tuple[Term, ...]:
        kind = self.q.kinds[stop.kind]
        if not self.strategy.regathers:
            behind = sum(k.gathered * n for k, n in zip(self.q.kinds, stop.up_to, strict=True))
            return (buffers.gathered_model(P=behind, a=self.gathered),)
        if stop.is_first_of_model:
            return (self._layer(1, kind.gathered),)
        return (
            self._layer(2, kind.gathered),
            buffers.all_gather_input(w=kind.gathered, a=self.gathered, N=self.ranks),
        )

    def _gathered_after(self, stop: Stop) -> tuple[Term, ...]:
        kind = self.q.kinds[stop.kind]
        if not self.strategy.regathers:
            behind = sum(k.gathered * n for k, n in zip(self.q.kinds, stop.up_to, strict=True))
            return (buffers.gathered_model(P=behind - kind.gathered, a=self.gathered),)
        if stop.is_first_of_model:
            return ()
        return (
            self._layer(1, kind.gathered),
            buffers.all_gather_input(w=kind.gathered, a=self.gathered, N=self.ranks),
        )

    def _pending(self, stop: Stop) -> tuple[Term, ...]:
        """The reduce-scatter input of the layer behind this one."""
        if not stop.trained_after:
            return ()
        trained = self.q.kinds[stop.kind].trained
        return (buffers.reduce_scatter_input(w=trained, b=self.reduction),)

    def _inside(self, stop: Stop, base: Bundle) -> list[Moment]:
        around = Bundle(
            base,
            *self._gathered_in_layer(stop),
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
            buffers.reduce_scatter_input(w=self.q.kinds[stop.kind].trained, b=self.reduction),
            self.step.inside(stop)[-1].terms,
        )
        return Moment("backward", f"layer {stop.position}, reduction", parts)

    def _end(self, resident: Bundle) -> list[Moment]:
        if not self.full:
            return []
        q = self.q
        layers = self._sharded_gradients(q.trained - q.root_trained)
        embedding = Moment(
            "backward",
            "embedding",
            (
                resident,
                *layers,
                self._root,
                states.embedding_gradient(k=3 if q.tied else 2, E=q.embedding, B=self.gathered),
                buffers.reduce_scatter_input(w=q.first_layer_trained, b=self.reduction),
            ),
        )
        root = Moment(
            "backward",
            "root reduction",
            (
                resident,
                *layers,
                buffers.root_gradients(R=q.root, a=self.gathered),
                buffers.reduce_scatter_input(w=q.root, b=self.reduction),
            ),
        )
        output = Moment(
            "backward",
            "root reduction, output",
            (
                resident,
                *layers,
                buffers.reduce_scatter_input(w=q.root, b=self.reduction),
                buffers.reduce_scatter_output(w=q.root, b=self.reduction, N=self.ranks),
            ),
        )
        return [embedding, root, output]

    def _step(self, resident: Bundle) -> Moment:
        if not self.on_gpu:
            return Moment("step", "on the host", (resident,))
        temporary = step_temporary_terms(
            self.job,
            self.q,
            self.shard_size,
            self.ranks,
            foreach=self.job.training.optimizer_kernel == "foreach",
            flat=False,
        )
        gradients = states.gradients(T=self.q.trained, B=self.gradient_size, N=self.ranks)
        return Moment("step", "optimizer", (resident, gradients, *temporary))

    def _host_bytes(self) -> Integer:
        if self.on_gpu:
            return 0
        q, ranks = self.q, self.ranks
        weights = weight_terms(self.job, q, self.shard_size, self.shard_size, ranks)
        gradients = states.gradients(T=q.trained, B=self.gradient_size, N=ranks)
        optimizer = optimizer_state_bytes(self.job, q, self.shard_size, ranks, flat=False)
        return sum(term.bytes for term in weights) + gradients.bytes + optimizer
