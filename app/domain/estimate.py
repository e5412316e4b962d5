"""From a job and a strategy to its memory: phases, the peak's components, what lies around them."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np

from app.domain.formulas import overhead
from app.domain.formulas.registry import Bundle, Term
from app.domain.frameworks import ENGINES, Engine
from app.domain.frameworks.reserving import Levels
from app.domain.job import PHASES, Job, Moment, Phase, Timeline
from app.domain.precision import StreamId
from app.domain.quantities import ModelQuantities, quantities_of
from app.domain.step_activations import StepActivations
from app.domain.strategies import Strategy
from app.domain.units import Integer, largest, smallest

STEP_PHASES: tuple[Phase, ...] = ("forward", "backward", "step")

# Activations by the stream that they are in and the element size of its adapters.
Steps: TypeAlias = dict[tuple[StreamId, int], StepActivations]


class Capacity(NamedTuple):
    """Bytes of one GPU: what PyTorch sees, what context, libraries and NCCL take, what is left."""

    device: Integer
    runtime: Integer
    usable: Integer


class Load(NamedTuple):
    """A moment's bytes, split into what grows with the micro-batch and what does not."""

    moment: Moment
    fixed: Integer
    growing: Integer

    @property
    def bytes(self) -> Integer:
        return self.fixed + self.growing


class Usage(NamedTuple):
    """One strategy's memory. Bytes per GPU, except host and NVMe: per node.

    `second_step` is what a race in the first steps may add to the peak; `assumed` whether any
    allocation of the step is an assumption that nobody has measured.
    """

    phases: dict[Phase, Integer]
    peak: Integer
    reserved: Integer
    device_used: Integer
    second_step: Integer
    host: Integer
    nvme: Integer
    loads: list[Load]
    assumed: bool
    notes: list[str]

    @property
    def top(self) -> Moment:
        """The moment of the peak (of plain numbers only); its terms sum to `peak` exactly."""
        return next(
            load.moment
            for load in self.loads
            if load.bytes == self.peak and load.moment.phase in STEP_PHASES
        )

    @property
    def components(self) -> tuple[Term, ...]:
        """The allocations alive at the peak."""
        return tuple(term for term in self.top.terms if term.bytes)


class Evaluator:
    """Evaluates strategies for one job, sharing what they have in common.

    Good for every machine of the same numbers of GPUs and nodes and the same cuBLAS workspace.
    `steps`: where activations are kept, for it to share with others of the same activations.
    """

    def __init__(self, job: Job, steps: Steps | None = None) -> None:
        self.job = job
        self.quantities: ModelQuantities = quantities_of(
            job.spec, job.training.method, job.training.lora
        )
        self.steps: Steps = {} if steps is None else steps
        self._usages: dict[str, Usage] = {}

    def timeline(self, strategy: Strategy) -> Timeline:
        """The strategy's moments."""
        engine = ENGINES[strategy.engine]
        return engine.timeline(self.job, strategy, self.quantities, self._step(engine))

    def _step(self, engine: Engine) -> StepActivations:
        numerics = engine.numerics[self.job.training.precision]
        key = (numerics.stream, engine.adapter_bytes(self.job))
        if key not in self.steps:
            self.steps[key] = StepActivations(self.job, self.quantities, *key)
        return self.steps[key]

    def usage(self, strategy: Strategy) -> Usage:
        """Evaluate a strategy, once; a job of plain numbers gives plain numbers."""
        if strategy.id not in self._usages:
            self._usages[strategy.id] = self._evaluated(strategy)
        return self._usages[strategy.id]

    def _evaluated(self, strategy: Strategy) -> Usage:
        engine = ENGINES[strategy.engine]
        timeline = self.timeline(strategy)
        loads, assumed = weigh(timeline.moments)
        phases = phase_peaks(loads)
        peak = largest(*(phases[phase] for phase in STEP_PHASES))
        in_step = phases["step"] - phases["resident"]
        levels = Levels(peak, phases["resident"], in_step)
        reserved = engine.reserved(self.job, strategy, self.quantities, levels)
        distributed = smallest(self.job.hardware.world_size - 1, 1)
        outside = overhead.CONTEXT + engine.libraries + engine.nccl * distributed
        per_node = self.job.hardware.gpus_per_node
        return Usage(
            phases=phases,
            peak=peak,
            reserved=reserved,
            device_used=reserved + outside,
            loads=loads,
            assumed=assumed,
            second_step=timeline.second_step_bytes,
            host=(engine.host_process + timeline.host_bytes) * per_node,
            nvme=timeline.nvme_bytes * per_node,
            notes=timeline.notes,
        )


def capacity_of(job: Job) -> Capacity:
    """What the caching allocator may hold on each GPU of the job's hardware.

    The most demanding framework's context, libraries and NCCL are deducted, so that one capacity
    line serves all strategies. A given `usable_memory_bytes` is taken as it is.
    """
    hardware = job.hardware
    device = hardware.gpu.torch_bytes
    given = hardware.usable_memory_bytes
    if given is not None:
        return Capacity(largest(device, given), 0, given)
    runtime = runtime_bytes(hardware.world_size)
    return Capacity(device, runtime, device - runtime)


def runtime_bytes(world_size: Integer) -> Integer:
    """What context, libraries and, between several ranks, NCCL take of each GPU."""
    distributed = smallest(world_size - 1, 1)
    return overhead.CONTEXT + overhead.LIBRARIES_SHARDED + overhead.NCCL_DEEPSPEED * distributed


def weigh(moments: list[Moment]) -> tuple[list[Load], bool]:
    """Add each moment up; also whether any allocation is an assumption."""
    loads = []
    assumed = False
    for moment in moments:
        total = Bundle(*moment.parts)
        assumed = assumed or total.assumed
        loads.append(Load(moment, total.fixed, total.growing))
    return loads, assumed


def phase_peaks(loads: list[Load]) -> dict[Phase, Integer]:
    """The highest bytes of each phase; no phase is below what is resident when it starts."""
    by_phase: dict[Phase, list[Integer]] = {phase: [] for phase in PHASES}
    for load in loads:
        by_phase[load.moment.phase].append(load.fixed + load.growing)
    resident = largest(*by_phase["resident"])
    for phase in STEP_PHASES:
        by_phase[phase].append(resident)
    return {phase: largest(*sizes) for phase, sizes in by_phase.items()}


def largest_micro_batch(loads: list[Load], limit: Integer, micro_batch: Integer) -> Integer:
    """The largest micro-batch whose peak is at most `limit` bytes; 0 if none is.

    Exact, not searched: every formula is either constant in the micro-batch or proportional to it
    (`Formula.per_sample`), so each moment is a straight line.
    """
    batch: Integer = None
    possible: Integer = True
    for _, fixed, growing in loads:
        possible = possible & (fixed <= limit)
        if isinstance(growing, np.ndarray) or growing:
            most = (limit - fixed) * micro_batch // growing
            batch = most if batch is None else smallest(batch, most)
    return 0 if batch is None else batch * possible


def steepest(loads: list[Load]) -> list[Load]:
    """Of loads that grow alike only the one that starts highest: as many as a sweep needs."""
    found: dict[int, Load] = {}
    for load in loads:
        known = found.get(load.growing)
        higher = load.fixed if known is None else largest(load.fixed, known.fixed)
        found[load.growing] = load._replace(fixed=higher)
    return list(found.values())
