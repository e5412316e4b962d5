"""What to do about Pydantic's validation errors: JSON pointers and sentences of our own."""

from __future__ import annotations

import difflib
import typing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import is_dataclass
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, ValidationError

from app.domain.errors import FieldError
from app.schemas.json_text import pointer_to

# Pydantic error type -> what to do about it. `{name}` is the error's context.
_REMEDIES: dict[str, str] = {
    "missing": "Add this field",
    "int_type": "Use a whole number",
    "int_parsing": "Use a whole number",
    "int_from_float": "Use a whole number",
    "int_parsing_size": "Use a smaller number",
    "float_type": "Use a number",
    "float_parsing": "Use a number",
    "decimal_type": "Use a number",
    "decimal_parsing": "Use a number",
    "finite_number": "Use a finite number",
    "decimal_max_places": "Use at most {decimal_places} decimals",
    "decimal_max_digits": "Use at most {max_digits} digits",
    "decimal_whole_digits": "Use at most {whole_digits} digits before the point",
    "bool_type": "Use true or false",
    "bool_parsing": "Use true or false",
    "string_type": "Use text",
    "string_too_short": "Use {min_length} or more characters",
    "string_too_long": "Use at most {max_length} characters",
    "literal_error": "Use {expected}",
    "enum": "Use {expected}",
    "greater_than": "Use a number above {gt}",
    "greater_than_equal": "Use a number that is at least {ge}",
    "less_than": "Use a number below {lt}",
    "less_than_equal": "Use a number that is at most {le}",
    "list_type": "Use a list",
    "dict_type": "Use an object",
    "model_type": "Use an object",
    "model_attributes_type": "Use an object",
    "dataclass_type": "Use an object",
    "too_short": "Give at least {min_length}",
    "too_long": "Give at most {max_length}",
    "json_invalid": "Send a body that is JSON",
}


Path = Sequence[int | str]
Error = Mapping[str, Any]


def document_errors(
    error: ValidationError, document: object, model: type
) -> tuple[FieldError, ...]:
    """One `FieldError` per bad field of a document that was validated as `model`."""
    items = ((real_path(item["loc"], document, item["type"]), item) for item in error.errors())
    return field_errors(items, model)


def field_errors(items: Iterable[tuple[Path, Error]], model: type | None) -> tuple[FieldError, ...]:
    """One `FieldError` per bad field, from Pydantic's errors and the fields they are about.

    The alternatives of a union are errors of one field: their remedies are joined by "or".
    `model` tells which fields exist.
    """
    remedies: dict[str, list[str]] = {}
    for path, item in items:
        known = remedies.setdefault(pointer_to(tuple(str(part) for part in path)), [])
        remedy = _remedy(item, path, model)
        if remedy not in known:
            known.append(remedy)
    return tuple(
        FieldError(
            pointer, _sentence(" or ".join([first, *(r[0].lower() + r[1:] for r in others)]))
        )
        for pointer, (first, *others) in remedies.items()
    )


def _plain(value: object) -> str:
    """A number as people write it, anything else as it is."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return f"{value:,}" if isinstance(value, int | float | Decimal) else str(value)


def _sentence(text: str) -> str:
    return text if text.endswith("?") else f"{text}."


def real_path(loc: Path, body: object, kind: str) -> list[int | str]:
    """`loc` without the names that Pydantic inserts for the members of a union."""
    path: list[int | str] = []
    here = body
    for index, part in enumerate(loc):
        present, child = _child(here, part)
        if present:
            here = child
        elif not (kind == "missing" and index == len(loc) - 1):
            continue
        path.append(part)
    return path


def _child(parent: object, part: int | str) -> tuple[bool, object]:
    """Whether `parent` has this member, and the member."""
    if isinstance(parent, Mapping) and part in parent:
        return True, parent[part]
    if isinstance(parent, list) and isinstance(part, int) and part < len(parent):
        return True, parent[part]
    return False, None


def _remedy(item: Error, path: Path, model: type | None) -> str:
    kind = item["type"]
    context = item.get("ctx") or {}
    if kind == "extra_forbidden":
        return _unknown_field(path, model)
    if kind == "value_error":  # raised by a validator of ours: already a sentence
        return str(context.get("error", item["msg"])).rstrip(".")
    if kind == "missing" and not path:
        return "Send a JSON object as the body"
    if kind in _REMEDIES:
        return _REMEDIES[kind].format_map({k: _plain(v) for k, v in context.items()})
    return str(item["msg"]).rstrip(".")


def _unknown_field(path: Path, model: type | None) -> str:
    name = str(path[-1])
    fields = _fields_at(model, path[:-1])
    near = difflib.get_close_matches(name, fields, n=1, cutoff=0.6)
    if near:
        return f"There is no field {name!r}: did you mean {near[0]!r}?"
    if fields:
        return f"There is no field {name!r}: use {', '.join(sorted(fields))}"
    return f"Remove {name!r}: there is no such field"


def _fields_at(model: type | None, path: Path) -> list[str]:
    """The names of the fields of the object at `path`, none where it has no fixed fields."""
    here = model
    for part in path:
        if here is None or not issubclass(here, BaseModel):
            return []
        if isinstance(part, str):
            info = here.model_fields.get(part)
            here = _object_type(info.annotation) if info else None
    return list(here.model_fields) if here and issubclass(here, BaseModel) else []


def _object_type(annotation: object) -> type | None:
    """The model inside an annotation such as `Model | None` or `list[Model]`."""
    if isinstance(annotation, type) and (
        issubclass(annotation, BaseModel) or is_dataclass(annotation)
    ):
        return annotation
    for argument in typing.get_args(annotation):
        if (found := _object_type(argument)) is not None:
            return found
    return None
