"""Tensors split along their first dimension."""

from __future__ import annotations

import numpy as np

from app.domain.rows import missing, rows_of


def test_tensors_with_as_many_rows_are_taken_together() -> None:
    assert rows_of([(8, 3, 5), (64,), (8, 2), (64, 7)]) == ((8, 17), (64, 8))


def test_rows_lack_until_they_are_a_multiple_of_the_ranks() -> None:
    """8 rows of 17 and 64 of 8: on 3 ranks one and two are missing, on 32 twenty-four and none."""
    rows = ((8, 17), (64, 8))
    assert [missing(rows, ranks) for ranks in (1, 3, 8, 32)] == [0, 17 + 16, 0, 24 * 17]


def test_ranks_may_be_an_array() -> None:
    rows = ((8, 17), (60, 8))
    each = [missing(rows, ranks) for ranks in (1, 7, 128)]
    assert missing(rows, np.array([1, 7, 128])).tolist() == each
