"""What a version of a plan keeps: inputs, result, files and prices, as they are today."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from pydantic import TypeAdapter

from app.catalog import Catalog
from app.domain.job import Job
from app.domain.strategies import STRATEGIES
from app.schemas.configurations import Configuration
from app.schemas.estimates import EstimateRequest
from app.schemas.planning import PLAN_RESULT, PlanResult, Preferences
from app.schemas.plans import (
    NewPlan,
    PlannedHardware,
    PlannedJob,
    PlannedModel,
    PlannedPrice,
)
from app.services.configurations import configurations
from app.storage.plans import PlanContent

Files = Mapping[str, list[Configuration]]

JOB: TypeAdapter[PlannedJob] = TypeAdapter(PlannedJob)
FILES: TypeAdapter[Files] = TypeAdapter(dict[str, list[Configuration]])


class Resolves(Protocol):
    """Finds the model and the machine that a request names."""

    def job(self, request: EstimateRequest) -> Job: ...


class Plans(Protocol):
    """Plans a job."""

    def plan(self, request: EstimateRequest, preferences: Preferences) -> PlanResult: ...


class Freezer:
    """Computes plans with today's engine and catalogue."""

    def __init__(self, resolver: Resolves, planner: Plans, catalog: Catalog) -> None:
        self._resolver = resolver
        self._planner = planner
        self._catalog = catalog

    def compute(
        self, request: EstimateRequest, preferences: Preferences
    ) -> tuple[PlannedJob, PlanResult]:
        """What a request means today, and its result.

        Raises:
            InvalidInput: the job cannot be planned; pointers are into the estimate request.
        """
        result = self._planner.plan(request, preferences)
        return self._planned(self._resolver.job(request)), result

    def freeze(self, new: NewPlan) -> PlanContent:
        """Everything that a plan keeps. Raises as `compute` does."""
        planned, result = self.compute(new.request, new.preferences)
        return PlanContent(
            name=new.name,
            request=new.request.model_dump_json(exclude_unset=True),
            preferences=new.preferences.model_dump_json(),
            job=JOB.dump_json(planned).decode(),
            result=PLAN_RESULT.dump_json(result).decode(),
            configurations=FILES.dump_json(self._files(new, result)).decode(),
            verdict=result.headline.verdict,
            headline=result.headline.title,
            engine_version=result.estimate.engine_version,
            catalog_version=result.estimate.catalog_version,
        )

    def _files(self, new: NewPlan, result: PlanResult) -> Files:
        job, trainer = self._resolver.job(new.request), new.preferences.trainer
        return {
            found.strategy: configurations(job, STRATEGIES[found.strategy], found.verdict, trainer)
            for found in result.estimate.estimates
            if found.verdict != "unsupported"
        }

    def _planned(self, job: Job) -> PlannedJob:
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
                price=self._price(hardware.gpu.id),
                price_cents=hardware.price_cents,
            ),
        )

    def _price(self, gpu_id: str) -> PlannedPrice | None:
        entry = self._catalog.gpus.get(gpu_id)
        price = None if entry is None else entry.price
        if price is None:
            return None
        return PlannedPrice(price.kind, price.source, str(price.as_of))
