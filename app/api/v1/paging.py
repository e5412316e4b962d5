"""The query parameters of lists that are read page by page."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

CursorQuery = Annotated[
    str | None,
    Query(max_length=200, description="The `next_cursor` of the page before."),
]
LimitQuery = Annotated[int, Query(ge=1, le=200, description="How many items to answer at most.")]
