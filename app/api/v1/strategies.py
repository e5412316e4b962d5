"""`GET /api/v1/strategies`: the strategies, in the order in which pages show them."""

from __future__ import annotations

from fastapi import APIRouter

from app.schemas.listings import StrategyList
from app.services.listings import strategy_list

router = APIRouter(prefix="/strategies", tags=["catalogue"])


@router.get("", summary="List the strategies")
async def list_strategies() -> StrategyList:
    """What each strategy shards, and where it keeps it."""
    return strategy_list()
