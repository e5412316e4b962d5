"""How the frameworks differ, what is often asked of them, and what we cannot plan: with sources."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from typing import Annotated

from pydantic import Field, TypeAdapter

from app.catalog.claims import Source
from app.catalog.records import Record, Text
from app.domain.frameworks import FRAMEWORKS

Sources = Annotated[tuple[Text, ...], Field(min_length=1)]


class Cell(Record):
    """One framework under one aspect: in a few words, and in a sentence."""

    short: Text
    text: Text


class Aspect(Record):
    """One line of the comparison; `cells` by framework id, one for each."""

    id: Annotated[str, Field(pattern=r"^[a-z_]+$")]
    title: Text
    cells: dict[str, Cell]
    sources: Sources


class Question(Record):
    id: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")]
    question: Text
    answer: Text
    sources: Sources


class Gap(Record):
    """Something that people do and we do not plan, and what to do instead."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")]
    title: Text
    text: Text
    instead: Text
    sources: Sources


class FrameworkComparison(Record):
    sources: dict[str, Source]
    aspects: tuple[Aspect, ...]
    questions: tuple[Question, ...]
    gaps: tuple[Gap, ...]


_COMPARISON: TypeAdapter[FrameworkComparison] = TypeAdapter(FrameworkComparison)


@lru_cache(maxsize=1)
def load_framework_comparison() -> FrameworkComparison:
    """The comparison.

    Raises:
        ValueError: an aspect that does not speak of each framework, or a source that is not there.
    """
    path = files("app.catalog") / "data" / "framework_comparison.json"
    found = _COMPARISON.validate_json(path.read_bytes())
    for aspect in found.aspects:
        if aspect.cells.keys() != FRAMEWORKS.keys():
            raise ValueError(f"{aspect.id} speaks of {sorted(aspect.cells)}")
    parts: tuple[Aspect | Question | Gap, ...] = (*found.aspects, *found.questions, *found.gaps)
    cited = {name for part in parts for name in part.sources}
    if cited != found.sources.keys():
        raise ValueError(f"sources cited or listed only: {sorted(cited ^ found.sources.keys())}")
    return found
