"""Statements on tables whose rows carry a version and a workspace, and pages of them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    Table,
    delete,
    insert,
    select,
    tuple_,
    update,
)


class Position(NamedTuple):
    """A row's place in a list that runs from new to old."""

    created_at: datetime
    id: str


class VersionedRows:
    """Insert, read, change and delete rows of one table by id, never losing a change.

    Only the rows of one workspace are there; those of others are as if they did not exist.
    `versions` names the versions that a change may start from; None allows the current one. It is
    compared inside the statement, so of several writers one wins.
    """

    def __init__(self, connection: Connection, table: Table, workspace: str) -> None:
        self._connection = connection
        self._table = table
        self._workspace = workspace

    @property
    def mine(self) -> ColumnElement[bool]:
        """The condition that a row belongs to the workspace."""
        return self._table.c.workspace_id == self._workspace

    def insert(self, values: dict[str, Any]) -> None:
        own = {"version": 1, "workspace_id": self._workspace}
        self._connection.execute(insert(self._table).values(own | values))

    def find(self, row_id: str) -> Row[Any] | None:
        query = select(self._table).where(self._table.c.id == row_id, self.mine)
        return self._connection.execute(query).one_or_none()

    def update(
        self, row_id: str, versions: Collection[int] | None, values: dict[str, Any]
    ) -> int | None:
        """The row's new version; None when it is gone or has another version than these."""
        table = self._table
        statement = update(table).where(table.c.id == row_id, self.mine)
        if versions is not None:
            statement = statement.where(table.c.version.in_(versions))
        statement = statement.values(version=table.c.version + 1, **values)
        found = self._connection.execute(statement.returning(table.c.version))
        return found.scalar_one_or_none()

    def delete(self, row_id: str, versions: Collection[int] | None) -> bool:
        """Whether a row was deleted: false when it is gone or has another version."""
        table = self._table
        statement = delete(table).where(table.c.id == row_id, self.mine)
        if versions is not None:
            statement = statement.where(table.c.version.in_(versions))
        return self._connection.execute(statement).rowcount == 1

    def page(self, query: Select[Any], after: Position | None, limit: int) -> list[Row[Any]]:
        """At most `limit` rows of `query`, newest first, that stand after a position."""
        columns = self._table.c
        query = query.where(self.mine)
        if after is not None:
            place = tuple_(columns.created_at, columns.id)
            query = query.where(
                place < tuple_(*after, types=(columns.created_at.type, columns.id.type))
            )
        query = query.order_by(columns.created_at.desc(), columns.id.desc()).limit(limit)
        return list(self._connection.execute(query))
