"""The reference of formulas, made by running the engine: nothing in it is typed a second time.

Which strategies allocate something, in which phases and moments, is observed over every measured
run and over a grid of jobs that turns one knob at a time. The grid has every kind of model of the
catalogue; a test holds random jobs against it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from inspect import getdoc, getmembers, isfunction
from itertools import chain
from typing import NamedTuple, get_args

from app.catalog import Catalog
from app.domain.estimate import Evaluator
from app.domain.formulas import overhead, reserved
from app.domain.formulas.registry import FORMULAS, Formula, Group, Term
from app.domain.formulas.symbols import meaning
from app.domain.frameworks import ENGINES, FRAMEWORKS
from app.domain.job import PHASES, Job, Moment, Phase
from app.domain.limits import unsupported
from app.domain.strategies import STRATEGIES, Strategy
from app.domain.version import ENGINE_VERSION
from app.schemas.formulas import (
    AliveIn,
    Appearance,
    Example,
    FormulaDocument,
    FormulaList,
    Overhead,
    Symbol,
)
from app.services.evidence import Comparison, measured_comparisons
from app.services.formula_grid import base_job, grid

_IN_LAYER = "a layer, "
LAYERS = "layers"


@dataclass
class _Alive:
    """When something is alive in a phase; `throughout`: at every moment of every step seen."""

    moments: set[str] = field(default_factory=set)
    throughout: bool = True


@dataclass
class _Seen:
    """What was observed of one formula: runs that contain it, and when, by strategy and phase."""

    runs: int = 0
    places: dict[str, dict[Phase, _Alive]] = field(default_factory=dict)
    example: Example | None = None


@lru_cache(maxsize=1)
def formula_reference(catalog: Catalog) -> FormulaList:
    """Every formula, with what was observed of it; computed once for a catalogue."""
    comparisons = measured_comparisons(catalog)
    seen = {name: _Seen() for name in FORMULAS}
    for step in chain(_from_grid(catalog), _from_runs(comparisons)):
        _observe(seen, step)
    return FormulaList(
        engine_version=ENGINE_VERSION,
        base_job=base_job(catalog),
        measured_runs=len(comparisons),
        items=[_document(f, seen[f.name]) for f in sorted(FORMULAS.values(), key=_place)],
        reserved=[
            _said(f)
            for _, f in getmembers(reserved, isfunction)
            if f.__module__ == reserved.__name__
        ],
        overheads=list(_overheads()),
        overhead_basis=_said(overhead),
    )


# A group's own module comes first, what a framework's buffers add to it after.
_MODULES = ("states", "activations", "loss", "buffers")


def _place(formula: Formula) -> tuple[int, int]:
    """Where a formula stands in the reference; those of a module keep its order."""
    module = formula.function.__module__.rpartition(".")[2]
    known = module in _MODULES
    at = _MODULES.index(module) if known else len(_MODULES)
    return get_args(Group).index(formula.group), at


def _overheads() -> Iterator[Overhead]:
    for name, engine in ENGINES.items():
        yield Overhead(
            strategies=[s.id for s in STRATEGIES.values() if s.engine == name],
            context_bytes=overhead.CONTEXT,
            libraries_bytes=engine.libraries,
            nccl_bytes=engine.nccl,
            host_bytes=engine.host_process,
        )


def _said(thing: object) -> str:
    """A docstring as one paragraph."""
    return " ".join((getdoc(thing) or "").split())


@lru_cache(maxsize=1)
def _ids() -> dict[tuple[str, str], str]:
    return {(formula.label, formula.equation): name for name, formula in FORMULAS.items()}


def formula_id(name: str, equation: str) -> str:
    """The id of the formula that a component shows; "" where the engine has no such one now."""
    return _ids().get((name, equation), "")


def moment_name(label: str) -> str:
    """A moment without the layer's number: "layer 31, MLP" is any layer's."""
    return re.sub(r"^layer \d+, ", _IN_LAYER, label)


class _Observation(NamedTuple):
    """One step: what is alive at each of its moments. `changes` is None for measured runs."""

    job: Job
    strategy: Strategy
    moments: list[tuple[Moment, tuple[Term, ...]]]
    changes: str | None


def _observation(
    job: Job, strategy: Strategy, moments: Iterable[Moment], changes: str | None
) -> _Observation:
    alive = [(m, tuple(term for term in m.terms if term.bytes)) for m in moments]
    return _Observation(job, strategy, alive, changes)


def _from_grid(catalog: Catalog) -> Iterator[_Observation]:
    strategies = sorted(STRATEGIES.values(), key=_divides_least)
    for job, changes in grid(catalog):
        evaluator = Evaluator(job)
        for strategy in strategies:
            if unsupported(job, strategy) is None:
                moments = evaluator.timeline(strategy).moments
                yield _observation(job, strategy, moments, changes)


def _divides_least(strategy: Strategy) -> tuple[bool, bool, bool]:
    """Examples are taken from common strategies that shard everything on the GPU first."""
    return not strategy.common, strategy.offload != "none", strategy.shard_parameters == "none"


def _from_runs(comparisons: Iterable[Comparison]) -> Iterator[_Observation]:
    for c in comparisons:
        moments = (load.moment for load in c.usage.loads)
        yield _observation(c.job, c.strategy, moments, None)


def _observe(seen: dict[str, _Seen], step: _Observation) -> None:
    """Note where each formula allocates in one step."""
    existing: dict[Phase, set[str]] = {}
    places: dict[str, dict[Phase, set[str]]] = {}
    largest: dict[str, tuple[Term, Moment]] = {}
    for moment, terms in step.moments:
        label = moment_name(moment.label)
        existing.setdefault(moment.phase, set()).add(label)
        for term in terms:
            name = term.formula.name
            places.setdefault(name, {}).setdefault(moment.phase, set()).add(label)
            if name not in largest or term.bytes > largest[name][0].bytes:
                largest[name] = (term, moment)
    for name, phases in places.items():
        found = seen[name]
        found.runs += step.changes is None
        # The grid comes first: a run is the example of what no model of the catalogue shows.
        if found.example is None:
            found.example = _example(step, *largest[name])
        noted = found.places.setdefault(step.strategy.id, {})
        for phase, labels in phases.items():
            alive = noted.setdefault(phase, _Alive())
            alive.throughout &= labels == existing[phase]
            alive.moments |= _with_layers(labels, existing[phase])


# A bucket fills in one layer of several.
_IN_SOME_LAYER = {f"{_IN_LAYER}bucket reduced"}


def _with_layers(labels: set[str], existing: set[str]) -> set[str]:
    """The moments, and `LAYERS` where all of those that every layer has are among them."""
    inside = {label for label in existing if label.startswith(_IN_LAYER)} - _IN_SOME_LAYER
    return labels | {LAYERS} if inside and inside <= labels else labels


def _example(step: _Observation, term: Term, moment: Moment) -> Example:
    return Example(
        model=step.job.spec.name,
        strategy=step.strategy.id,
        job=step.changes or "",
        phase=moment.phase,
        moment=moment.label,
        values=term.values,
        bytes=term.bytes,
    )


def _document(formula: Formula, seen: _Seen) -> FormulaDocument:
    return FormulaDocument(
        id=formula.name,
        name=formula.label,
        group=formula.group,
        description=_said(formula.function),
        equation=formula.equation,
        unit="bytes",
        symbols=[Symbol(symbol, meaning(formula, symbol)) for symbol in formula.symbols],
        source=formula.source,
        source_url=formula.url,
        kind=formula.kind,
        measured_runs=seen.runs,
        appearances=list(_appearances(seen)),
        example=seen.example,
    )


def _appearances(seen: _Seen) -> Iterator[Appearance]:
    for framework in FRAMEWORKS.values():
        strategies = [
            s.id for s in STRATEGIES.values() if s.framework == framework.id and s.id in seen.places
        ]
        if strategies:
            yield Appearance(framework.id, strategies, list(_phases(seen, strategies)))


def _phases(seen: _Seen, strategies: list[str]) -> Iterator[AliveIn]:
    for phase in PHASES:
        places = [seen.places[s][phase] for s in strategies if phase in seen.places[s]]
        if places:
            yield AliveIn(phase, _moments(places))


def _moments(places: list[_Alive]) -> list[str]:
    """The moments to name, in the order of a step; none where it is alive throughout."""
    if all(place.throughout for place in places):
        return []
    moments = set().union(*(place.moments for place in places))
    if LAYERS in moments:
        moments = {moment for moment in moments if not moment.startswith(_IN_LAYER)}
    return sorted(moments, key=_in_step)


def _in_step(moment: str) -> tuple[int, str]:
    """Gathering comes first, the loss before the layers, what ends backward last."""
    order = ("start", "first", "last layer", "loss", LAYERS, _IN_LAYER, "embedding", "")
    return next(place for place, start in enumerate(order) if moment.startswith(start)), moment
