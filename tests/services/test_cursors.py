from __future__ import annotations

from datetime import UTC, datetime

from app.services.cursors import decode_cursor, encode_cursor
from app.storage.versioned import Position


def test_a_cursor_is_read_back_to_the_microsecond() -> None:
    position = Position(datetime(2026, 11, 23, 1, 2, 3, 4, tzinfo=UTC), "pl_0123456789abcdef")

    assert decode_cursor(encode_cursor(position)) == position


def test_no_cursor_is_the_first_page() -> None:
    assert decode_cursor(None) is None
