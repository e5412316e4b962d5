"""FSDP2 as accelerate wraps a model: other groups outside the layers, and reductions deferred.

Source: accelerate/utils/fsdp_utils.py, fsdp2_prepare_model, and accelerator.py, no_sync, 1.15;
torch/distributed/fsdp/_fully_shard/_fsdp_param_group.py.
"""

from __future__ import annotations

from collections.abc import Sequence

from app.domain.formulas import buffers, states
from app.domain.formulas.registry import Bundle, Part, Term
from app.domain.frameworks import fsdp2
from app.domain.frameworks.fsdp2 import Fsdp2
from app.domain.job import Job, Moment, Timeline
from app.domain.precision import FP32
from app.domain.quantities import ModelQuantities, Stop
from app.domain.recipe import PLAIN
from app.domain.step_activations import StepActivations
from app.domain.strategies import Strategy
from app.domain.units import Integer


def timeline(job: Job, strategy: Strategy, q: ModelQuantities, step: StepActivations) -> Timeline:
    """As `fully_shard` alone, or as the recipe's loop has the model wrapped."""
    recipe = job.options.recipe
    if recipe == PLAIN:
        return fsdp2.timeline(job, strategy, q, step)
    separate = recipe.separate_ends and not q.tied
    return (_SeparateEnds if separate else _Accelerated)(job, strategy, q, step).timeline()


class _Accelerated(Fsdp2):
    """A tied model: embedding, final norm and head are one group, and the root has none."""

    def __init__(
        self, job: Job, strategy: Strategy, q: ModelQuantities, step: StepActivations
    ) -> None:
        super().__init__(job, strategy, q, step)
        self.recipe = job.options.recipe
        self.defers = self.accumulating and self.recipe.defers_reduction
        self.accumulating = self.accumulating and not self.defers
        mixed = self.numerics.gathered < self.numerics.weights
        if self.recipe.wide_adapters and not self.full and mixed:
            self.trained_size = self.gradient_size = FP32

    def _gathered_at_loss_backward(self) -> tuple[Part, ...]:
        """What is first in backward to prefetch a layer is the head, when the logits are done."""
        if not self.recipe.separate_ends:
            return super()._gathered_at_loss_backward()
        return (self._root, *self._kept_layers())

    def _unreduced(self, parameters: Integer) -> tuple[Term, ...]:
        """Whole gradients that micro-batches leave, where only the last one reduces."""
        return (states.unreduced_gradients(T=parameters, B=self.gathered),)

    def _before_the_last(self, made: Integer) -> tuple[Term, ...]:
        """What a micro-batch before the last finds; the first of two has only `made` its own."""
        first = self.job.training.gradient_accumulation_steps == 2
        return self._unreduced(made if first else self.q.trained)

    @property
    def _accumulated(self) -> tuple[Term, ...]:
        return self._unreduced(self.q.trained) if self.defers else super()._accumulated

    def _sharded_gradients(self, trained: int, up_to: Sequence[int]) -> tuple[Term, ...]:
        """In the last micro-batch: what is not reduced yet is whole."""
        if not self.defers:
            return super()._sharded_gradients(trained, up_to)
        whole = self._unreduced(self.q.trained - trained)
        if not self.on_gpu:
            return whole
        return (*whole, states.gradients(T=trained, B=self.gradient_size, N=self.ranks))

    def _layers(self, resident: Bundle) -> list[Moment]:
        moments = super()._layers(resident)
        if self.defers:
            for stop in self.q.stops:
                moments += self._not_reduced(stop, resident)
        return moments

    def _not_reduced(self, stop: Stop, resident: Bundle) -> list[Moment]:
        around = Bundle(
            resident,
            *self._before_the_last(stop.trained_after),
            *self._ends_in_backward(),
            self._gathered_in_layer(stop),
        )
        label = f"layer {stop.position}, not reduced"
        return [Moment("backward", label, (around, m.terms)) for m in self.step.inside(stop)]

    def _end(self, resident: Bundle) -> list[Moment]:
        moments = super()._end(resident)
        if self.defers and self.full:
            q = self.q
            waiting = self._before_the_last(q.trained - q.root_trained)
            twice = states.embedding_gradient(k=3, E=q.embedding, B=self.gathered)
            parts: tuple[Part, ...] = (resident, *waiting, self._root, twice)
            moments.append(Moment("backward", "embedding, not reduced", parts))
        return moments


class _SeparateEnds(_Accelerated):
    """An untied model: the embedding is a group like a layer; final norm and head are the tail,
    which stays gathered from the end of forward to its own backward. Towers are all that the root
    itself has: gathered throughout, and the last to be reduced.
    """

    def __init__(
        self, job: Job, strategy: Strategy, q: ModelQuantities, step: StepActivations
    ) -> None:
        super().__init__(job, strategy, q, step)
        self.embedding = buffers.gathered_root(R=q.embedding, a=self.gathered)
        self.tail = buffers.gathered_root(R=q.root - q.embedding - q.towers, a=self.gathered)
        root = (buffers.gathered_root(R=q.towers, a=self.gathered),) * bool(q.towers)
        self.kept: tuple[Term, ...] = root if strategy.regathers else (self.embedding, *root)
        self.tail_trained = q.root_trained and q.root_trained - q.embedding - q.towers_trained

    def _ends_at_start(self) -> tuple[Part, ...]:
        return (self.embedding, *self.kept)

    def _ends_in_forward(self) -> tuple[Part, ...]:
        return self.kept

    def _ends_in_backward(self) -> tuple[Part, ...]:
        return self.kept

    def _gathered_at_loss(self) -> tuple[Part, ...]:
        """The tail and its all-gather's output."""
        return (self.tail, self.tail, *self.kept, *self._kept_layers())

    def _gathered_at_loss_backward(self) -> tuple[Part, ...]:
        return (self.tail, *self.kept, *self._kept_layers())

    def _sharded_gradients(self, trained: int, up_to: Sequence[int]) -> tuple[Term, ...]:
        """The tail's are the first to be reduced."""
        return super()._sharded_gradients(trained + self.tail_trained, up_to)

    def _gathered_in_layer(self, stop: Stop) -> Bundle:
        return Bundle(super()._gathered_in_layer(stop), *self._prefetched(stop))

    def _gathered_after(self, stop: Stop) -> tuple[Part, ...]:
        return (*super()._gathered_after(stop), *self._prefetched(stop))

    def _prefetched(self, stop: Stop) -> tuple[Term, ...]:
        """The embedding is what the first layer's backward prefetches."""
        return (self.embedding,) if stop.is_first_of_model and self.strategy.regathers else ()

    def _pending(self, stop: Stop) -> tuple[Term, ...]:
        """Behind the last layer is the tail."""
        if stop.trained_after or not self.tail_trained:
            return super()._pending(stop)
        return (buffers.reduce_scatter_input(w=self.tail_trained, b=self.reduction),)

    def _end(self, resident: Bundle) -> list[Moment]:
        if not self.full:
            return []
        q = self.q
        none = [0] * len(q.kinds)
        behind: tuple[Part, ...] = (
            resident,
            *self._sharded_gradients(q.trained - q.root_trained, none),
        )
        gradient = states.embedding_gradient(k=1, E=q.embedding, B=self.gathered)
        parts = (*behind, self.embedding, gradient, *self._reduced(self._first_kind))
        moments = [
            Moment("backward", "embedding", parts),
            *self._reductions("embedding reduction", behind, q.embedding),
            *self._tail(resident),
        ]
        if q.towers_trained:
            reduced = q.trained - q.towers_trained - self.tail_trained
            behind = (resident, *self._sharded_gradients(reduced, none))
            moments += self._reductions("towers reduction", behind, q.towers_trained)
        if self.defers:
            waiting = self._before_the_last(q.trained - q.embedding)
            unreduced: tuple[Part, ...] = (resident, *waiting, self.embedding, gradient)
            moments.append(Moment("backward", "embedding, not reduced", unreduced))
        return moments

    def _tail(self, resident: Bundle) -> list[Moment]:
        """The head's gradient is reduced while the last layer is prefetched."""
        step, q = self.step, self.q
        prefetched = (self._layer(1, self._last_kind),) if self.strategy.regathers else ()
        alive: tuple[Part, ...] = (
            resident,
            *(self._unreduced(q.trained - self.tail_trained) if self.defers else ()),
            *(self._accumulated if self.accumulating else ()),
            *self.kept,
            *prefetched,
            *self._kept_layers(),
            step.all_kept,
            step.layer_input,
        )
        return self._reductions("tail reduction", alive, self.tail_trained)

    def _reductions(self, label: str, behind: tuple[Part, ...], elements: int) -> list[Moment]:
        """A group's gradients beside the flat input of their reduction; that and its output."""
        flat = buffers.reduce_scatter_input(w=elements, b=self.reduction)
        whole = buffers.root_gradients(R=elements, a=self.gathered)
        made = buffers.reduce_scatter_output(w=elements, b=self.reduction, N=self.ranks)
        return [
            Moment("backward", label, (*behind, whole, flat)),
            Moment("backward", f"{label}, output", (*behind, flat, made)),
        ]
