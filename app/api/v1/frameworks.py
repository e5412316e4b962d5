"""`GET /api/v1/frameworks`: the frameworks and the strategies that each implements."""

from __future__ import annotations

from fastapi import APIRouter

from app.schemas.listings import FrameworkList
from app.services.listings import framework_list

router = APIRouter(prefix="/frameworks", tags=["catalogue"])


@router.get("", summary="List the frameworks")
async def list_frameworks() -> FrameworkList:
    """Each framework with the version that was measured, and how they compare, with sources."""
    return framework_list()
