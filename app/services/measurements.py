"""Measured runs from outside: a file or a list of them, made into runs that can be compared.

The format is that of `app/catalog/data/measured_runs.jsonl`, which `benchmarks/measure` writes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.catalog.measured import MeasuredRun
from app.domain.errors import FieldError, InvalidInput
from app.domain.limits import unsupported
from app.schemas.estimates import EstimateRequest
from app.services.evidence import Comparison, compare
from app.services.json_lines import each, numbered_lines, read_document, validated
from app.services.pointers import moved_pointers
from app.services.resolving import Resolver, chosen_strategies

MAX_RUNS = 500


@dataclass(frozen=True)
class GivenRun:
    """A run, and the JSON pointer of the place where it was given, such as `/lines/7`."""

    pointer: str
    run: MeasuredRun


def runs_of_lines(text: str) -> list[GivenRun]:
    """The runs of a JSON Lines text.

    Raises:
        InvalidInput: it is too long, has no run or too many, or has bad lines; of these the first
            bad fields are named, each under `/lines/<number>`.
    """
    lines = list(numbered_lines(text))
    _check_count(len(lines), "")
    runs = each(lines, lambda line: validated(MeasuredRun, read_document(line)))
    return [GivenRun(pointer, run) for (pointer, _), run in zip(lines, runs, strict=True)]


def runs_of_documents(documents: Sequence[object], base: str = "/runs") -> list[GivenRun]:
    """The runs of documents that were read already; the first is at `<base>/0`.

    Raises:
        InvalidInput: as `runs_of_lines` does.
    """
    _check_count(len(documents), base)
    placed = [(f"{base}/{number}", document) for number, document in enumerate(documents)]
    runs = each(placed, lambda document: validated(MeasuredRun, document))
    return [GivenRun(pointer, run) for (pointer, _), run in zip(placed, runs, strict=True)]


def compare_given(given: Iterable[GivenRun], resolver: Resolver) -> list[Comparison]:
    """Evaluate given runs with the engine as it is now.

    Raises:
        InvalidInput: a run's request has no answer; each field under its run's pointer.
    """
    return each(((g.pointer, g.run) for g in given), lambda run: _compare(run, resolver))


def _check_count(count: int, pointer: str) -> None:
    if count == 0:
        raise InvalidInput(FieldError(pointer, "Give at least one measured run."))
    if count > MAX_RUNS:
        raise InvalidInput(FieldError(pointer, f"Give at most {MAX_RUNS} runs at a time."))


def _compare(run: MeasuredRun, resolver: Resolver) -> Comparison:
    with moved_pointers({"": "/request"}):
        check_one_job(validated(EstimateRequest, run.request), resolver)
        (comparison,) = compare([run], resolver)
    return comparison


def check_one_job(request: EstimateRequest, resolver: Resolver) -> None:
    """Refuses a request that does not describe one job under one strategy that can run it.

    Raises:
        InvalidInput: see there; the pointers are into the request.
    """
    strategies = chosen_strategies(request.strategies)
    if len(strategies) != 1:
        raise InvalidInput(FieldError("/strategies", "Name the one strategy that was run."))
    reason = unsupported(resolver.job(request), strategies[0])
    if reason is not None:
        raise InvalidInput(FieldError("/strategies/0", reason))
