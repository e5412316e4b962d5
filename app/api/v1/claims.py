"""`GET /api/v1/claims`: published memory figures, held against the engine."""

from __future__ import annotations

from app.api.v1.routing import api_router
from app.http.dependencies import ServicesDep
from app.schemas.claims import ClaimList

router = api_router("catalogue", "/claims")


@router.get("", summary="List the published claims")
def list_claims(services: ServicesDep) -> ClaimList:
    """Figures that are often quoted: what each counts, what the engine says of it, and a judgement.

    Each setting's `request` can be posted to `/estimates` as it is.
    """
    return services.claims.document
