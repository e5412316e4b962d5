"""Saved plans: inputs and result, frozen when they are saved and never recomputed on reading."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel, TypeAdapter

from app.domain.errors import FieldError, InvalidInput
from app.schemas.configurations import Configuration
from app.schemas.estimates import EstimateRequest
from app.schemas.pages import Page
from app.schemas.planning import PLAN_RESULT, PlanResult, Preferences
from app.schemas.plans import (
    NewCopy,
    NewPlan,
    NewRecalculation,
    PlannedJob,
    PlanSummary,
    Recalculation,
)
from app.services.clock import Clock
from app.services.concurrency import IfMatch
from app.services.creating import FIRST_VERSION, Created, Creator, Store
from app.services.cursors import decode_cursor
from app.services.errors import NotFound
from app.services.freezing import FILES, JOB, Freezer
from app.services.ids import is_id, new_id
from app.services.profiles import changed_meanwhile, page_of
from app.services.recalculating import compared
from app.storage.database import Database
from app.storage.plans import PlanContent, PlanRow, PlanSummaryRow
from app.storage.repositories import Repositories
from app.storage.versioned import Position

MOST_NAME = 200
KIND = "plan"


@dataclass(frozen=True, slots=True)
class _Head:
    """The small fields of a plan's document, in its order."""

    id: str
    version: int
    name: str
    verdict: str
    headline: str
    engine_version: str
    catalog_version: str
    created_at: datetime
    updated_at: datetime


_HEAD: TypeAdapter[_Head] = TypeAdapter(_Head)


@dataclass(frozen=True, slots=True)
class Plan:
    """A saved plan. Its large parts are JSON text until somebody asks for them."""

    row: PlanRow

    @property
    def id(self) -> str:
        return self.row.id

    @property
    def version(self) -> int:
        return self.row.version

    @property
    def name(self) -> str:
        return self.row.content.name

    @property
    def created_at(self) -> datetime:
        return self.row.created_at

    @property
    def updated_at(self) -> datetime:
        return self.row.updated_at

    def request(self) -> EstimateRequest:
        """The request as it was sent."""
        return EstimateRequest.model_validate_json(self.row.content.request)

    def preferences(self) -> Preferences:
        return Preferences.model_validate_json(self.row.content.preferences)

    def job(self) -> PlannedJob:
        """The model and the machine as they were when the plan was computed."""
        return JOB.validate_json(self.row.content.job)

    def result(self) -> PlanResult:
        """The result as it was computed."""
        return PLAN_RESULT.validate_json(self.row.content.result)

    def files(self, strategy: str | None) -> list[Configuration]:
        """The files of a strategy as they were written; none in plans from before they were."""
        kept = FILES.validate_json(self.row.content.configurations)
        return kept.get(strategy or "", [])

    @property
    def digest(self) -> str:
        """The SHA-256 of the stored result, to the byte as the API answers it."""
        return hashlib.sha256(self.row.content.result.encode()).hexdigest()

    def document(self, extra: str = "") -> str:
        """The plan as JSON text, its parts spliced in to the byte as they are stored.

        `extra` is JSON text of further members, each with a comma before it.
        """
        row, content = self.row, self.row.content
        head = _HEAD.dump_json(
            _Head(
                row.id,
                row.version,
                content.name,
                content.verdict,
                content.headline,
                content.engine_version,
                content.catalog_version,
                row.created_at,
                row.updated_at,
            )
        ).decode()
        return (
            f'{head[:-1]},"request":{content.request},"preferences":{content.preferences}'
            f',"job":{content.job},"result":{content.result}'
            f',"configurations":{content.configurations}{extra}}}'
        )


class PlanService:
    """Create, list, read, replace and delete plans."""

    def __init__(self, database: Database, clock: Clock, freezer: Freezer) -> None:
        self._database = database
        self._clock = clock
        self._freezer = freezer
        self._creator = Creator(database, clock)

    def create(self, new: NewPlan, key: str | None = None) -> Created:
        """Computes and saves a plan, once per idempotency key.

        Raises:
            InvalidInput: the job cannot be planned; pointers are into the estimate request.
        """
        return self._save(key, KIND, new, lambda: self._freezer.freeze(new))

    def copy(self, plan_id: str, new: NewCopy, key: str | None = None) -> Created:
        """Saves a plan once more, as it is stored, once per idempotency key.

        Raises:
            NotFound: there is none with this id.
        """
        return self.keep(self.get(plan_id), new, key)

    def keep(self, plan: Plan, new: NewCopy, key: str | None = None) -> Created:
        """Saves a plan that was read here or through a link of anybody's, as it is stored."""
        name = new.name or f"Copy of {plan.name}"[:MOST_NAME]
        content = dataclasses.replace(plan.row.content, name=name)
        return self._save(key, f"copy of {plan.id}", new, lambda: content)

    def recalculate(self, plan_id: str, new: NewRecalculation, key: str | None = None) -> Created:
        """Saves a plan's inputs, computed with today's engine and catalogue, as a new plan.

        Raises:
            NotFound: there is none with this id.
            InvalidInput: today the job cannot be planned; as `create`.
        """
        plan = self.get(plan_id)
        day = f", recalculated {self._clock():%-d %b %Y}"
        name = new.name or plan.name[: MOST_NAME - len(day)] + day
        again = NewPlan(name=name, request=plan.request(), preferences=plan.preferences())
        operation = f"recalculation of {plan_id}"
        return self._save(key, operation, new, lambda: self._freezer.freeze(again))

    def compared_with_today(self, plan: Plan) -> Recalculation:
        """A plan beside what its inputs would give today; nothing is stored.

        Raises:
            InvalidInput: today the job cannot be planned; as `create`.
        """
        job, result = self._freezer.compute(plan.request(), plan.preferences())
        return compared(plan.job(), plan.result(), job, result)

    def _save(
        self, key: str | None, operation: str, body: BaseModel, content: Callable[[], PlanContent]
    ) -> Created:
        def prepare() -> Store:
            plan_id, now = new_id("pl"), self._clock()
            plan = Plan(PlanRow(plan_id, FIRST_VERSION, content(), now, now))

            def store(repositories: Repositories) -> Created:
                repositories.plans.add(plan.id, plan.row.content, plan.created_at)
                return Created(plan.id, plan.document())

            return store

        return self._creator.create(key, operation, body, prepare)

    def computed(self, new: NewPlan, plan_id: str, now: datetime) -> Plan:
        """A plan as `create` would save it. Raises as `create`."""
        return Plan(PlanRow(plan_id, FIRST_VERSION, self._freezer.freeze(new), now, now))

    def page(self, cursor: str | None = None, limit: int = 50) -> Page[PlanSummary]:
        """The newest plans, or those after a cursor."""
        after = decode_cursor(cursor)
        with self._database.read() as repositories:
            rows = repositories.plans.page(after, limit + 1)
        return page_of(rows, limit, lambda row: Position(row.created_at, row.id), _summary)

    def using(self, profile_id: str, limit: int = 100) -> list[PlanSummary]:
        """The newest plans that were made with a profile; they keep what it was then."""
        if not is_id(profile_id):
            return []
        with self._database.read() as repositories:
            return [_summary(row) for row in repositories.plans.naming(profile_id, limit)]

    def get(self, plan_id: str, version: int | None = None) -> Plan:
        """One plan at a version, by default the current one.

        Raises:
            NotFound: there is none with this id, or it has no such version.
        """
        if not is_id(plan_id):
            raise plan_not_found(plan_id)
        with self._database.read() as repositories:
            row = repositories.plans.find(plan_id, version)
        if row is not None:
            return Plan(row)
        if version is None:
            raise plan_not_found(plan_id)
        raise NotFound(f"There is no version {version} of a plan {plan_id!r}.")

    def history(
        self, plan_id: str, cursor: str | None = None, limit: int = 50
    ) -> Page[PlanSummary]:
        """A plan's versions, newest first; a cursor is the version that a page ended with.

        Raises:
            NotFound: there is none with this id.
            InvalidInput: the cursor is not one of ours.
        """
        before = _version_of(cursor)
        if not is_id(plan_id):
            raise plan_not_found(plan_id)
        with self._database.read() as repositories:
            rows = repositories.plans.history(plan_id, before, limit + 1)
        if not rows and before is None:
            raise plan_not_found(plan_id)
        more = str(rows[limit - 1].version) if len(rows) > limit else None
        return Page([_summary(row) for row in rows[:limit]], more)

    def replace(self, plan_id: str, new: NewPlan, if_match: IfMatch) -> Plan:
        """Computes a plan anew from new inputs.

        Raises:
            NotFound: there is none with this id.
            PreconditionFailed: it has changed since the versions in `if_match`.
            InvalidInput: as `create`.
        """
        current = self.get(plan_id)
        if if_match.versions is not None and current.version not in if_match.versions:
            raise changed_meanwhile(KIND, current.version)  # before computing for nothing
        content = self._freezer.freeze(new)
        with self._database.write() as repositories:
            done = repositories.plans.replace(plan_id, if_match.versions, content, self._clock())
            row = repositories.plans.find(plan_id)
        if row is None:
            raise plan_not_found(plan_id)
        if not done:
            raise changed_meanwhile(KIND, row.version)
        return Plan(row)

    def delete(self, plan_id: str, if_match: IfMatch) -> None:
        """Deletes a plan and its shares. Raises as `replace`."""
        if not is_id(plan_id):
            raise plan_not_found(plan_id)
        with self._database.write() as repositories:
            if repositories.plans.delete(plan_id, if_match.versions):
                return
            row = repositories.plans.find(plan_id)
        if row is None:
            raise plan_not_found(plan_id)
        raise changed_meanwhile(KIND, row.version)


def plan_not_found(plan_id: str) -> NotFound:
    """The error for a plan that is not there."""
    return NotFound(f"There is no plan {plan_id!r}.")


def _version_of(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    if not re.fullmatch(r"[1-9][0-9]{0,8}", cursor):
        remedy = "Use the next_cursor of the page before, unchanged."
        raise InvalidInput(FieldError("/query/cursor", remedy))
    return int(cursor)


def _summary(row: PlanSummaryRow) -> PlanSummary:
    fields = dataclasses.asdict(row)
    fields["job"] = JOB.validate_json(row.job)
    return PlanSummary(**fields)
