"""Idempotency keys of a workspace: the first answer to each, kept for a repeat of its request."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from app.storage import tables

_keys = tables.idempotency_keys


@dataclass(frozen=True, slots=True)
class IdempotencyRow:
    """The request that a key was first used for, and the object and answer it led to."""

    fingerprint: str
    object_id: str
    document: str


class IdempotencyRepository:
    def __init__(self, connection: Connection, workspace: str) -> None:
        self._connection = connection
        self._workspace = workspace

    def claim(self, key: str, fingerprint: str, now: datetime) -> IdempotencyRow | None:
        """Takes a key for this transaction and returns None, or what the key was used for.

        Where another transaction holds the key, this waits until that one has ended.
        """
        values = {
            "workspace_id": self._workspace,
            "key": key,
            "fingerprint": fingerprint,
            "created_at": now,
        }
        dialect = postgresql if self._connection.dialect.name == "postgresql" else sqlite
        statement = dialect.insert(_keys).values(values).on_conflict_do_nothing()
        # Not its rowcount: PostgreSQL's driver does not tell it for an INSERT.
        claimed = self._connection.execute(statement.returning(_keys.c.key))
        return None if claimed.one_or_none() else self.find(key)

    def answer(self, key: str, object_id: str, document: str) -> None:
        """Keeps the answer to a key that this transaction has claimed."""
        statement = update(_keys).where(self._is(key))
        self._connection.execute(statement.values(object_id=object_id, document=document))

    def find(self, key: str) -> IdempotencyRow | None:
        columns = _keys.c.fingerprint, _keys.c.object_id, _keys.c.document
        query = select(*columns).where(self._is(key))
        row = self._connection.execute(query).one_or_none()
        return None if row is None else IdempotencyRow(**row._asdict())

    def _is(self, key: str) -> ColumnElement[bool]:
        return and_(_keys.c.workspace_id == self._workspace, _keys.c.key == key)
