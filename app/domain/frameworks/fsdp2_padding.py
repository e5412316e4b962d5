"""The rows that FSDP2 pads each tensor with, as terms; none where every tensor divides evenly."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from app.domain.formulas import padding
from app.domain.formulas.registry import Term
from app.domain.job import Job
from app.domain.optimizers import OPTIMIZERS
from app.domain.quantities import ModelQuantities
from app.domain.rows import missing
from app.domain.units import Integer


class Padding:
    """Missing elements of one model over `ranks`: of each kind of layer, and of the root.

    `layers` and `root` pad what is gathered, `trained` and `root_trained` what has gradients.
    """

    def __init__(self, q: ModelQuantities, ranks: Integer) -> None:
        self.ranks = ranks
        self.layers = [missing(kind.rows, ranks) for kind in q.kinds]
        self.trained = [missing(kind.trained_rows, ranks) for kind in q.kinds]
        self.root = missing(q.root_rows, ranks)
        self.root_trained = missing(q.root_trained_rows, ranks)
        self._counts = tuple(kind.count for kind in q.kinds)

    def of_layers(self, counts: Sequence[int]) -> Integer:
        """What pads so many layers of each kind when they are gathered."""
        return sum(n * p for n, p in zip(counts, self.layers, strict=True))

    def of_gradients(self, up_to: Sequence[int]) -> Integer:
        """What pads the gradients of the layers behind the first `up_to` of each kind."""
        behind = (count - n for count, n in zip(self._counts, up_to, strict=True))
        return sum(n * p for n, p in zip(behind, self.trained, strict=True))

    @cached_property
    def all_trained(self) -> Integer:
        """What pads everything that has a gradient."""
        return self.of_gradients((0,) * len(self._counts)) + self.root_trained

    def weights(self, size: int) -> tuple[Term, ...]:
        """In the shards at rest."""
        p = self.of_layers(self._counts) + self.root
        return _if_any(padding.padded_weights(p=p, B=size, N=self.ranks))

    def states(self, job: Job, size: int) -> tuple[Term, ...]:
        """In the optimizer's states, `size` bytes an element where it does not say otherwise."""
        optimizer = OPTIMIZERS[job.training.optimizer]
        if optimizer.managed or optimizer.factored:
            return ()
        return self._states(optimizer.states, optimizer.state_bytes or size)

    def step_temporary(self, job: Job, size: int) -> tuple[Term, ...]:
        """In the temporary of the foreach kernel."""
        foreach = job.training.optimizer_kernel == "foreach"
        borrows = foreach and OPTIMIZERS[job.training.optimizer].foreach_temporary
        return self._states(1, size) if borrows else ()

    def _states(self, count: int, size: int) -> tuple[Term, ...]:
        return _if_any(padding.padded_states(k=count, p=self.all_trained, B=size, N=self.ranks))

    def gradients(self, elements: Integer, size: int) -> tuple[Term, ...]:
        """In sharded gradients."""
        return _if_any(padding.padded_gradients(p=elements, B=size, N=self.ranks))

    def gathered(self, copies: int, elements: Integer, size: int) -> tuple[Term, ...]:
        """In so many gathered copies."""
        return _if_any(padding.padded_gather(k=copies, p=elements, a=size))

    def reduced(self, elements: Integer, size: int, ranks: Integer = 1) -> tuple[Term, ...]:
        """In the input of a reduce-scatter, or over `ranks` in its output."""
        return _if_any(padding.padded_reduction(p=elements, b=size, N=ranks))


def _if_any(term: Term) -> tuple[Term, ...]:
    return (term,) if isinstance(term.bytes, np.ndarray) or term.bytes else ()
