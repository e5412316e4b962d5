"""Whether a database is whole, asked behind the product's back."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import psycopg

_KEYS = """
SELECT k.key FROM idempotency_keys k
WHERE k.object_id IS NULL OR k.document IS NULL OR NOT EXISTS (
    SELECT id FROM hardware_profiles h WHERE h.id = k.object_id
    UNION ALL SELECT id FROM plans p WHERE p.id = k.object_id
)
"""


def problems_of(database_url: str) -> list[str]:
    """What is wrong with its pages, indexes and references, and keys that lead to no object."""
    if database_url.startswith("sqlite"):
        with closing(sqlite3.connect(database_url.removeprefix("sqlite:///"))) as connection:
            connection.execute("PRAGMA wal_autocheckpoint=0")
            found = [row[0] for row in connection.execute("PRAGMA integrity_check")]
            dangling = connection.execute("PRAGMA foreign_key_check").fetchall()
            keys = connection.execute(_KEYS).fetchall()
        return [text for text in found if text != "ok"] + [str(row) for row in dangling + keys]
    with psycopg.connect(database_url.replace("+psycopg", ""), autocommit=True) as server:
        return [str(row) for row in server.execute(_KEYS).fetchall()]
