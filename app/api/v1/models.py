"""`/api/v1/models`: the models of the catalogue."""

from __future__ import annotations

from app.api.v1.routing import api_router
from app.http.dependencies import ServicesDep
from app.http.openapi import problems
from app.schemas.catalog import Models, ModelWithConfig

router = api_router("catalogue", "/models")


@router.get("", summary="List the models")
def list_models(services: ServicesDep) -> Models:
    """Every model that can be planned by its id, with exact parameter counts."""
    return services.catalog_documents.models


@router.get("/{model_id:path}", summary="Read a model", responses=problems(404))
def get_model(model_id: str, services: ServicesDep) -> ModelWithConfig:
    """One model with the architecture that it is planned with; the id has a slash in it."""
    return services.catalog_documents.model(model_id)
