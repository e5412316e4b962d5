"""DeepSpeed ZeRO stage 3, ZeRO-Offload for parameters and ZeRO-Infinity.

Source: deepspeed/runtime/zero/stage3.py, partitioned_param_coordinator.py and config.py, 0.19.8.
"""

from __future__ import annotations

from functools import cached_property

from app.domain.formulas import buffers, states
from app.domain.formulas.registry import Bundle, Part, Term
from app.domain.frameworks import zero
from app.domain.frameworks.state import (
    optimizer_state_bytes,
    optimizer_state_terms,
    weight_terms,
    workspace_terms,
)
from app.domain.frameworks.zero3_prefetch import Gathered, gathered
from app.domain.job import Job, Moment, Timeline
from app.domain.optimizers import OPTIMIZERS
from app.domain.precision import FP32
from app.domain.quantities import ModelQuantities, Stop, stop_at
from app.domain.step_activations import StepActivations
from app.domain.strategies import Strategy
from app.domain.units import Integer, ceil_div

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
        step, held = self.step, self._gathered
        setup, resident = self._setup(), self._resident()
        in_forward = (resident, self._live(held.at_loss), step.all_kept, step.loss.forward)
        in_backward = (resident, self._live(held.in_head), step.all_kept, step.loss.backward)
        moments = [
            Moment("setup", "engine initialised", setup),
            Moment("resident", "between steps", (resident,)),
            Moment("forward", "loss", in_forward),
            Moment("backward", "loss", in_backward),
        ]
        if mixing := self.step.last_with_scratch():
            live = self._live(self._gathered.in_layers[mixing.position - 1])
            inside = self.step.in_forward(mixing)[0]
            parts: tuple[Part, ...] = (resident, live, *self.step.before_layers, inside)
            moments.append(Moment("forward", "mixer", parts))
        for position in self._fullest_layers:
            moments += self._layer(resident, stop_at(self.q, position))
        moments += [self._flush(resident, reduction) for reduction in self._fullest_reductions]
        if self.full:
            moments.append(self._end(resident))
        moments.append(self._step(resident))
        return Timeline(moments, self._host_bytes(), self._nvme_bytes(), 0, [])

    @cached_property
    def _gathered(self) -> Gathered:
        return gathered(
            self.q.spec,
            self.options,
            recomputes=self.job.training.activation_checkpointing,
        )

    @property
    def _fullest_layers(self) -> tuple[int, ...]:
        """Layers at whose backward memory can peak: ends of a kind, and where more is gathered.

        Fewer activations are left from layer to layer, so only more gathered parameters than in
        every later layer can make a peak.
        """
        ends = {stop.position for stop in self.q.ends}
        fullest, most = set(ends), 0
        for position in range(len(self._gathered.in_layers), 0, -1):
            if self._gathered.in_layers[position - 1] > most:
                most = self._gathered.in_layers[position - 1]
                fullest.add(position)
        return tuple(sorted(fullest))

    @property
    def _fullest_reductions(self) -> list[zero.Reduction]:
        """The reductions that no earlier one outdoes."""
        found, most = [], 0
        if self.full:
            for each in zero.stage3_reductions(self.q, self.options.reduce_bucket_size):
                together = each.elements + self._gathered.at_gradients[each.tensor]
                if together > most:
                    most = together
                    found.append(each)
        return found

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

    def _live(self, elements: int) -> Term:
        return buffers.live_parameters(m=elements, a=self.size)

    def _layer(self, resident: Bundle, stop: Stop) -> list[Moment]:
        live = self._live(self._gathered.in_layers[stop.position - 1])
        around = Bundle(resident, live, *self._head_gradient)
        return [
            Moment(
                "backward",
                f"layer {stop.position}, {inside.label}",
                (around, inside.bucketed or inside.terms),
            )
            for inside in self.step.inside(stop)
            if not inside.after_matrices  # the bucket holds the gradients by then
        ]

    def _flush(self, resident: Bundle, reduction: zero.Reduction) -> Moment:
        """A full bucket is interleaved by rank in a buffer of its own before it is reduced."""
        stop = stop_at(self.q, reduction.layer)
        after_mlp = "att" in self.q.spec.tensors[reduction.tensor].name
        step = self.step
        parts: tuple[Part, ...] = (
            resident,
            self._live(self._gathered.at_gradients[reduction.tensor]),
            *self._head_gradient,
            buffers.flattened_bucket(m=reduction.elements, B=self.size),
            step.behind_mlp(stop) if after_mlp else step.behind_down_projection(stop),
        )
        return Moment("backward", f"layer {reduction.layer}, bucket reduced", parts)

    @cached_property
    def _head_gradient(self) -> tuple[Term, ...]:
        """A tied head's gradient waits for the embedding's."""
        if not (self.full and self.q.tied):
            return ()
        return (states.head_gradient(E=self.q.embedding, B=self.size),)

    def _end(self, resident: Bundle) -> Moment:
        live = self._live(self._gathered.at_embedding)
        copies = 2 if self.q.tied else 1
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
