"""Opaque cursors: where the next page of a list starts."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

from app.domain.errors import FieldError, InvalidInput
from app.services.ids import is_id
from app.storage.versioned import Position


def encode_cursor(position: Position) -> str:
    """A cursor that starts the page after this row."""
    plain = f"{position.created_at.isoformat()}|{position.id}"
    return base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")


def decode_cursor(cursor: str | None) -> Position | None:
    """The row that a cursor names; None stands for the first page.

    Raises:
        InvalidInput: it is not one of ours.
    """
    if cursor is None:
        return None
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        moment, _, row_id = base64.urlsafe_b64decode(padded.encode()).decode().partition("|")
        created_at = datetime.fromisoformat(moment)
        if created_at.tzinfo is None or not is_id(row_id):
            raise ValueError(cursor)
        created_at = created_at.astimezone(UTC)
    except (ValueError, OverflowError):  # an offset can lead out of the years that there are
        remedy = "Use the next_cursor of the page before, unchanged."
        raise InvalidInput(FieldError("/query/cursor", remedy)) from None
    return Position(created_at, row_id)
