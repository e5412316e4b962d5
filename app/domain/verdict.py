"""Fits, tight or not: a strategy's memory held against what the machine really offers."""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

from app.domain.estimate import Capacity, Usage, largest_micro_batch
from app.domain.job import Job
from app.domain.strategies import Strategy
from app.domain.units import GIB, MIB, Integer, ceil_div, largest, smallest

Verdict = Literal["fits", "tight", "does_not_fit", "unsupported"]
# Best first: a sweep's grades are places in this list.
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
FITS, TIGHT, DOES_NOT_FIT, UNSUPPORTED = range(4)

# Nine of ten measured runs fall within this share of the estimate, where every term is derived and
# runs like the job were measured. Whoever knows the runs passes a wider one for other jobs.
DERIVED_BAND_PERCENT = 3
# Where a term is an assumption that nobody has measured.
ASSUMED_BAND_PERCENT = 10


# What the default allocator needs beyond the peak. Fitted on the capped runs: at 1.10 times the
# peak 5 of 6 runs under DDP ran out of memory; at 1.20 all but 4 of 46 under FSDP and DeepSpeed
# ran, and those four peak below 7 GiB, where what each stream keeps weighs most.
SAFE_PERCENT = 120
SAFE_BYTES = 512 * MIB
# And what expandable segments need beyond the band: each stream's pool grows by whole pages. One
# capped run of 17 failed at 1.03 times its peak of 4 GiB.
PAGES_BYTES = 256 * MIB


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


class Standing(NamedTuple):
    """A usage held against what is there: numbers, or arrays of them. Bytes per GPU.

    `grade` is the verdict's place in `VERDICTS`.
    """

    low: Integer
    high: Integer
    headroom: Integer
    grade: Integer
    max_micro_batch: Integer


class Band(NamedTuple):
    """Where nine of ten real runs fall, from their steady to their highest peak. Bytes per GPU.

    `percent` is its half-width around the estimated peak, without races in the first steps.
    """

    low: Integer
    high: Integer
    percent: Integer


def band_around(usage: Usage, percent: Integer) -> Band:
    """So many per cent around the peak, more with an assumed term; first-step races on top."""
    share = largest(percent, ASSUMED_BAND_PERCENT) if usage.assumed else percent
    low = usage.peak * (100 - share) // 100
    return Band(low, ceil_div(usage.peak * (100 + share), 100) + usage.second_step, share)


def hold(
    job: Job,
    strategy: Strategy,
    usage: Usage,
    usable: Integer,
    is_short: Integer,
    band_percent: Integer = DERIVED_BAND_PERCENT,
) -> Standing:
    """Hold a strategy's usage against the usable bytes of a GPU.

    `is_short`: whether a node has too little host memory or NVMe.

    `fits`: it runs with the allocator asked for. The default allocator fragments, so it needs
    `SAFE_PERCENT` of the peak and `SAFE_BYTES`; with expandable segments the top of the band
    and `PAGES_BYTES` are enough.
    `tight`: it needs `expandable_segments:True`, or the answer lies within the band.
    """
    low, high, share = band_around(usage, band_percent)
    expandable = job.options.allocator == "expandable_segments"
    limit = (usable - PAGES_BYTES - usage.second_step) * 100 // (100 + share)
    if not expandable:
        limit = smallest(limit, (usable - SAFE_BYTES) * 100 // SAFE_PERCENT)
    lacks = is_short | (usable < low)
    batch = largest_micro_batch(usage.loads, limit, job.training.micro_batch_size)
    return Standing(
        low=low,
        high=high,
        headroom=usable - usage.peak,
        grade=DOES_NOT_FIT * lacks + TIGHT * (1 - lacks) * (usage.peak > limit),
        max_micro_batch=batch * (1 - is_short),
    )


def judge(
    job: Job,
    strategy: Strategy,
    usage: Usage,
    capacity: Capacity,
    band_percent: int = DERIVED_BAND_PERCENT,
) -> Judgement:
    """Hold a strategy's usage against the GPU, the host memory and the NVMe; say what is short."""
    usable = capacity.usable
    shortages = _shortages(job, usage)
    notes = list(shortages.values())
    standing = hold(job, strategy, usage, usable, bool(shortages), band_percent)
    if standing.grade == TIGHT:
        expandable = job.options.allocator == "expandable_segments"
        notes.append(_how_to_run(expandable, standing.high + PAGES_BYTES <= usable))
    return Judgement(
        verdict=VERDICTS[standing.grade],
        low=standing.low,
        high=standing.high,
        headroom=standing.headroom,
        max_micro_batch=standing.max_micro_batch,
        short_of=(*(("GPU memory",) if usable < standing.low else ()), *shortages),
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
