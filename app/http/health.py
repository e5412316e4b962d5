"""What machines ask: is it alive, can it keep what it is given, how does it do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fastapi import APIRouter, HTTPException, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.concurrency import run_in_threadpool

from app.http.dependencies import ServicesDep
from app.http.openapi import operation_id, problems
from app.storage.errors import StorageUnavailable

router = APIRouter(tags=["health"], generate_unique_id_function=operation_id)


@dataclass(frozen=True, slots=True)
class Health:
    """The process answers."""

    status: Literal["ok"]


@dataclass(frozen=True, slots=True)
class Readiness:
    """The database takes writes and has the expected schema."""

    status: Literal["ready"]
    database: str
    database_version: str
    schema_revision: str
    catalog_version: str


@router.get("/healthz", summary="Is the process alive?")
async def get_health() -> Health:
    """Answers without the database, so a slow one does not get the process restarted."""
    return Health("ok")


@router.get("/readyz", summary="Can it keep what it is given?", responses=problems(503))
async def get_readiness(request: Request, services: ServicesDep) -> Readiness:
    """Writes to the database, takes that back, and compares the schema with the expected one."""
    if request.app.state.lifecycle.draining:
        # Said at once, and not behind the requests that are still being answered.
        raise HTTPException(503, "This process is about to end. Ask another one.")
    try:
        state = await run_in_threadpool(services.database.probe)
    except StorageUnavailable as error:
        raise HTTPException(503, f"The database is not ready: {error}.") from error
    return Readiness(
        "ready", state["database"], state["version"], state["schema"], services.catalog.version
    )


@router.get("/metrics", include_in_schema=False)
def get_metrics(request: Request) -> Response:
    """Figures in the text format of Prometheus. They name no person, key, object or address."""
    body = generate_latest(request.app.state.metrics.registry)
    headers = {"Cache-Control": "no-store"}
    return Response(body, headers=headers, media_type=CONTENT_TYPE_LATEST)
