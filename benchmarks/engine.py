"""The engine in-process: one request, all strategies, from checked input to finished answer."""

from __future__ import annotations

import gc
from time import perf_counter

from app.schemas.estimates import EstimateRequest
from app.services.container import Services
from benchmarks.jobs import request_documents
from benchmarks.statistics import Times, report

JOBS = 2_000
WARM_UP = 200
AIM_MS = 1.0


def measure(services: Services) -> None:
    """Time every strategy of many distinct jobs; the first ones only warm the interpreter up."""
    documents = request_documents(services.catalog, WARM_UP + JOBS)
    requests = [EstimateRequest.model_validate(document) for document in documents]
    gc.collect()
    gc.freeze()  # as the server does when it starts
    strategies = 0
    seconds = []
    for request in requests:
        start = perf_counter()
        answer = services.estimator.estimate(request)
        seconds.append(perf_counter() - start)
        strategies = len(answer.estimates)

    times = Times.of(seconds[WARM_UP:])
    met = times.percentile(50) < AIM_MS
    report(f"estimate, {strategies} strategies", str(times), f"p50 < {AIM_MS:g} ms", met)
