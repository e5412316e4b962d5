"""What `GET /api/v1/frameworks` says beside the list: the comparison, questions and gaps."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class ComparisonSource:
    """A source by its id; `published` is a day, a month or a year."""

    id: str
    title: str
    by: str
    url: str
    published: str


@dataclass(slots=True)
class ComparisonCell:
    """One framework under one aspect: in a few words, and in a sentence."""

    framework: str
    short: str
    text: str


@dataclass(slots=True)
class ComparisonAspect:
    """One line of the comparison, a cell for each framework; `sources` are ids."""

    id: str
    title: str
    cells: list[ComparisonCell]
    sources: list[str]


@dataclass(slots=True)
class ComparisonQuestion:
    id: str
    question: str
    answer: str
    sources: list[str]


@dataclass(slots=True)
class ComparisonGap:
    """What cannot be planned yet, and what to ask for instead."""

    id: str
    title: str
    text: str
    instead: str
    sources: list[str]


@dataclass(slots=True)
class Comparison:
    aspects: list[ComparisonAspect]
    questions: list[ComparisonQuestion]
    gaps: list[ComparisonGap]
    sources: list[ComparisonSource]
