"""`/api/v1/profiles`: every saved profile in one document, out and in."""

from __future__ import annotations

from typing import Any

from fastapi import Response

from app.api.v1.routing import api_router
from app.http.dependencies import ServicesDep
from app.schemas.profile_transfer import ImportReport, ProfilesDocument, ProfilesImport

router = api_router("profiles", "/profiles", stored=True)


@router.get("", summary="Export all saved profiles", response_model=ProfilesDocument)
def export_profiles(services: ServicesDep, response: Response) -> Any:
    """Every saved model and machine, as an import takes them."""
    response.headers["Content-Disposition"] = 'attachment; filename="shardplan-profiles.json"'
    return services.profile_transfer.export()


@router.post("/imports", summary="Import profiles")
def import_profiles(body: ProfilesImport, services: ServicesDep) -> ImportReport:
    """Saves all profiles of a document or none, and says what became of each.

    A profile whose name is not taken is new; one that is saved already, to the letter, is left
    alone; for the rest `on_conflict` decides.
    """
    return services.profile_transfer.take_in(body)
