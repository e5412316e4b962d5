"""FSDP1: flat parameters per decoder layer and one for the rest, `use_orig_params=True`.

Source: torch/distributed/fsdp/_flat_param.py and _runtime_utils.py, 2.11.
"""

from __future__ import annotations

from app.domain.formulas import buffers, states
from app.domain.formulas.registry import Bundle, Part, Term
from app.domain.frameworks import fsdp_sizes
from app.domain.frameworks.state import (
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

NUMERICS = fsdp_sizes.NUMERICS
adapter_bytes = fsdp_sizes.adapter_bytes


def root_parameters(job: Job, q: ModelQuantities) -> int:
    """Elements of the flat parameter outside the layers: a head that came untied counts twice."""
    untied = q.tied and not job.options.recipe.keeps_ties
    return q.root + (q.embedding if untied else 0)


def timeline(job: Job, strategy: Strategy, q: ModelQuantities, step: StepActivations) -> Timeline:
    """Like FSDP2 with flat buffers, except that a sharded gradient outlives the step and that
    materialising from the meta device unties the head, where the recipe does not keep it tied.
    """
    return _Fsdp1(job, strategy, q, step).timeline()


class _Fsdp1:
    def __init__(
        self, job: Job, strategy: Strategy, q: ModelQuantities, step: StepActivations
    ) -> None:
        training = job.training
        self.job, self.strategy, self.q, self.step = job, strategy, q, step
        self.full = training.method == "full"
        self.ranks = fsdp_sizes.shard_ranks(job, strategy)
        numerics = NUMERICS[training.precision]
        adapter = adapter_bytes(job)
        self.size = numerics.weights if self.full else adapter
        self.gathered = numerics.gathered if self.full else adapter
        self.gradient_size = numerics.gradients if self.full else adapter
        self.recipe = job.options.recipe
        self.root = root_parameters(job, q)
        self.trained_layers = sum(kind.count * kind.trained for kind in q.kinds)
        self.trained = self.trained_layers + (self.root if self.full else 0)
        # A flat parameter has a gradient whole; the optimizer sees the trained parameters of it.
        self.optimised = self.trained - (q.towers - q.towers_trained if self.full else 0)
        accumulating = training.gradient_accumulation_steps > 1
        self.defers = accumulating and self.recipe.defers_reduction
        self.accumulates = accumulating and not self.defers

    def timeline(self) -> Timeline:
        q, step = self.q, self.step
        weights = self._weights()
        optimizer = self._scaled_states()
        base = Bundle(*weights, *optimizer, *workspace_terms(self.job))
        kept = states.gradients(T=self.trained, B=self.gradient_size, N=self.ranks)
        resident = Bundle(base, kept)
        start = resident if self.accumulates else base
        waiting = self._unreduced(self.trained) if self.defers else ()
        gathered = (buffers.gathered_root(R=self.root, a=self.gathered), *self._held())
        prefetched = (
            (buffers.gathered_layers(k=1, w=q.last_layer, a=self.gathered),)
            if self.strategy.regathers and not self.recipe.no_backward_prefetch
            else ()
        )
        temporary = step_temporary_terms(
            self.job,
            q,
            self.size,
            self.ranks,
            foreach=self.job.training.optimizer_kernel == "foreach",
            flat=True,
            trained=self.optimised,
        )
        moments = [
            Moment("setup", "model wrapped", (*weights, *self._loaded())),
            Moment("resident", "between steps", (resident,)),
            Moment("forward", "start", (resident,)),
            Moment(
                "forward",
                "loss",
                (start, *waiting, *gathered, step.all_kept, step.loss.forward),
            ),
            Moment(
                "backward",
                "loss",
                (start, *waiting, *gathered, *prefetched, step.all_kept, step.loss.backward),
            ),
            Moment("step", "optimizer", (resident, *temporary)),
        ]
        for stop in q.stops:
            moments += self._layer(start, stop)
        if self.full:
            moments.append(self._root_reduction(base, kept if self.accumulates else None))
        if self.full and self.defers:
            waiting = self._unreduced(self._before_the_last(self.trained_layers))
            gradients = buffers.root_gradients(R=self.root, a=self.gathered)
            moments.append(Moment("backward", "root, not reduced", (base, *waiting, gradients)))
        return Timeline(moments, 0, 0, 0, [])

    def _weights(self) -> tuple[Term, ...]:
        if not self.full:
            return weight_terms(self.job, self.q, self.size, self.size, self.ranks)
        return (states.weights(P=self.trained, B=self.size, N=self.ranks),)

    def _loaded(self) -> tuple[Term, ...]:
        """The 16-bit shards that the fp32 ones were cast from, until the first step."""
        if not (self.recipe.upcasts_shards and self.full and self.gathered < self.size):
            return ()
        return (states.weights(P=self.trained, B=self.gathered, N=self.ranks),)

    def _unreduced(self, parameters: Integer) -> tuple[Term, ...]:
        """Whole gradients of the micro-batches before, where only the last one reduces."""
        return (states.unreduced_gradients(T=parameters, B=self.gathered),)

    def _scaled_states(self) -> tuple[Term, ...]:
        return optimizer_state_terms(
            self.job, self.q, self.size, self.ranks, flat=True, trained=self.optimised
        )

    def _held(self) -> tuple[Term, ...]:
        if self.strategy.regathers:
            return ()
        return (buffers.gathered_model(P=self.q.gathered_layers, a=self.gathered),)

    def _gathered_at(self, stop: Stop, *, freed: bool) -> tuple[Term, ...]:
        """Layers gathered at a stop; its own is `freed` before its gradients are reduced."""
        own = self.q.kinds[stop.kind].gathered
        if not self.strategy.regathers:
            alive = sum(k.gathered * n for k, n in zip(self.q.kinds, stop.up_to, strict=True))
            return (buffers.gathered_model(P=alive - own * freed, a=self.gathered),)
        alone = stop.is_first_of_model or self.recipe.no_backward_prefetch
        copies = (not alone) + (not freed)
        return (buffers.gathered_layers(k=copies, w=own, a=self.gathered),)

    def _layer(self, start: Bundle, stop: Stop) -> list[Moment]:
        kind = self.q.kinds[stop.kind]
        head: tuple[Term, ...] = ()
        if self.full:
            head = (states.head_gradient(E=self.q.embedding, B=self.gathered),)
        after = stop.trained_after
        around = Bundle(start, buffers.gathered_root(R=self.root, a=self.gathered), *head)
        base = Bundle(
            around,
            states.gradients(T=after, B=self.gradient_size, N=self.ranks),
            *(self._unreduced(self.trained - after) if self.defers else ()),
        )
        running = Bundle(base, *self._gathered_at(stop, freed=False))
        *inside, end = self.step.inside(stop)
        moments = [
            Moment("backward", f"layer {stop.position}, {m.label}", (running, m.terms))
            for m in inside
        ]
        reduced: tuple[Part, ...] = (
            base,
            *self._gathered_at(stop, freed=True),
            *self._flat_reduction(kind.trained),
            end.terms,
        )
        moments.append(Moment("backward", f"layer {stop.position}, reduction", reduced))
        if self.defers:
            waiting = self._unreduced(self._before_the_last(after))
            gathered = self._gathered_at(stop, freed=False)
            label = f"layer {stop.position}, not reduced"
            moments += [
                Moment("backward", label, (around, *waiting, *gathered, m.terms)) for m in inside
            ]
        return moments

    def _before_the_last(self, made: Integer) -> Integer:
        """Gradients that a micro-batch before the last finds, `made` of them its own.

        With two micro-batches the first finds none.
        """
        return made if self.job.training.gradient_accumulation_steps == 2 else self.trained

    @property
    def _reduced_in(self) -> int:
        """Bytes per element of a reduced gradient."""
        if self.full:
            return fsdp_sizes.reduction_bytes(self.job)
        return self.gradient_size

    def _flat_reduction(self, parameters: Integer) -> tuple[Term, ...]:
        return (
            buffers.reduce_scatter_input(w=parameters, b=self._reduced_in),
            buffers.reduce_scatter_output(w=parameters, b=self._reduced_in, N=self.ranks),
        )

    def _root_reduction(self, base: Bundle, kept: Term | None) -> Moment:
        layers = states.gradients(T=self.trained_layers, B=self.gradient_size, N=self.ranks)
        return Moment(
            "backward",
            "root reduction",
            (
                base,
                kept or layers,
                buffers.root_gradients(R=self.root, a=self.gathered),
                *self._flat_reduction(self.root),
            ),
        )
