"""Saved model and hardware profiles."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Table, select

from app.storage.versioned import Position, VersionedRows


@dataclass(frozen=True, slots=True)
class ProfileRow:
    """A profile as stored; `definition` is JSON text."""

    id: str
    version: int
    name: str
    definition: str
    created_at: datetime
    updated_at: datetime


class ProfileName(NamedTuple):
    """What a menu needs of a profile."""

    id: str
    name: str


class ProfileRepository:
    """The profiles of one workspace in one table."""

    def __init__(self, connection: Connection, table: Table, workspace: str) -> None:
        self._rows = VersionedRows(connection, table, workspace)
        self._table = table
        self._columns = [table.c[name] for name in ProfileRow.__slots__]

    def add(self, profile_id: str, name: str, definition: str, now: datetime) -> None:
        self._rows.insert(
            {
                "id": profile_id,
                "name": name,
                "definition": definition,
                "created_at": now,
                "updated_at": now,
            }
        )

    def find(self, profile_id: str) -> ProfileRow | None:
        row = self._rows.find(profile_id)
        return None if row is None else _profile(row)

    def replace(
        self,
        profile_id: str,
        versions: Collection[int] | None,
        name: str,
        definition: str,
        now: datetime,
    ) -> bool:
        values = {"name": name, "definition": definition, "updated_at": now}
        return self._rows.update(profile_id, versions, values) is not None

    def delete(self, profile_id: str, versions: Collection[int] | None) -> bool:
        return self._rows.delete(profile_id, versions)

    def page(self, after: Position | None, limit: int) -> list[ProfileRow]:
        return [_profile(row) for row in self._rows.page(select(*self._columns), after, limit)]

    def names(self, limit: int) -> list[ProfileName]:
        """The newest profiles' names, without reading their definitions."""
        query = select(self._table.c.id, self._table.c.name)
        return [ProfileName(row.id, row.name) for row in self._rows.page(query, None, limit)]


def _profile(row: Row[Any]) -> ProfileRow:
    return ProfileRow(**{name: getattr(row, name) for name in ProfileRow.__slots__})
