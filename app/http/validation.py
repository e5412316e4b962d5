"""What is wrong with a request: Pydantic's errors, each at its place in the request."""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterator

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel

from app.domain.errors import FieldError
from app.schemas import remedies


def field_errors(
    error: RequestValidationError, endpoint: Callable[..., object] | None
) -> tuple[FieldError, ...]:
    """One `FieldError` per bad field, in the order of the request.

    `endpoint` is the route's function: its body model tells which fields exist.
    """
    return remedies.field_errors(_placed(error), _body_model(endpoint))


def _placed(error: RequestValidationError) -> Iterator[tuple[remedies.Path, remedies.Error]]:
    for item in error.errors():
        source, *rest = item["loc"]
        in_body = source == "body"
        path = remedies.real_path(rest, error.body, item["type"]) if in_body else item["loc"]
        yield path, item


def _body_model(endpoint: Callable[..., object] | None) -> type | None:
    """The Pydantic model among the parameters of a route's function."""
    if endpoint is None:
        return None
    for name, hint in typing.get_type_hints(endpoint).items():
        if name != "return" and isinstance(hint, type) and issubclass(hint, BaseModel):
            return hint
    return None
