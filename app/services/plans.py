"""Saved plans: inputs and result, frozen when they are saved and never recomputed on reading."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from pydantic import TypeAdapter

from app.domain.job import Job
from app.schemas.estimates import EstimateRequest
from app.schemas.pages import Page
from app.schemas.planning import PLAN_RESULT, PlanResult, Preferences
from app.schemas.plans import (
    NewPlan,
    PlannedHardware,
    PlannedJob,
    PlannedModel,
    PlanSummary,
)
from app.services.clock import Clock
from app.services.concurrency import IfMatch
from app.services.creating import FIRST_VERSION, Created, Creator, Store
from app.services.cursors import decode_cursor
from app.services.errors import NotFound
from app.services.ids import is_id, new_id
from app.services.profiles import changed_meanwhile, page_of
from app.storage.database import Database
from app.storage.plans import PlanContent, PlanRow, PlanSummaryRow
from app.storage.repositories import Repositories
from app.storage.versioned import Position

KIND = "plan"
_JOB: TypeAdapter[PlannedJob] = TypeAdapter(PlannedJob)


class Resolves(Protocol):
    """Finds the model and the machine that a request names."""

    def job(self, request: EstimateRequest) -> Job: ...


class Plans(Protocol):
    """Plans a job."""

    def plan(self, request: EstimateRequest, preferences: Preferences) -> PlanResult: ...


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
        return _JOB.validate_json(self.row.content.job)

    def result(self) -> PlanResult:
        """The result as it was computed."""
        return PLAN_RESULT.validate_json(self.row.content.result)

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
            f',"job":{content.job},"result":{content.result}{extra}}}'
        )


class PlanService:
    """Create, list, read, replace and delete plans."""

    def __init__(
        self, database: Database, clock: Clock, resolver: Resolves, planner: Plans
    ) -> None:
        self._database = database
        self._clock = clock
        self._resolver = resolver
        self._planner = planner
        self._creator = Creator(database, clock)

    def create(self, new: NewPlan, key: str | None = None) -> Created:
        """Computes and saves a plan, once per idempotency key.

        Raises:
            InvalidInput: the job cannot be planned; pointers are into the estimate request.
        """

        def prepare() -> Store:
            plan = self.computed(new, new_id("pl"), self._clock())

            def store(repositories: Repositories) -> Created:
                repositories.plans.add(plan.id, plan.row.content, plan.created_at)
                return Created(plan.id, plan.document())

            return store

        return self._creator.create(key, KIND, new, prepare)

    def computed(self, new: NewPlan, plan_id: str, now: datetime) -> Plan:
        """A plan as `create` would save it. Raises as `create`."""
        return Plan(PlanRow(plan_id, FIRST_VERSION, self._computed(new), now, now))

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

    def get(self, plan_id: str) -> Plan:
        """One plan.

        Raises:
            NotFound: there is none with this id.
        """
        if is_id(plan_id):
            with self._database.read() as repositories:
                row = repositories.plans.find(plan_id)
            if row is not None:
                return Plan(row)
        raise plan_not_found(plan_id)

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
        content = self._computed(new)
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

    def _computed(self, new: NewPlan) -> PlanContent:
        result = self._planner.plan(new.request, new.preferences)
        return PlanContent(
            name=new.name,
            request=new.request.model_dump_json(exclude_unset=True),
            preferences=new.preferences.model_dump_json(),
            job=_JOB.dump_json(_planned(self._resolver.job(new.request))).decode(),
            result=PLAN_RESULT.dump_json(result).decode(),
            configurations="{}",
            verdict=result.headline.verdict,
            headline=result.headline.title,
            engine_version=result.estimate.engine_version,
            catalog_version=result.estimate.catalog_version,
        )


def plan_not_found(plan_id: str) -> NotFound:
    """The error for a plan that is not there."""
    return NotFound(f"There is no plan {plan_id!r}.")


def _planned(job: Job) -> PlannedJob:
    hardware = job.hardware
    return PlannedJob(
        PlannedModel(job.spec.id, job.spec.name),
        PlannedHardware(
            gpu=hardware.gpu,
            gpus_per_node=hardware.gpus_per_node,
            nodes=hardware.nodes,
            host_memory_bytes=hardware.host_memory_bytes,
            nvme_bytes=hardware.nvme_bytes,
            usable_memory_bytes=hardware.usable_memory_bytes,
        ),
    )


def _summary(row: PlanSummaryRow) -> PlanSummary:
    fields = dataclasses.asdict(row)
    fields["job"] = _JOB.validate_json(row.job)
    return PlanSummary(**fields)
