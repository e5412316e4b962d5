"""`GET /api/v1/strategies`: the strategies, in the order in which pages show them."""

from __future__ import annotations

from app.api.v1.routing import api_router
from app.schemas.listings import StrategyList
from app.services.listings import strategy_list

router = api_router("catalogue", "/strategies")


@router.get("", summary="List the strategies")
async def list_strategies() -> StrategyList:
    """What each strategy shards, and where it keeps it."""
    return strategy_list()
