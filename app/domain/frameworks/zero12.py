"""DeepSpeed ZeRO stages 1 and 2: whole 16-bit parameters, partitioned optimizer.

Source: deepspeed/runtime/zero/stage_1_and_2.py, 0.19.8; ZeRO-Offload, Ren et al., 2021.
"""

from __future__ import annotations

from functools import cached_property

from app.domain.formulas import buffers, states
from app.domain.formulas.registry import Bundle, Part, Term
from app.domain.frameworks import zero
from app.domain.frameworks.state import (
    optimizer_state_bytes,
    optimizer_state_terms,
    step_temporary_terms,
    weight_terms,
    workspace_terms,
)
from app.domain.job import Job, Moment, Timeline
from app.domain.precision import FP32
from app.domain.quantities import ModelQuantities, Stop, stop_at
from app.domain.step_activations import StepActivations
from app.domain.strategies import Strategy
from app.domain.units import Integer, ceil_div

NUMERICS = zero.NUMERICS
adapter_bytes = zero.adapter_bytes


def timeline(job: Job, strategy: Strategy, q: ModelQuantities, step: StepActivations) -> Timeline:
    """Stages 1 and 2 differ only in what accumulation keeps: all gradients, or the partition's."""
    return _Zero12(job, strategy, q, step).timeline()


class _Zero12:
    def __init__(
        self, job: Job, strategy: Strategy, q: ModelQuantities, step: StepActivations
    ) -> None:
        training = job.training
        self.job, self.strategy, self.q, self.step = job, strategy, q, step
        self.full = training.method == "full"
        self.size = NUMERICS[training.precision].weights
        self.ranks = job.hardware.world_size
        self.on_gpu = strategy.optimizer_on == "gpu"
        self.partition = zero.first_partition(q, self.ranks)
        self.sharded_gradients = strategy.shard_gradients != "none"
        self.accumulating = training.gradient_accumulation_steps > 1
        self.bucket = job.options.deepspeed.reduce_bucket_size
        self.bucketing = zero.bucketing(q, self.ranks, self.bucket)
        self.overlaps = zero.overlaps_communication(job, 2)
        buckets = 2 if self.overlaps else 1
        self.bucket_count = buckets if job.options.deepspeed.contiguous_gradients else 0

    def timeline(self) -> Timeline:
        q, step = self.q, self.step
        setup, resident = self._setup(), self._resident()
        waiting = self._accumulated
        moments = [
            Moment("setup", "engine initialised", setup),
            Moment("resident", "between steps", (resident,)),
            Moment("forward", "loss", (resident, *waiting, step.all_kept, step.loss.forward)),
            Moment("backward", "loss", (resident, *waiting, step.all_kept, step.loss.backward)),
        ]
        if self.full:
            moments.append(self._head(resident))
        for stop in q.ends:
            moments += self._layer(resident, stop)
        moments += self._first_flush(resident)
        moments += self._end(resident)
        moments += self._step(resident)
        return Timeline(moments, self._host_bytes(), 0, 0, [])

    def _model(self) -> tuple[Term, ...]:
        return weight_terms(self.job, self.q, self.size, self.size, 1)

    def _setup(self) -> tuple[Term, ...]:
        if self.on_gpu:
            return (*self._model(), states.master_weights(T=self.q.trained, N=self.ranks))
        largest = self.q.largest_trained_tensor
        return (*self._model(), buffers.offload_gradient_buffer(m=largest, B=self.size))

    def _resident(self) -> Bundle:
        optimizer: tuple[Term, ...] = ()
        if self.on_gpu:
            optimizer = optimizer_state_terms(self.job, self.q, FP32, self.ranks, flat=True)
        return Bundle(*self._setup(), *optimizer, *workspace_terms(self.job))

    @cached_property
    def _ipg(self) -> Term:
        return buffers.ipg_buckets(k=self.bucket_count, m=self.bucket, B=self.size)

    @cached_property
    def _partition_gradients(self) -> tuple[Term, ...]:
        return self._owned_gradients(1)

    def _owned_gradients(self, owned: Integer) -> tuple[Term, ...]:
        """The partition's gradients where some of them are reduced (`owned`: 0 or 1)."""
        if not self.on_gpu:
            return ()
        return (buffers.partition_gradients(G=self.partition.whole * owned, B=self.size),)

    @cached_property
    def _accumulated(self) -> tuple[Term, ...]:
        """What earlier micro-batches left: stage 1 all gradients and its buckets, stage 2 G."""
        if not self.accumulating:
            return ()
        if self.sharded_gradients:
            return self._partition_gradients
        return (states.gradients(T=self.q.trained, B=self.size, N=1), self._ipg)

    def _in_backward(self, *, owned: Integer) -> tuple[Term, ...]:
        if not self.accumulating:
            return (self._ipg, *self._owned_gradients(owned))
        if self.sharded_gradients:
            return (self._ipg, *self._partition_gradients)
        return self._accumulated

    def _unreduced(self, layers: tuple[int, ...]) -> tuple[Term, ...]:
        """Gradients that stage 1 keeps until backward ends.

        All of them without overlap, when nothing is reduced before; else those that bypass the
        bucket.
        """
        if self.accumulating or self.sharded_gradients or not self.on_gpu:
            return ()
        if not self.overlaps:
            trained = tuple(kind.trained for kind in self.q.kinds)
            waiting = sum(count * own for count, own in zip(layers, trained, strict=True))
            return (states.gradients(T=waiting, B=self.size, N=1),)
        size = sum(count * own for count, own in zip(layers, self.bucketing.bypassing, strict=True))
        return (buffers.bypassing_gradients(m=size, B=self.size),)

    @cached_property
    def _head_gradient(self) -> tuple[Term, ...]:
        """A tied head's gradient waits for the embedding's."""
        if not (self.full and self.q.tied):
            return ()
        return (states.head_gradient(E=self.q.embedding, B=self.size),)

    def _head(self, resident: Bundle) -> Moment:
        """The first gradient makes the buckets, while every layer's activations are alive."""
        made = states.embedding_gradient(k=1, E=self.q.embedding, B=self.size)
        around = (*self._in_backward(owned=False), self.step.layer_input, made)
        return Moment("backward", "head", (resident, *around, self.step.all_kept))

    def _layer(self, resident: Bundle, stop: Stop) -> list[Moment]:
        behind = tuple(k.count - n for k, n in zip(self.q.kinds, stop.up_to, strict=True))
        around = (*self._unreduced(behind), *self._head_gradient)
        before = Bundle(resident, *self._in_backward(owned=False), *around)
        moments = [
            Moment("backward", f"layer {stop.position}, {m.label}", (before, m.terms))
            for m in self.step.inside(stop)
            if not m.after_matrices  # the buckets hold the gradients by then
        ]
        owned = (self.ranks == 1) | stop.is_first_of_model
        reduced: tuple[Part, ...] = (
            resident,
            *self._in_backward(owned=owned),
            *around,
            self.step.behind(stop),
        )
        return [*moments, Moment("backward", f"layer {stop.position}, reduced", reduced)]

    def _first_flush(self, resident: Bundle) -> list[Moment]:
        """The first full bucket is flattened while most layers' activations are still alive."""
        flush = self.bucketing
        reduces = self.overlaps or self.sharded_gradients
        if not (flush.first_flush_layer and reduces):
            return []
        stop = stop_at(self.q, flush.first_flush_layer)
        parts: tuple[Part, ...] = (
            resident,
            *self._in_backward(owned=False),
            *self._head_gradient,
            buffers.flattened_bucket(m=flush.first_flush, B=self.size),
            self.step.behind_down_projection(stop),
        )
        return [Moment("backward", f"layer {stop.position}, bucket reduced", parts)]

    def _end(self, resident: Bundle) -> list[Moment]:
        """The embedding's gradient is made (a tied head's is added to it), then reduced."""
        q = self.q
        if not self.full:
            owned = self._in_backward(owned=True)
            return [Moment("backward", "last reduction", (resident, *owned))]
        unreduced = self._unreduced(tuple(kind.count for kind in q.kinds))
        made = states.embedding_gradient(k=3 if q.tied else 1, E=q.embedding, B=self.size)
        early = self.bucketing.owned_before_embedding
        moments = [
            Moment(
                "backward",
                "embedding",
                (resident, *self._in_backward(owned=early), *unreduced, made),
            )
        ]
        bypasses = q.embedding > self.bucket
        one = states.embedding_gradient(k=1, E=q.embedding, B=self.size)
        reduced = (one,) if bypasses else ()
        if not self.on_gpu:
            reduced = (*reduced, buffers.norm_copy(m=q.embedding))
        moments.append(
            Moment(
                "backward",
                "embedding reduced",
                (resident, *self._in_backward(owned=True), *unreduced, *reduced),
            )
        )
        return moments

    def _step(self, resident: Bundle) -> list[Moment]:
        if not self.on_gpu:
            return [Moment("step", "on the host", (resident,))]
        q, ranks = self.q, self.ranks
        own = self._partition_gradients
        fp32 = states.gradients(T=q.trained, B=FP32, N=ranks)
        cast = FP32 if self.size != FP32 else 0
        single = self.partition.single
        # One parameter's part needs no flattening, only the cast.
        flat = (
            states.gradients(T=q.trained * single, B=FP32, N=ranks),
            buffers.flat_step_gradients(T=q.trained * (1 - single), B=self.size, f=cast, N=ranks),
        )
        temporary = step_temporary_terms(
            self.job,
            q,
            FP32,
            ranks,
            foreach=self.job.training.optimizer_kernel == "foreach",
            flat=True,
        )
        return [
            Moment(
                "step",
                "gradient norm",
                (resident, *own, buffers.norm_copy(m=self.partition.slice)),
            ),
            Moment("step", "flatten", (resident, *own, *flat)),
            Moment("step", "optimizer", (resident, fp32, *temporary)),
        ]

    def _host_bytes(self) -> Integer:
        if self.on_gpu:
            return 0
        share = ceil_div(self.q.trained, self.ranks)
        master = gradients = zero.pinned(FP32 * share)
        sixteen = zero.pinned(self.size * share)
        largest = zero.pinned(self.size * self.q.largest_trained_tensor)
        optimizer = optimizer_state_bytes(self.job, self.q, FP32, self.ranks, flat=True)
        return master + gradients + optimizer + sixteen + largest
