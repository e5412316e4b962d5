"""Fits, tight or not: a strategy's memory held against what the machine really offers."""

from __future__ import annotations

from typing import Literal, NamedTuple

from app.domain.estimate import Capacity, Usage, largest_micro_batch
from app.domain.frameworks import ENGINES
from app.domain.job import Job
from app.domain.strategies import Strategy
from app.domain.units import GIB, ceil_div

Verdict = Literal["fits", "tight", "does_not_fit", "unsupported"]

# Nine of ten measured runs fall within this share of the estimate where every term is derived.
DERIVED_BAND_PERCENT = 3
# Where a term is an assumption that nobody has measured.
ASSUMED_BAND_PERCENT = 10


class Judgement(NamedTuple):
    """The verdict on one strategy. Bytes per GPU.

    `short_of` names what there is too little of: GPU memory, host memory or NVMe.
    """

    verdict: Verdict
    low: int
    high: int
    headroom: int
    max_micro_batch: int
    short_of: tuple[str, ...]
    notes: tuple[str, ...]


def judge(job: Job, strategy: Strategy, usage: Usage, capacity: Capacity) -> Judgement:
    """Hold a strategy's usage against the GPU, the host memory and the NVMe.

    `fits`: it runs with the allocator asked for. The default allocator fragments, so it needs the
    engine's `safe_percent` of the peak; with expandable segments the top of the band is enough.
    `tight`: it needs `expandable_segments:True`, or the answer lies within the band.
    """
    band = ASSUMED_BAND_PERCENT if usage.assumed else DERIVED_BAND_PERCENT
    low = usage.peak * (100 - band) // 100
    high = ceil_div(usage.peak * (100 + band), 100) + usage.second_step
    expandable = job.options.allocator == "expandable_segments"
    safe = 100 if expandable else ENGINES[strategy.engine].safe_percent
    usable = capacity.usable
    limit = min(usable * 100 // safe, (usable - usage.second_step) * 100 // (100 + band))
    shortages = _shortages(job, usage)
    notes = list(shortages.values())
    verdict: Verdict
    if shortages or usable < low:
        verdict = "does_not_fit"
    elif usage.peak <= limit:
        verdict = "fits"
    else:
        verdict = "tight"
        notes.append(_how_to_run(expandable, high <= usable))
    batch = largest_micro_batch(usage.loads, limit, job.training.micro_batch_size)
    return Judgement(
        verdict=verdict,
        low=low,
        high=high,
        headroom=usable - usage.peak,
        max_micro_batch=0 if shortages else batch,
        short_of=(*(("GPU memory",) if usable < low else ()), *shortages),
        notes=tuple(notes),
    )


def _how_to_run(expandable: bool, inside: bool) -> str:
    if not expandable and inside:
        return "Set PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True to run it."
    return "The limit lies inside the error band: measure before you promise it."


def _shortages(job: Job, usage: Usage) -> dict[str, str]:
    """What a node has too little of, with the sentence that says so."""
    hardware = job.hardware
    places = (
        ("host memory", usage.host, hardware.host_memory_bytes),
        ("NVMe", usage.nvme, hardware.nvme_bytes),
    )
    return {
        place: f"Needs {ceil_div(need, GIB):,} GiB of {place} per node; "
        f"{offer // GIB:,} GiB is there."
        for place, need, offer in places
        if need > offer
    }
