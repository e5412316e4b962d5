"""Saved plans: for each version the inputs and the result, frozen as JSON text."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, insert, select

from app.storage import tables
from app.storage.versioned import Position, VersionedRows

_plans, _versions = tables.plans, tables.plan_versions


@dataclass(frozen=True, slots=True)
class PlanContent:
    """What a version of a plan keeps. All but the last four and the name are JSON, as dumped."""

    name: str
    request: str
    preferences: str
    job: str
    result: str
    configurations: str
    verdict: str
    headline: str
    engine_version: str
    catalog_version: str


@dataclass(frozen=True, slots=True)
class PlanRow:
    """A plan as stored, at one version; `updated_at` is when that version was saved."""

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


_HEAD = (
    _plans.c.id,
    _versions.c.version,
    _plans.c.created_at,
    _versions.c.saved_at.label("updated_at"),
)
_CONTENT = [_versions.c[name] for name in PlanContent.__slots__]
_OF_HEAD = {column.name for column in _HEAD}
_SUMMARY = [*_HEAD, *(_versions.c[n] for n in PlanSummaryRow.__slots__ if n not in _OF_HEAD)]
_ALL = _plans.join(_versions, _plans.c.id == _versions.c.plan_id)
_CURRENT = _plans.join(
    _versions,
    and_(_plans.c.id == _versions.c.plan_id, _plans.c.version == _versions.c.version),
)


class PlanRepository:
    def __init__(self, connection: Connection, workspace: str) -> None:
        self._connection = connection
        self._rows = VersionedRows(connection, _plans, workspace)

    def add(self, plan_id: str, content: PlanContent, now: datetime) -> None:
        self._rows.insert({"id": plan_id, "created_at": now, "updated_at": now})
        self._keep(plan_id, 1, content, now)

    def find(self, plan_id: str, version: int | None = None) -> PlanRow | None:
        """A plan at a version, by default the current one."""
        query = select(*_HEAD, *_CONTENT).where(_plans.c.id == plan_id, self._rows.mine)
        if version is None:
            query = query.select_from(_CURRENT)
        else:
            query = query.select_from(_ALL).where(_versions.c.version == version)
        row = self._connection.execute(query).one_or_none()
        if row is None:
            return None
        values = row._asdict()
        content = PlanContent(**{name: values.pop(name) for name in PlanContent.__slots__})
        return PlanRow(content=content, **values)

    def current_version(self, plan_id: str, *, hold: bool = False) -> int | None:
        """A plan's version. With `hold` nobody deletes the plan before this write ends."""
        query = select(_plans.c.version).where(_plans.c.id == plan_id, self._rows.mine)
        if hold:
            query = query.with_for_update(read=True, key_share=True)
        return self._connection.execute(query).scalar_one_or_none()

    def replace(
        self, plan_id: str, versions: Collection[int] | None, content: PlanContent, now: datetime
    ) -> bool:
        """Gives a plan a new version; the ones before stay readable."""
        version = self._rows.update(plan_id, versions, {"updated_at": now})
        if version is None:
            return False
        self._keep(plan_id, version, content, now)
        return True

    def delete(self, plan_id: str, versions: Collection[int] | None) -> bool:
        return self._rows.delete(plan_id, versions)

    def page(self, after: Position | None, limit: int) -> list[PlanSummaryRow]:
        rows = self._rows.page(select(*_SUMMARY).select_from(_CURRENT), after, limit)
        return [PlanSummaryRow(**row._asdict()) for row in rows]

    def naming(self, profile_id: str, limit: int) -> list[PlanSummaryRow]:
        """At most `limit` plans, newest first, whose request names a profile."""
        query = select(*_SUMMARY).select_from(_CURRENT)
        named = _versions.c.request.contains(f'"profile":"{profile_id}"', autoescape=True)
        return [
            PlanSummaryRow(**row._asdict())
            for row in self._rows.page(query.where(named), None, limit)
        ]

    def history(self, plan_id: str, before: int | None, limit: int) -> list[PlanSummaryRow]:
        """At most `limit` versions of a plan, newest first, that are older than `before`."""
        query = select(*_SUMMARY).select_from(_ALL)
        query = query.where(_plans.c.id == plan_id, self._rows.mine)
        if before is not None:
            query = query.where(_versions.c.version < before)
        query = query.order_by(_versions.c.version.desc()).limit(limit)
        return [PlanSummaryRow(**row._asdict()) for row in self._connection.execute(query)]

    def _keep(self, plan_id: str, version: int, content: PlanContent, now: datetime) -> None:
        values = {"plan_id": plan_id, "version": version, "saved_at": now} | asdict(content)
        self._connection.execute(insert(_versions).values(values))
