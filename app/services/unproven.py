"""What is not derived: formulas that are fitted or assumed, and the measured runs behind them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Sequence

from app.domain.formulas import reserved
from app.domain.formulas.registry import FORMULAS
from app.domain.units import Integer
from app.schemas.accuracy import Unproven
from app.services.evidence import Comparison

# What the caching allocator holds beyond the peak, by engine and where the optimizer is.
_RESERVED: dict[tuple[str, bool], tuple[str, Callable[..., Integer]]] = {
    ("ddp", False): ("DDP and one GPU", reserved.reserved_replicated),
    ("fsdp2", False): ("FSDP2", reserved.reserved_fsdp2),
    ("fsdp2", True): ("FSDP2 with CPU offload", reserved.reserved_fsdp2),
    ("fsdp1", False): ("FSDP1", reserved.reserved_fsdp1),
    ("zero12", False): ("ZeRO-1 and ZeRO-2", reserved.reserved_zero12),
    ("zero12", True): ("ZeRO-2 with offload", reserved.reserved_zero2_offload),
    ("zero3", False): ("ZeRO-3", reserved.reserved_zero3),
    ("zero3", True): ("ZeRO-3 with offload", reserved.reserved_zero3_offload),
}


def unproven(comparisons: Sequence[Comparison]) -> list[Unproven]:
    """Every formula that is not derived, with the runs that it was fitted on or that contain it."""
    return [*_formulas(comparisons), *_reserved(comparisons)]


def _formulas(comparisons: Sequence[Comparison]) -> Iterator[Unproven]:
    runs: dict[str, list[str]] = {
        name: [] for name, formula in FORMULAS.items() if formula.kind != "derived"
    }
    for c in comparisons:
        terms = (term for load in c.usage.loads for term in load.moment.terms if term.bytes)
        for name in {term.formula.name for term in terms} & runs.keys():
            runs[name].append(c.run_id)
    for name, containing in runs.items():
        formula = FORMULAS[name]
        yield Unproven(
            name=formula.label,
            equation=formula.equation,
            kind="fitted" if formula.kind == "fitted" else "assumed",
            source=formula.source,
            source_url=formula.url,
            runs=containing,
        )


def _reserved(comparisons: Sequence[Comparison]) -> Iterator[Unproven]:
    for (engine, offloads), (title, function) in _RESERVED.items():
        text = " ".join((inspect.getdoc(function) or "").split())
        equation, source = re.split(r"[:.] ", text, maxsplit=1)
        yield Unproven(
            name=f"Reserved by the allocator, {title}",
            equation=equation,
            kind="fitted",
            source=source[:1].upper() + source[1:],
            source_url="",
            runs=[
                c.run_id
                for c in comparisons
                if c.strategy.engine == engine and (c.strategy.optimizer_on != "gpu") == offloads
            ],
        )
