"""`POST /api/v1/system-searches`: which systems can run a training job, best first."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body, Response

from app.api.v1.routing import api_router
from app.http.dependencies import ServicesDep
from app.http.openapi import problems
from app.schemas.system_searches import (
    SYSTEM_SEARCH,
    SYSTEM_SEARCH_REQUESTS,
    SystemSearch,
    SystemSearchRequest,
)

router = api_router("system searches", "/system-searches")


@router.post(
    "",
    summary="Find systems for a training job",
    response_model=SystemSearch,
    responses=problems(503),
)
def create_system_search(
    body: Annotated[SystemSearchRequest, Body(openapi_examples=SYSTEM_SEARCH_REQUESTS)],
    services: ServicesDep,
) -> Response:
    """Every GPU of the catalogue in every count on every number of nodes, and saved systems.

    One result per system, with its best strategy: what fits before what is tight, then the lower
    price (unpriced ones last), fewer GPUs, no offload, the training as sent, the simpler strategy,
    more headroom. Nothing is stored. Prices are indicative and of the cards alone; hourly rates are
    never mixed in.
    """
    answer = services.systems.search(body)
    return Response(SYSTEM_SEARCH.dump_json(answer), media_type="application/json")
