"""Numbers and flags as JSON writes them: "4" is text and 1 is not true.

A whole number may be written 2048.0 or 5e8, since JSON knows one kind of number only.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field, Strict
from pydantic_core import PydanticKnownError


def _integral(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _no_text(value: object) -> object:
    """A decimal's strict mode would refuse floats, which is what JSON has."""
    if isinstance(value, str | bool):
        raise PydanticKnownError("decimal_type")
    return value


# After the bounds, which OpenAPI would not show otherwise.
INTEGRAL = BeforeValidator(_integral)
NOT_TEXT = BeforeValidator(_no_text)

Whole = Annotated[int, Strict(), INTEGRAL]
Bytes = Annotated[int, Field(strict=True, ge=1, le=2**50), INTEGRAL]
Number = Annotated[float, Strict()]
Flag = Annotated[bool, Strict()]
