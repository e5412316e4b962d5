from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest

from app.domain.errors import InvalidInput
from app.services.cursors import decode_cursor, encode_cursor
from app.storage.versioned import Position


def test_a_cursor_is_read_back_to_the_microsecond() -> None:
    position = Position(datetime(2026, 11, 23, 1, 2, 3, 4, tzinfo=UTC), "pl_0123456789abcdef")

    assert decode_cursor(encode_cursor(position)) == position


def test_no_cursor_is_the_first_page() -> None:
    assert decode_cursor(None) is None


@pytest.mark.parametrize(
    "moment", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-11-23", "soon"]
)
def test_a_moment_that_is_not_one_in_utc_is_no_cursor(moment: str) -> None:
    cursor = base64.urlsafe_b64encode(f"{moment}|pl_0123456789abcdef".encode()).decode()

    with pytest.raises(InvalidInput, match="next_cursor"):
        decode_cursor(cursor)


@pytest.mark.parametrize("cursor", ["é", "AAAA", "/w==", "=", ""])
def test_anything_else_is_no_cursor(cursor: str) -> None:
    with pytest.raises(InvalidInput, match="next_cursor"):
        decode_cursor(cursor)
