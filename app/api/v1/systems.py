"""`/api/v1/systems`: the machines that are sold or rented as one."""

from __future__ import annotations

from app.api.v1.routing import api_router
from app.http.dependencies import ServicesDep
from app.http.openapi import problems
from app.schemas.catalog import SystemDocument, Systems

router = api_router("catalogue", "/systems")


@router.get("", summary="List the systems")
def list_systems(services: ServicesDep) -> Systems:
    """Every system with its host, network, price and sources; `hardware` can be estimated."""
    return services.catalog_documents.systems


@router.get("/{system_id}", summary="Read a system", responses=problems(404))
def get_system(system_id: str, services: ServicesDep) -> SystemDocument:
    """One system."""
    return services.catalog_documents.system(system_id)
