"""Saved plans: the inputs and the result, frozen as JSON text."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from app.storage import tables
from app.storage.versioned import Position, VersionedRows


@dataclass(frozen=True, slots=True)
class PlanContent:
    """What a plan keeps. `request`, `preferences`, `job` and `result` are JSON text, as dumped."""

    name: str
    request: str
    preferences: str
    job: str
    result: str
    verdict: str
    headline: str
    engine_version: str
    catalog_version: str


@dataclass(frozen=True, slots=True)
class PlanRow:
    """A plan as stored."""

    id: str
    version: int
    content: PlanContent
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class PlanSummaryRow:
    """A plan in a list: everything but the large texts."""

    id: str
    version: int
    name: str
    job: str
    verdict: str
    headline: str
    engine_version: str
    catalog_version: str
    created_at: datetime
    updated_at: datetime


_SUMMARY = [tables.plans.c[name] for name in PlanSummaryRow.__slots__]


class PlanRepository:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._rows = VersionedRows(connection, tables.plans)

    def add(self, plan_id: str, content: PlanContent, now: datetime) -> None:
        self._rows.insert({"id": plan_id, "created_at": now, "updated_at": now} | asdict(content))

    def find(self, plan_id: str) -> PlanRow | None:
        row = self._rows.find(plan_id)
        if row is None:
            return None
        values = row._asdict()
        content = PlanContent(**{name: values.pop(name) for name in PlanContent.__slots__})
        return PlanRow(content=content, **values)

    def exists(self, plan_id: str, *, hold: bool = False) -> bool:
        """Whether there is such a plan. With `hold` nobody deletes it before this write ends."""
        query = select(tables.plans.c.id).where(tables.plans.c.id == plan_id)
        if hold:
            query = query.with_for_update(read=True, key_share=True)
        return self._connection.execute(query).first() is not None

    def replace(
        self, plan_id: str, versions: Collection[int] | None, content: PlanContent, now: datetime
    ) -> bool:
        return self._rows.update(plan_id, versions, {"updated_at": now} | asdict(content))

    def delete(self, plan_id: str, versions: Collection[int] | None) -> bool:
        return self._rows.delete(plan_id, versions)

    def page(self, after: Position | None, limit: int) -> list[PlanSummaryRow]:
        rows = self._rows.page(select(*_SUMMARY), after, limit)
        return [PlanSummaryRow(**row._asdict()) for row in rows]
