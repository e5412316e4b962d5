"""`POST /api/v1/recommendations`: which framework and strategy, why, and what would make it fit."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body, Response
from fastapi.concurrency import run_in_threadpool

from app.api.v1.routing import api_router
from app.http.dependencies import ServicesDep
from app.schemas.recommendations import (
    RECOMMENDATION,
    RECOMMENDATION_REQUESTS,
    Recommendation,
    RecommendationRequest,
)

router = api_router("recommendations", "/recommendations")


@router.post(
    "",
    summary="Recommend a framework and a strategy for a training job",
    response_model=Recommendation,
)
async def create_recommendation(
    body: Annotated[RecommendationRequest, Body(openapi_examples=RECOMMENDATION_REQUESTS)],
    services: ServicesDep,
) -> Response:
    """One strategy with its reasons, every other one with why not, and files that run.

    Nothing is stored. Where the job does not fit, `changes_to_fit` says what would: merge a `patch`
    into the request (objects merge, lists and scalars replace) to be answered its verdict.
    """
    # Many what-ifs: tens of milliseconds of arithmetic that should not hold other requests up.
    answer = await run_in_threadpool(services.recommender.recommend, body)
    return Response(RECOMMENDATION.dump_json(answer), media_type="application/json")
