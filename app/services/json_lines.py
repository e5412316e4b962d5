"""JSON Lines from outside: one document a line, what is wrong said by line and field."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from app.domain.errors import FieldError, InvalidInput
from app.schemas.json_text import NotJson, read_json
from app.schemas.remedies import document_errors
from app.services.pointers import moved_pointers

MAX_CHARACTERS = 4_000_000
MAX_ERRORS = 20

Given = TypeVar("Given")
Made = TypeVar("Made")
Model = TypeVar("Model", bound=BaseModel)


def numbered_lines(text: str) -> Iterator[tuple[str, str]]:
    """The lines that are not blank, each with its pointer `/lines/<number>`, counted from 1.

    Raises:
        InvalidInput: the text is too long.
    """
    if len(text) > MAX_CHARACTERS:
        limit = f"{MAX_CHARACTERS:,} characters"
        raise InvalidInput(FieldError("", f"Give at most {limit} at a time: split the file."))
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        if line.strip():
            yield f"/lines/{number}", line


def read_document(line: str) -> object:
    """The document of a line; `InvalidInput` if it is none."""
    try:
        return read_json(line)
    except NotJson as error:
        raise InvalidInput(FieldError("", f"This line is not JSON: {error}.")) from None


def validated(model: type[Model], document: object) -> Model:
    """The document as `model`; `InvalidInput` with every bad field if it is none."""
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise InvalidInput(*document_errors(error, document, model)) from None


def each(given: Iterable[tuple[str, Given]], make: Callable[[Given], Made]) -> list[Made]:
    """What is made of each; the bad fields of all are raised together, under their pointers.

    Raises:
        InvalidInput: the first `MAX_ERRORS` bad fields.
    """
    made: list[Made] = []
    errors: list[FieldError] = []
    for pointer, item in given:
        try:
            with moved_pointers({"": pointer}):
                made.append(make(item))
        except InvalidInput as error:
            errors.extend(error.errors)
            if len(errors) >= MAX_ERRORS:
                break
    if errors:
        raise InvalidInput(*errors[:MAX_ERRORS])
    return made
