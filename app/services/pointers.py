"""Pointers of bad fields, moved to where the caller's request has those fields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from app.domain.errors import FieldError, InvalidInput


@contextmanager
def moved_pointers(prefixes: Mapping[str, str]) -> Iterator[None]:
    """Replaces the first prefix that fits each pointer of an InvalidInput raised inside.

    An empty prefix fits every pointer: `{"": "/request"}` puts them all under `/request`.
    """
    try:
        yield
    except InvalidInput as error:
        raise InvalidInput(*(_moved(field, prefixes) for field in error.errors)) from error


def _moved(field: FieldError, prefixes: Mapping[str, str]) -> FieldError:
    for old, new in prefixes.items():
        if not old or field.pointer == old or field.pointer.startswith(old + "/"):
            return FieldError(new + field.pointer[len(old) :], field.detail)
    return field
