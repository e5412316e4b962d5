"""`GET /api/v1/frameworks`: the frameworks and the strategies that each implements."""

from __future__ import annotations

from app.api.v1.routing import api_router
from app.schemas.listings import FrameworkList
from app.services.listings import framework_list

router = api_router("catalogue", "/frameworks")


@router.get("", summary="List the frameworks")
async def list_frameworks() -> FrameworkList:
    """Each framework with the version that was measured, and how they compare, with sources."""
    return framework_list()
