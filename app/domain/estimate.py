"""From a job and a strategy to its memory: phases, the peak's components, what lies around them."""

from __future__ import annotations

from typing import NamedTuple

from app.domain.formulas import overhead
from app.domain.formulas.registry import Term
from app.domain.frameworks import ENGINES, Engine
from app.domain.job import PHASES, Job, Moment, Phase, Timeline
from app.domain.precision import StreamId
from app.domain.quantities import ModelQuantities, quantities_of
from app.domain.step_activations import StepActivations
from app.domain.strategies import Strategy
from app.domain.units import Integer, largest, smallest


class Capacity(NamedTuple):
    """Bytes of one GPU: what PyTorch sees, what context, libraries and NCCL take, what is left."""

    device: Integer
    runtime: Integer
    usable: Integer


class Usage(NamedTuple):
    """One strategy's memory. Bytes per GPU, except host and NVMe: per node.

    `components` are the terms alive at the peak; they sum to `peak` exactly.
    """

    phases: dict[Phase, Integer]
    peak: Integer
    peak_phase: Phase
    components: tuple[Term, ...]
    reserved: Integer
    device_used: Integer
    second_step: Integer
    host: Integer
    nvme: Integer
    timeline: Timeline


class Evaluator:
    """Evaluates strategies for one job, sharing what they have in common."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.quantities: ModelQuantities = quantities_of(
            job.spec, job.training.method, job.training.lora
        )
        self._steps: dict[tuple[StreamId, int], StepActivations] = {}

    def timeline(self, strategy: Strategy) -> Timeline:
        """The strategy's moments."""
        engine = ENGINES[strategy.engine]
        return engine.timeline(self.job, strategy, self.quantities, self._step(engine))

    def _step(self, engine: Engine) -> StepActivations:
        numerics = engine.numerics[self.job.training.precision]
        key = (numerics.stream, engine.adapter_bytes(self.job))
        if key not in self._steps:
            self._steps[key] = StepActivations(self.job, self.quantities, *key)
        return self._steps[key]

    def usage(self, strategy: Strategy) -> Usage:
        """Evaluate a strategy; a job of plain numbers gives plain numbers."""
        engine = ENGINES[strategy.engine]
        timeline = self.timeline(strategy)
        phases, top = highest(timeline.moments)
        peak = phases[top.phase]
        reserved = engine.reserved(self.job, self.quantities, peak)
        distributed = smallest(self.job.hardware.world_size - 1, 1)
        outside = overhead.CONTEXT + engine.libraries + engine.nccl * distributed
        per_node = self.job.hardware.gpus_per_node
        return Usage(
            phases=phases,
            peak=peak,
            peak_phase=top.phase,
            components=tuple(term for term in top.terms if term.bytes),
            reserved=reserved,
            device_used=reserved + outside,
            second_step=timeline.second_step_bytes,
            host=(engine.host_process + timeline.host_bytes) * per_node,
            nvme=timeline.nvme_bytes * per_node,
            timeline=timeline,
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
    distributed = smallest(hardware.world_size - 1, 1)
    runtime = (
        overhead.CONTEXT + overhead.LIBRARIES_SHARDED + overhead.NCCL_DEEPSPEED * distributed
    )
    return Capacity(device, runtime, device - runtime)


def highest(moments: list[Moment]) -> tuple[dict[Phase, Integer], Moment]:
    """Each phase's highest bytes, and the moment of the highest among forward, backward, step."""
    phases: dict[Phase, Integer] = dict.fromkeys(PHASES, 0)
    top, top_bytes = moments[0], -1
    resident = next(m.bytes for m in moments if m.phase == "resident")
    for moment in moments:
        size = moment.bytes
        if size > phases[moment.phase]:
            phases[moment.phase] = size
        if size > top_bytes and moment.phase in ("forward", "backward", "step"):
            top, top_bytes = moment, size
    for phase in ("forward", "backward", "step"):
        phases[phase] = largest(phases[phase], resident)
    return phases, top
