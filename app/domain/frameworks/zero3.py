"""DeepSpeed ZeRO stage 3, ZeRO-Offload for parameters and ZeRO-Infinity.

Source: deepspeed/runtime/zero/stage3.py, partitioned_param_coordinator.py and config.py, 0.19.8.
"""

from __future__ import annotations

from functools import cached_property

from app.domain.formulas import buffers, states
from app.domain.formulas.registry import Bundle, Term
from app.domain.frameworks import zero
from app.domain.frameworks.state import (
    optimizer_state_bytes,
    optimizer_state_terms,
    weight_terms,
    workspace_terms,
)
from app.domain.frameworks.zero3_prefetch import live_parameters
from app.domain.job import Job, Moment, Timeline
from app.domain.optimizers import OPTIMIZERS
from app.domain.precision import FP32
from app.domain.quantities import ModelQuantities, Stop
from app.domain.step_activations import StepActivations
from app.domain.strategies import Strategy
from app.domain.units import Integer, ceil_div, smallest

NUMERICS = zero.NUMERICS
adapter_bytes = zero.adapter_bytes


def timeline(job: Job, strategy: Strategy, q: ModelQuantities, step: StepActivations) -> Timeline:
    """Everything is partitioned; gathered parameters fill up to `stage3_max_live_parameters`."""
    return _Zero3(job, strategy, q, step).timeline()


class _Zero3:
    def __init__(
        self, job: Job, strategy: Strategy, q: ModelQuantities, step: StepActivations
    ) -> None:
        training = job.training
        self.job, self.strategy, self.q, self.step = job, strategy, q, step
        self.full = training.method == "full"
        self.size = NUMERICS[training.precision].weights
        self.ranks = job.hardware.world_size
        self.optimizer_on_gpu = strategy.optimizer_on == "gpu"
        self.parameters_on_gpu = strategy.parameters_on == "gpu"
        self.options = job.options.deepspeed

    def timeline(self) -> Timeline:
        step = self.step
        setup, resident = self._setup(), self._resident()
        live = self._live()
        moments = [
            Moment("setup", "engine initialised", setup),
            Moment("resident", "between steps", (resident,)),
            Moment("forward", "loss", (resident, live, step.all_kept, step.loss_forward)),
            Moment("backward", "loss", (resident, live, step.all_kept, step.loss_backward)),
        ]
        for stop in self.q.ends:
            moments += self._layer(resident, live, stop)
        if self.full:
            moments.append(self._end(resident, self._live_at_embedding()))
        moments.append(self._step(resident))
        return Timeline(moments, self._host_bytes(), self._nvme_bytes(), 0, [])

    def _setup(self) -> tuple[Term, ...]:
        q, ranks = self.q, self.ranks
        terms: tuple[Term, ...] = (
            buffers.ipg_buckets(
                k=int(self.options.contiguous_gradients),
                m=self.options.reduce_bucket_size,
                B=self.size,
            ),
        )
        if self.parameters_on_gpu:
            terms += weight_terms(self.job, q, self.size, self.size, ranks)
        if self.optimizer_on_gpu:
            terms += (
                states.master_weights(T=q.trained, N=ranks),
                states.gradients(T=q.trained, B=self.size, N=ranks),
            )
        return terms

    def _resident(self) -> Bundle:
        optimizer: tuple[Term, ...] = ()
        if self.optimizer_on_gpu:
            optimizer = optimizer_state_terms(self.job, self.q, FP32, self.ranks, flat=True)
        return Bundle(*self._setup(), *optimizer, *workspace_terms(self.job))

    def _live(self) -> Term:
        """Gathered elements at the loss: what the prefetcher leaves, and every routed expert.

        The grouped matrix product saves a view of the experts' weights, whose storage a released
        parameter cannot free; only checkpointing lets go of it.
        """
        replayed = live_parameters(self.q.spec, self.options)
        held = 0 if self.step.checkpointing else self.q.experts
        live = smallest(self._model, held + replayed)
        return buffers.live_parameters(m=live, a=self.size)

    def _live_at_embedding(self) -> Term:
        """At the end of backward: up to the limit, nothing where the embedding alone exceeds it.

        Read off measured runs of tied models (p-3b-ds3-s512, p-3b-ds3-tinybucket), not derived.
        """
        limit = self.options.stage3_max_live_parameters
        live = smallest(self._model, limit) if limit >= self.q.embedding else 0
        return buffers.live_parameters(m=live, a=self.size)

    @property
    def _model(self) -> int:
        return self.q.gathered_layers + self.q.root

    def _layer(self, resident: Bundle, live: Term, stop: Stop) -> list[Moment]:
        around = Bundle(resident, live, *self._head_gradient)
        return [
            Moment("backward", f"layer {stop.position}, {inside.label}", (around, inside.terms))
            for inside in self.step.inside(stop)
        ]

    @cached_property
    def _head_gradient(self) -> tuple[Term, ...]:
        """A tied head's gradient waits for the embedding's."""
        if not (self.full and self.q.tied):
            return ()
        return (states.head_gradient(E=self.q.embedding, B=self.size),)

    def _end(self, resident: Bundle, live: Term) -> Moment:
        copies = 3 if self.q.tied else 1
        gradient = states.embedding_gradient(k=copies, E=self.q.embedding, B=self.size)
        return Moment("backward", "embedding", (resident, live, gradient))

    def _step(self, resident: Bundle) -> Moment:
        if not self.optimizer_on_gpu:
            return Moment("step", "on the host", (resident,))
        group = zero.largest_sub_group(self.q, self.ranks, self.options.sub_group_size)
        optimizer = OPTIMIZERS[self.job.training.optimizer]
        foreach = optimizer.foreach_temporary and self.job.training.optimizer_kernel == "foreach"
        cast = FP32 + (self.size if self.size != FP32 else 0)
        per_element = 2 * FP32 if foreach else 3 * FP32 if optimizer.factored else cast
        return Moment(
            "step", "optimizer", (resident, buffers.sub_group_step(k=per_element, m=group))
        )

    def _states_bytes(self) -> Integer:
        return optimizer_state_bytes(self.job, self.q, FP32, self.ranks, flat=True)

    def _host_bytes(self) -> Integer:
        share = ceil_div(self.q.trained, self.ranks)
        model = ceil_div(self.q.gathered_layers + self.q.root, self.ranks)
        total: Integer = 0
        if self.strategy.optimizer_on == "cpu":
            total += zero.pinned(FP32 * share) + FP32 * share + self._states_bytes()
            total += zero.pinned(self.size * share)
        if self.strategy.parameters_on == "cpu":
            total += 2 * zero.pinned(self.size * model)
        if self.strategy.parameters_on == "nvme":
            buffer = zero.parameter_swap_buffer(self.q.spec.largest_tensor_parameters, self.ranks)
            total += zero.pinned(self.size * zero.PARAMETER_SWAP_BUFFERS * buffer) + FP32 * share
        return total

    def _nvme_bytes(self) -> Integer:
        share = ceil_div(self.q.trained, self.ranks)
        model = ceil_div(self.q.gathered_layers + self.q.root, self.ranks)
        total: Integer = 0
        if self.strategy.optimizer_on == "nvme":
            total += FP32 * share + self._states_bytes()
        if self.strategy.parameters_on == "nvme":
            total += self.size * model
        return total
