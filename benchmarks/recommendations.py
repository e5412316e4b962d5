"""The recommendation in-process: choosing, explaining and looking for what would make a job fit."""

from __future__ import annotations

from time import perf_counter

from app.schemas.recommendations import RecommendationRequest
from app.services.container import Services
from benchmarks.jobs import request_documents
from benchmarks.statistics import Times, report

JOBS = 200
WARM_UP = 100
AIM_MS = 60.0


def measure(services: Services) -> None:
    """Time many distinct jobs; those that do not fit cost a search among changes.

    The first ones meet every model once, of which some facts are then kept.
    """
    documents = request_documents(services.catalog, WARM_UP + JOBS)
    requests = [RecommendationRequest.model_validate(document) for document in documents]
    fitting: list[float] = []
    searching: list[float] = []
    for number, request in enumerate(requests):
        start = perf_counter()
        answer = services.recommender.recommend(request)
        seconds = perf_counter() - start
        if number >= WARM_UP:
            (fitting if answer.verdict == "fits" else searching).append(seconds)
    report("recommendation, fits", str(Times.of(fitting)))
    times = Times.of(searching)
    met = times.percentile(50) < AIM_MS
    report("recommendation, does not fit", str(times), f"p50 < {AIM_MS:g} ms", met)
