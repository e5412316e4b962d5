"""How it is calculated: every formula with its evidence, and what the common rule leaves out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.catalog import Catalog
from app.domain.frameworks import FRAMEWORKS
from app.domain.strategies import STRATEGIES
from app.domain.units import MIB
from app.http.dependencies import ServicesDep
from app.schemas.formulas import (
    AliveIn,
    Appearance,
    Example,
    FormulaDocument,
    FormulaList,
    Overhead,
)
from app.services.formula_reference import formula_reference
from app.services.left_out import left_out
from app.web.bars import GROUPS
from app.web.rendering import is_fragment_request, render

router = APIRouter(include_in_schema=False)

PHASES = {
    "setup": "setup",
    "forward": "forward",
    "backward": "backward",
    "step": "optimizer step",
    "resident": "between steps",
}


@dataclass(frozen=True)
class Place:
    """Where one framework allocates something: strategies, and phases with their moments."""

    framework: str
    strategies: str
    phases: str


@dataclass(frozen=True)
class Entry:
    """A formula as the page and the document print it."""

    formula: FormulaDocument
    places: tuple[Place, ...]
    evidence: str
    example: str
    searched: str


@dataclass(frozen=True)
class Section:
    """The formulas of one of the chart's groups."""

    group: str
    title: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class OverheadRow:
    """What some strategies need outside the allocator: context, libraries, NCCL, host; MiB."""

    strategies: str
    mebibytes: tuple[int, ...]


@router.get("/formulas")
def formulas(request: Request, services: ServicesDep, q: str = "") -> Response:
    """Every formula that a search finds, and the comparison with the rule of thumb."""
    reference = formula_reference(services.catalog)
    found = search(sections(services.catalog), q[:200])
    context = {
        "q": q,
        "reference": reference,
        "sections": found,
        "count": sum(len(section.entries) for section in found),
        "left_out": left_out(services.catalog),
        "overheads": overhead_rows(reference),
        "phases": PHASES,
    }
    blocks = ["results"] if is_fragment_request(request) else []
    return render(request, "formulas/page.html", context, blocks=blocks)


@lru_cache(maxsize=1)
def sections(catalog: Catalog) -> tuple[Section, ...]:
    """All formulas by group, in the order of the chart."""
    reference = formula_reference(catalog)
    return tuple(
        Section(
            group,
            title,
            tuple(
                _entry(item, title, reference.measured_runs)
                for item in reference.items
                if item.group == group
            ),
        )
        for group, title in GROUPS
    )


def search(all_sections: tuple[Section, ...], text: str) -> list[Section]:
    """The sections with the entries that hold every word of the text."""
    words = text.casefold().split()
    found = (
        Section(
            section.group,
            section.title,
            tuple(e for e in section.entries if all(word in e.searched for word in words)),
        )
        for section in all_sections
    )
    return [section for section in found if section.entries]


def _entry(item: FormulaDocument, group: str, runs: int) -> Entry:
    places = tuple(_place(appearance) for appearance in item.appearances)
    contained = f"in {item.measured_runs or 'none'} of {runs} measured runs"
    words = [item.id, item.name, group, item.description, item.equation, item.source, item.kind]
    words += [text for place in places for text in (place.framework, place.strategies)]
    words += [name for appearance in item.appearances for name in appearance.strategies]
    return Entry(
        formula=item,
        places=places,
        evidence=f"{item.kind.capitalize()}; {contained}",
        example=_example(item.example),
        searched=" ".join(words).casefold(),
    )


def _place(appearance: Appearance) -> Place:
    return Place(
        framework=FRAMEWORKS[appearance.framework].title,
        strategies=_titles(appearance.strategies),
        phases=_phases(appearance.phases),
    )


def overhead_rows(reference: FormulaList) -> list[OverheadRow]:
    """What lies outside the allocator, by strategy."""
    return [_overhead(row) for row in reference.overheads]


def _overhead(row: Overhead) -> OverheadRow:
    amounts = (row.context_bytes, row.libraries_bytes, row.nccl_bytes, row.host_bytes)
    return OverheadRow(_titles(row.strategies), tuple(round(amount / MIB) for amount in amounts))


def _titles(strategies: list[str]) -> str:
    return "; ".join(STRATEGIES[strategy].title for strategy in strategies)


def _phases(phases: list[AliveIn]) -> str:
    if len(phases) == len(PHASES) and not any(alive.moments for alive in phases):
        return "at all times"
    return ", ".join(map(_alive, phases))


def _alive(alive: AliveIn) -> str:
    """A phase, with the moments of it where it is not alive throughout: backward (loss; layers)."""
    moments = f" ({'; '.join(alive.moments)})" if alive.moments else ""
    return PHASES[alive.phase] + moments


def _example(example: Example | None) -> str:
    """Of which job, and of which moment in it."""
    if example is None:
        return ""
    changes = f", {example.job}" if example.job else ""
    moment = ", ".join(dict.fromkeys((PHASES[example.phase], example.moment)))
    return f"{example.model} under {STRATEGIES[example.strategy].title}{changes}: {moment}"
