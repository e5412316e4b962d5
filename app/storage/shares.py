"""Links to plans. Only the hash of a link's token is stored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from app.storage import tables

_shares = tables.plan_shares


@dataclass(frozen=True, slots=True)
class ShareRow:
    """A share as stored; `token_hash` is the hexadecimal SHA-256 of the token."""

    id: str
    plan_id: str
    token_hash: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_opened_at: datetime | None


class ShareRepository:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, share: ShareRow) -> None:
        values = {name: getattr(share, name) for name in ShareRow.__slots__}
        self._connection.execute(insert(_shares).values(values))

    def of_plan(self, plan_id: str) -> list[ShareRow]:
        """The shares of a plan, newest first, revoked ones included."""
        query = select(_shares).where(_shares.c.plan_id == plan_id)
        query = query.order_by(_shares.c.created_at.desc(), _shares.c.id)
        return [_share(row) for row in self._connection.execute(query)]

    def by_token_hash(self, token_hash: str) -> ShareRow | None:
        query = select(_shares).where(_shares.c.token_hash == token_hash)
        row = self._connection.execute(query).one_or_none()
        return None if row is None else _share(row)

    def revoke(self, plan_id: str, share_id: str, now: datetime) -> bool:
        """Whether there was such a share that was not revoked yet."""
        statement = update(_shares).where(
            _shares.c.plan_id == plan_id,
            _shares.c.id == share_id,
            _shares.c.revoked_at.is_(None),
        )
        return self._connection.execute(statement.values(revoked_at=now)).rowcount == 1

    def opened(self, share_id: str, now: datetime) -> None:
        statement = update(_shares).where(_shares.c.id == share_id)
        self._connection.execute(statement.values(last_opened_at=now))


def _share(row: Row[Any]) -> ShareRow:
    return ShareRow(**row._asdict())
