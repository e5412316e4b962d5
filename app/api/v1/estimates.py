"""`POST /api/v1/estimates`: the memory of a job under each strategy, and whether it fits."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body, Response
from fastapi.concurrency import run_in_threadpool

from app.api.v1.routing import api_router
from app.http.dependencies import ServicesDep
from app.schemas.estimates import ESTIMATE_RESPONSE, EstimateRequest, EstimateResponse
from app.schemas.examples import ESTIMATE_REQUESTS

router = api_router("estimates", "/estimates")


@router.post(
    "",
    summary="Estimate the memory of a training job",
    response_model=EstimateResponse,
)
async def create_estimate(
    body: Annotated[EstimateRequest, Body(openapi_examples=ESTIMATE_REQUESTS)],
    services: ServicesDep,
) -> Response:
    """Bytes per GPU by phase and component, a verdict and its evidence, for each strategy.

    Nothing is stored. An impossible combination is `unsupported` with its reason in `notes`.
    """
    # Arithmetic alone is done on the event loop; only a saved profile needs the database.
    if body.model.profile or body.hardware.profile:
        answer = await run_in_threadpool(services.estimator.estimate, body)
    else:
        answer = services.estimator.estimate(body)
    return Response(ESTIMATE_RESPONSE.dump_json(answer), media_type="application/json")
