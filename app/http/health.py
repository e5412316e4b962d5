"""`/healthz`: the process answers. `/readyz`: it can keep what it is given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fastapi import APIRouter, HTTPException

from app.http.dependencies import ServicesDep
from app.http.openapi import problems
from app.storage.errors import StorageUnavailable

router = APIRouter(tags=["health"])


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
def get_readiness(services: ServicesDep) -> Readiness:
    """Writes to the database, takes that back, and compares the schema with the expected one."""
    try:
        state = services.database.probe()
    except StorageUnavailable as error:
        raise HTTPException(503, f"The database is not ready: {error}.") from error
    return Readiness(
        "ready", state["database"], state["version"], state["schema"], services.catalog.version
    )
