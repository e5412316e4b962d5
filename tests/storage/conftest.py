"""Databases to test on: every storage test runs on SQLite and on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.storage.database import Database


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An open database with the current schema."""
    database = Database(database_url)
    database.open()
    yield database
    database.close()
