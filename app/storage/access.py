"""Workspaces, the keys to them, and browser sessions. Of secrets only the hash is stored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, insert, select, update

from app.storage import tables

_workspaces, _keys, _sessions = tables.workspaces, tables.access_keys, tables.sessions


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key as stored; `secret_hash` is the hexadecimal SHA-256 of the whole key."""

    id: str
    workspace_id: str
    name: str
    scope: str
    secret_hash: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A browser that signed in with a key; `token_hash` as in a share."""

    token_hash: str
    key_id: str
    created_at: datetime
    expires_at: datetime


class AccessRepository:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def workspace_named(self, name: str) -> str | None:
        """The id of the workspace with a name."""
        query = select(_workspaces.c.id).where(_workspaces.c.name == name)
        return self._connection.execute(query).scalar_one_or_none()

    def workspace_names(self) -> dict[str, str]:
        """Every workspace's name by its id."""
        rows = self._connection.execute(select(_workspaces.c.id, _workspaces.c.name))
        return {row.id: row.name for row in rows}

    def add_workspace(self, workspace_id: str, name: str, now: datetime) -> None:
        values = {"id": workspace_id, "name": name, "created_at": now}
        self._connection.execute(insert(_workspaces).values(values))

    def add_key(self, key: KeyRow) -> None:
        values = {name: getattr(key, name) for name in KeyRow.__slots__}
        self._connection.execute(insert(_keys).values(values))

    def keys(self) -> list[KeyRow]:
        """The keys of all workspaces, oldest first, revoked ones included."""
        query = select(_keys).order_by(_keys.c.created_at, _keys.c.id)
        return [_key(row) for row in self._connection.execute(query)]

    def key_by_hash(self, secret_hash: str) -> KeyRow | None:
        return self._one_key(select(_keys).where(_keys.c.secret_hash == secret_hash))

    def revoke_key(self, key_id: str, now: datetime) -> bool:
        """Whether there was such a key that was not revoked yet. Its sessions end with it."""
        statement = update(_keys).where(_keys.c.id == key_id, _keys.c.revoked_at.is_(None))
        if self._connection.execute(statement.values(revoked_at=now)).rowcount != 1:
            return False
        self._connection.execute(delete(_sessions).where(_sessions.c.key_id == key_id))
        return True

    def key_used(self, key_id: str, now: datetime) -> None:
        statement = update(_keys).where(_keys.c.id == key_id)
        self._connection.execute(statement.values(last_used_at=now))

    def add_session(self, session: SessionRow) -> None:
        values = {name: getattr(session, name) for name in SessionRow.__slots__}
        self._connection.execute(insert(_sessions).values(values))

    def key_of_session(self, token_hash: str, now: datetime) -> KeyRow | None:
        """The key that a session was signed in with, while the session lasts."""
        query = select(_keys).join(_sessions, _sessions.c.key_id == _keys.c.id)
        return self._one_key(
            query.where(_sessions.c.token_hash == token_hash, _sessions.c.expires_at > now)
        )

    def end_session(self, token_hash: str) -> None:
        self._connection.execute(delete(_sessions).where(_sessions.c.token_hash == token_hash))

    def forget_ended_sessions(self, now: datetime) -> None:
        self._connection.execute(delete(_sessions).where(_sessions.c.expires_at <= now))

    def _one_key(self, query: Select[Any]) -> KeyRow | None:
        row = self._connection.execute(query).one_or_none()
        return None if row is None else _key(row)


def _key(row: Row[Any]) -> KeyRow:
    return KeyRow(**row._asdict())
