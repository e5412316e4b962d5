"""The search for systems: the whole answer, and a sweep beside a loop over the same machines."""

from __future__ import annotations

import gc
from itertools import product
from random import Random
from time import perf_counter

from app.domain.job import Job
from app.domain.strategies import STRATEGIES
from app.domain.systems.machines import Machines
from app.domain.systems.ranking import best_of, preference
from app.domain.systems.sweep import sweep
from app.domain.units import GIB
from app.schemas.system_searches import SystemSearchRequest
from app.services.container import Services
from app.services.system_search import variants_of
from benchmarks.statistics import Times, report

MODELS = (
    "meta-llama/Llama-3.2-1B",
    "meta-llama/Llama-3.1-8B",
    "meta-llama/Llama-3.1-70B",
    "google/gemma-3-27b-pt",
    "deepseek-ai/DeepSeek-V3",
)
ROUNDS = 12
AIM_SEARCH_MS = 100.0

GPU_COUNTS = (1, 2, 4, 8)
SWEPT_NODES = 64
SAMPLE = 150
AIM_PER_SECOND = 2_000_000
AIM_RATIO = 50


def measure(services: Services) -> None:
    """Time searches over the whole catalogue, then a sweep and a loop, one after the other."""
    gc.collect()
    gc.freeze()  # as the server does when it starts
    for name, changes in (
        ("system search, one node", {}),
        (
            "system search, 4 nodes, offload",
            {
                "max_nodes": 4,
                "offload": "nvme",
                "training": {"activation_checkpointing": False},
            },
        ),
    ):
        first, times, candidates = _searches(services, changes)
        met = times.percentile(50) < AIM_SEARCH_MS
        shown = f"{times}   first {first.percentile(50):.0f} ms   {candidates:,} candidates"
        report(name, shown, f"p50 < {AIM_SEARCH_MS:g} ms", met)
    _compare(services)


def _searches(services: Services, changes: dict[str, object]) -> tuple[Times, Times, int]:
    """The first search for each model, which counts its parameters, and all later ones."""
    first: list[float] = []
    later: list[float] = []
    candidates = 0
    for number, model in product(range(ROUNDS), MODELS):
        request = SystemSearchRequest.model_validate({"model": {"id": model}, **changes})
        start = perf_counter()
        answer = services.systems.find(request, ())
        (later if number else first).append(perf_counter() - start)
        candidates = answer.candidates
    return Times.of(first), Times.of(later), candidates


def _compare(services: Services) -> None:
    """Every strategy with and without checkpointing, of every model in turn: both ways."""
    gpus = [entry.gpu for entry in services.catalog.gpus.values()]
    nodes = range(1, SWEPT_NODES + 1)
    machines = Machines.grid(gpus, GPU_COUNTS, nodes, 512 * GIB, 4_000 * GIB)
    places = Random(7).sample(range(len(machines)), SAMPLE)
    swept = looped = 0
    sweeping = looping = 0.0
    for model in MODELS:
        request = SystemSearchRequest.model_validate(
            {"model": {"id": model}, "training": {"activation_checkpointing": False}}
        )
        spec, sent, options = services.resolver.question(
            request.model, request.training, request.options
        )
        variants = [training for training, _ in variants_of(sent)]
        band_of = services.estimator.band_of

        start = perf_counter()
        outcomes = [
            {
                outcome.strategy.id: outcome
                for outcome in sweep(
                    spec, training, options, machines, STRATEGIES.values(), band_of
                )
            }
            for training in variants
        ]
        best_of(preference(STRATEGIES.values(), len(variants)), outcomes)
        sweeping += perf_counter() - start
        swept += len(machines) * len(variants) * len(STRATEGIES)

        start = perf_counter()
        for training, place in product(variants, places):
            job = Job(spec, machines.hardware(place), training, options)
            services.estimator.assess(job, STRATEGIES.values())
        looping += perf_counter() - start
        looped += len(variants) * len(places) * len(STRATEGIES)

    fast, slow = swept / sweeping, looped / looping
    report(
        "sweep",
        f"{fast:,.0f} configurations/s over {swept:,}",
        f"{AIM_PER_SECOND:,}/s",
        fast >= AIM_PER_SECOND,
    )
    report("loop over the same machines", f"{slow:,.0f} configurations/s over {looped:,}")
    ratio = fast / slow
    report(
        "sweep : loop", f"{ratio:,.0f} times as fast", f">= {AIM_RATIO} times", ratio >= AIM_RATIO
    )
