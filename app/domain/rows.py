"""How tensors split along their first dimension, as `fully_shard` splits them."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod

from app.domain.units import Integer

# (rows, elements of a row), tensors with as many rows taken together.
Rows = tuple[tuple[int, int], ...]


def rows_of(shapes: Iterable[tuple[int, ...]]) -> Rows:
    """The rows of tensors of these shapes."""
    found: dict[int, int] = {}
    for rows, *rest in shapes:
        found[rows] = found.get(rows, 0) + prod(rest)
    return tuple(found.items())


def missing(rows: Rows, ranks: Integer) -> Integer:
    """Elements that lack until every tensor's rows are a multiple of the ranks."""
    return sum((-count % ranks) * row for count, row in rows)
