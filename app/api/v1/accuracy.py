"""`/api/v1/accuracy`: how far off the engine is, on our measured runs and on anybody's."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body, Query
from starlette.responses import Response

from app.api.v1.routing import api_router
from app.http.dependencies import ServicesDep
from app.http.openapi import problems
from app.schemas.accuracy import ACCURACY, Accuracy, MeasuredRuns, RunComparison, RunDetail
from app.schemas.examples import MEASURED_RUNS
from app.services.accuracy import Selection

router = api_router("accuracy", "/accuracy")

Filter = Annotated[str, Query(max_length=100)]


@router.get("", summary="Show the error of every measured run", response_model=Accuracy)
def get_accuracy(
    services: ServicesDep,
    strategy: Filter = "",
    family: Filter = "",
    method: Filter = "",
    campaign: Filter = "",
    trainer: Filter = "",
) -> Response:
    """Each measured training step beside what the engine says of it now, and sums of the errors.

    The filters take one strategy, model family (`model_type`), method, campaign or training loop
    (`trainer`).
    """
    selection = Selection(strategy, family, method, campaign, trainer)
    accuracy = services.accuracy.select(selection)
    return Response(ACCURACY.dump_json(accuracy), media_type="application/json")


@router.get("/runs/{run_id}", summary="Get one measured run", responses=problems(404))
def get_measured_run(services: ServicesDep, run_id: str) -> RunDetail:
    """One run with the allocations at its predicted peak, and the estimate request that it ran."""
    return services.accuracy.run(run_id)


@router.post("/comparisons", summary="Compare your own measured runs")
def compare_runs(
    body: Annotated[MeasuredRuns, Body(openapi_examples=MEASURED_RUNS)], services: ServicesDep
) -> RunComparison:
    """The engine's error on runs that you measured. Nothing is stored.

    Each run is one line of the harness's results, as JSON.
    """
    return services.runs.compare_documents(body.runs)
