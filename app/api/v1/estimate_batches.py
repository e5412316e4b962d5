"""`POST /api/v1/estimate-batches`: many jobs, answered line by line as they are computed."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body
from starlette.responses import StreamingResponse

from app.api.v1.routing import api_router
from app.http.dependencies import ServicesDep
from app.http.streaming import JsonLines, stream_lines
from app.schemas.batches import BATCH_LINE, ESTIMATE_BATCHES, BatchLine, EstimateBatch
from app.services.batches import batch_lines

router = api_router("estimates", "/estimate-batches")


@router.post(
    "",
    summary="Plan many jobs, streamed line by line",
    response_class=JsonLines,
    responses={
        200: {
            "model": BatchLine,
            "description": "JSON Lines: one document a job, in order; then one that counts them.",
        }
    },
)
def create_estimate_batch(
    body: Annotated[EstimateBatch, Body(openapi_examples=ESTIMATE_BATCHES)],
    services: ServicesDep,
) -> StreamingResponse:
    """Up to 1,000 jobs, each answered as soon as it is computed. Nothing is stored.

    A job that cannot be planned is a line with its `row` and `errors`, whose pointers are into that
    job; the others go on. The last line has `row` 0 and `counts`: without it the stream was cut
    off. The next job is computed when the client has taken the last line, and none after it has
    gone. With curl: `curl -N -H 'Content-Type: application/json' -d @jobs.json …/estimate-batches`.
    """
    lines = batch_lines(body, services.planner, services.resolver, services.catalog.version)
    texts = (BATCH_LINE.dump_json(line, exclude_none=True).decode() + "\n" for line in lines)
    return stream_lines(texts, JsonLines.media_type)
