"""A file of measured runs from outside, one JSON object a line, made into runs to compare.

The format is that of `app/catalog/data/measured_runs.jsonl`, which the harness in
`benchmarks/measure` writes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from app.catalog.measured import MeasuredRun
from app.domain.errors import FieldError, InvalidInput
from app.domain.limits import unsupported
from app.schemas.estimates import EstimateRequest
from app.schemas.json_text import NotJson, read_json
from app.schemas.remedies import document_errors
from app.services.evidence import Comparison, compare
from app.services.pointers import moved_pointers
from app.services.resolving import Resolver, chosen_strategies

MAX_RUNS = 500
MAX_CHARACTERS = 4_000_000
MAX_ERRORS = 20

Given = TypeVar("Given")
Made = TypeVar("Made")
Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class GivenRun:
    """A run, and the JSON pointer of the place where it was given, such as `/lines/7`."""

    pointer: str
    run: MeasuredRun


def runs_of_lines(text: str) -> list[GivenRun]:
    """The runs of a JSON Lines text. Lines are counted from 1, blank ones are skipped.

    Raises:
        InvalidInput: it is too long, has no run or too many, or has bad lines; of these the first
            `MAX_ERRORS` bad fields are named, each under `/lines/<number>`.
    """
    if len(text) > MAX_CHARACTERS:
        limit = f"{MAX_CHARACTERS:,} characters"
        raise InvalidInput(FieldError("", f"Give at most {limit} at a time: split the file."))
    lines = text.removeprefix("\ufeff").split("\n")
    numbered = [(f"/lines/{n}", line) for n, line in enumerate(lines, 1) if line.strip()]
    _check_count(len(numbered), "")
    return _each(numbered, lambda pointer, line: _run(pointer, _read(line)))


def runs_of_documents(documents: Sequence[object], base: str = "/runs") -> list[GivenRun]:
    """The runs of documents that were read already; the first is at `<base>/0`.

    Raises:
        InvalidInput: as `runs_of_lines` does.
    """
    _check_count(len(documents), base)
    return _each([(f"{base}/{n}", document) for n, document in enumerate(documents)], _run)


def compare_given(given: Iterable[GivenRun], resolver: Resolver) -> list[Comparison]:
    """Evaluate given runs with the engine as it is now.

    Raises:
        InvalidInput: a run's request has no answer; each field under its run's pointer.
    """
    return _each([(g.pointer, g.run) for g in given], lambda _, run: _compare(run, resolver))


def _check_count(count: int, pointer: str) -> None:
    if count == 0:
        raise InvalidInput(FieldError(pointer, "Give at least one measured run."))
    if count > MAX_RUNS:
        raise InvalidInput(FieldError(pointer, f"Give at most {MAX_RUNS} runs at a time."))


def _each(given: Iterable[tuple[str, Given]], make: Callable[[str, Given], Made]) -> list[Made]:
    """What is made of each; the bad fields of all of them are raised together."""
    made: list[Made] = []
    errors: list[FieldError] = []
    for pointer, item in given:
        try:
            with moved_pointers({"": pointer}):
                made.append(make(pointer, item))
        except InvalidInput as error:
            errors.extend(error.errors)
            if len(errors) >= MAX_ERRORS:
                break
    if errors:
        raise InvalidInput(*errors[:MAX_ERRORS])
    return made


def _read(line: str) -> object:
    try:
        return read_json(line)
    except NotJson as error:
        raise InvalidInput(FieldError("", f"This line is not JSON: {error}.")) from None


def _run(pointer: str, document: object) -> GivenRun:
    return GivenRun(pointer, _validated(MeasuredRun, document))


def _compare(run: MeasuredRun, resolver: Resolver) -> Comparison:
    with moved_pointers({"": "/request"}):
        request = _validated(EstimateRequest, run.request)
        strategies = chosen_strategies(request.strategies)
        if len(strategies) != 1:
            raise InvalidInput(FieldError("/strategies", "Name the one strategy that was run."))
        reason = unsupported(resolver.job(request), strategies[0])
        if reason is not None:
            raise InvalidInput(FieldError("/strategies/0", reason))
        (comparison,) = compare([run], resolver)
    return comparison


def _validated(model: type[Model], document: object) -> Model:
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise InvalidInput(*document_errors(error, document, model)) from None
