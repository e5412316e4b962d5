"""What a formula is: a small cited function, and the term it contributes to a moment.

`@formula(...)` turns a function of named symbols into a `Formula`. Calling it evaluates the
function and returns a `Term` that remembers the symbols, so that the page can show the equation
with this job's values. Rendering is deferred until somebody asks: a sweep never pays for it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from inspect import signature
from typing import Literal, NamedTuple, TypeAlias

from app.domain.units import Integer

Group = Literal[
    "weights", "gradients", "optimizer_states", "activations", "logits_and_loss", "buffers"
]
Kind = Literal["derived", "fitted", "assumed"]

_SYMBOL = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)")


class Term(NamedTuple):
    """One allocation alive at one moment. `bytes` is per GPU."""

    formula: Formula
    bytes: Integer
    symbols: Mapping[str, Integer]

    @property
    def values(self) -> str:
        """The equation with this job's values in the place of its symbols."""
        return self.formula.with_values(self.symbols)


class Bundle:
    """Allocations alive together, added up once and shared by the moments that contain them.

    `fixed` and `growing` split the bytes into what is constant in the micro-batch and what is
    proportional to it; `assumed` is whether any of them is an unmeasured assumption.
    """

    __slots__ = ("assumed", "fixed", "growing", "parts")

    fixed: Integer
    growing: Integer
    assumed: bool

    def __init__(self, *parts: Part) -> None:
        fixed: Integer = 0
        growing: Integer = 0
        assumed = False
        for part in parts:
            if isinstance(part, Bundle):
                fixed = fixed + part.fixed
                growing = growing + part.growing
                assumed = assumed or part.assumed
                continue
            formula, size, _ = part
            if formula.per_sample:
                growing = growing + size
            else:
                fixed = fixed + size
            assumed = assumed or formula.assumed
        self.parts = parts
        self.fixed = fixed
        self.growing = growing
        self.assumed = assumed

    @property
    def terms(self) -> tuple[Term, ...]:
        """Every allocation, in order."""
        found: list[Term] = []
        for part in self.parts:
            if isinstance(part, Bundle):
                found += part.terms
            else:
                found.append(part)
        return tuple(found)


# What a moment is made of.
Part: TypeAlias = Term | Bundle


class Formula:
    """A named equation with its source. `per_sample`: exactly proportional to the micro-batch."""

    __slots__ = (
        "_pieces",
        "assumed",
        "equation",
        "function",
        "group",
        "kind",
        "label",
        "name",
        "per_sample",
        "source",
        "url",
    )

    def __init__(
        self,
        function: Callable[..., Integer],
        *,
        label: str,
        group: Group,
        equation: str,
        source: str,
        url: str,
        kind: Kind,
        per_sample: bool,
    ) -> None:
        self.function = function
        self.name = function.__name__
        self.label = label
        self.group: Group = group
        self.equation = equation
        self.source = source
        self.url = url
        self.kind: Kind = kind
        self.per_sample = per_sample
        self.assumed = kind == "assumed"
        self._pieces = _SYMBOL.split(equation)

    @property
    def symbols(self) -> tuple[str, ...]:
        """The names that the equation is written in."""
        return tuple(signature(self.function).parameters)

    def __call__(self, **symbols: Integer) -> Term:
        # Thousands of terms make an estimate: skip the named tuple's own, slower constructor.
        return tuple.__new__(Term, (self, self.function(**symbols), symbols))

    def with_values(self, symbols: Mapping[str, Integer]) -> str:
        """`equation` with every symbol replaced by its number."""
        return "".join(
            readable(symbols[piece]) if piece in symbols else piece for piece in self._pieces
        )


FORMULAS: dict[str, Formula] = {}


def formula(
    *,
    label: str,
    group: Group,
    equation: str,
    source: str,
    url: str = "",
    kind: Kind = "derived",
    per_sample: bool = False,
) -> Callable[[Callable[..., Integer]], Formula]:
    """Register a function as a formula; its parameters are the symbols of `equation`."""

    def register(function: Callable[..., Integer]) -> Formula:
        made = Formula(
            function,
            label=label,
            group=group,
            equation=equation,
            source=source,
            url=url,
            kind=kind,
            per_sample=per_sample,
        )
        if made.name in FORMULAS:
            raise ValueError(f"two formulas are called {made.name}")
        FORMULAS[made.name] = made
        return made

    return register


@lru_cache(maxsize=8192)
def readable(number: int) -> str:
    """8,030,261,248 as 8.03e9, and small numbers whole: for equations, not for results."""
    if abs(number) < 1_000_000:
        return f"{number:,}"
    exponent = len(str(abs(number))) - 1
    scale = exponent - exponent % 3
    return f"{number / 10**scale:.4g}e{scale}"
