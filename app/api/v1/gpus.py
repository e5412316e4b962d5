"""`/api/v1/gpus`: the GPUs of the catalogue."""

from __future__ import annotations

from app.api.v1.routing import api_router
from app.http.dependencies import ServicesDep
from app.http.openapi import problems
from app.schemas.catalog import GpuDocument, Gpus

router = api_router("catalogue", "/gpus")


@router.get("", summary="List the GPUs")
def list_gpus(services: ServicesDep) -> Gpus:
    """Every GPU that can be planned by its id, with the sources of its figures."""
    return services.catalog_documents.gpus


@router.get("/{gpu_id}", summary="Read a GPU", responses=problems(404))
def get_gpu(gpu_id: str, services: ServicesDep) -> GpuDocument:
    """One GPU."""
    return services.catalog_documents.gpu(gpu_id)
