"""Links to plans. Only the hash of a link's token is stored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Select, insert, select, update

from app.storage import tables

_shares, _plans = tables.plan_shares, tables.plans


@dataclass(frozen=True, slots=True)
class ShareRow:
    """A share as stored; `token_hash` is the hexadecimal SHA-256 of the token."""

    id: str
    plan_id: str
    plan_version: int
    token_hash: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_opened_at: datetime | None


class ShareRepository:
    """The shares of one workspace's plans; only `by_token_hash` finds those of others."""

    def __init__(self, connection: Connection, workspace: str) -> None:
        self._connection = connection
        self._workspace = workspace

    def add(self, share: ShareRow) -> None:
        """Adds a share. The caller has made sure that its plan is of this workspace."""
        values = {name: getattr(share, name) for name in ShareRow.__slots__}
        self._connection.execute(insert(_shares).values(values))

    def of_plan(self, plan_id: str) -> list[ShareRow]:
        """The shares of a plan, newest first, revoked ones included."""
        query = select(_shares).where(_shares.c.plan_id == plan_id, self._mine())
        query = query.order_by(_shares.c.created_at.desc(), _shares.c.id)
        return [ShareRow(**row._asdict()) for row in self._connection.execute(query)]

    def by_token_hash(self, token_hash: str) -> tuple[ShareRow, str] | None:
        """A share of any workspace, and the workspace: the token is all that a reader has."""
        query: Select[tuple[object, ...]] = (
            select(_shares, _plans.c.workspace_id)
            .join(_plans, _plans.c.id == _shares.c.plan_id)
            .where(_shares.c.token_hash == token_hash)
        )
        row = self._connection.execute(query).one_or_none()
        if row is None:
            return None
        values = row._asdict()
        workspace: str = values.pop("workspace_id")
        return ShareRow(**values), workspace

    def revoke(self, plan_id: str, share_id: str, now: datetime) -> bool:
        """Whether there was such a share that was not revoked yet."""
        statement = update(_shares).where(
            _shares.c.plan_id == plan_id,
            _shares.c.id == share_id,
            _shares.c.revoked_at.is_(None),
            self._mine(),
        )
        return self._connection.execute(statement.values(revoked_at=now)).rowcount == 1

    def opened(self, share_id: str, now: datetime) -> None:
        statement = update(_shares).where(_shares.c.id == share_id)
        self._connection.execute(statement.values(last_opened_at=now))

    def _mine(self) -> ColumnElement[bool]:
        mine = select(_plans.c.id).where(_plans.c.workspace_id == self._workspace)
        return _shares.c.plan_id.in_(mine)
