"""One part of what a layer keeps: a formula and the symbols that depend on the layer alone."""

from __future__ import annotations

from typing import NamedTuple

from app.domain.formulas.registry import Formula, Term
from app.domain.units import Integer


class Ingredient(NamedTuple):
    """A formula with its per-layer symbols. `in_mlp`: freed before attention's backward starts.

    `needs_tokens`: whether it grows with them, as all but copies of weights do.
    """

    formula: Formula
    symbols: dict[str, int]
    needs_sequence: bool = False
    in_mlp: bool = False
    needs_tokens: bool = True

    def term(self, n: Integer, t: Integer, S: Integer) -> Term:
        """Evaluate for n layers and t tokens in sequences of S."""
        if not self.needs_tokens:
            return self.formula(n=n, **self.symbols)
        if self.needs_sequence:
            return self.formula(n=n, t=t, S=S, **self.symbols)
        return self.formula(n=n, t=t, **self.symbols)
