"""One training job on many machines at once: the estimate's own functions, on arrays.

A machine enters the memory of a job through its numbers of GPUs and nodes and the size of its
cuBLAS workspace, which many machines share. So each strategy is evaluated once over the distinct
topologies, and then held against what every machine offers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from app.domain.architecture import ModelSpec
from app.domain.assessment import BandOf, narrowest
from app.domain.estimate import Evaluator, Usage, steepest
from app.domain.hardware import Gpu, Hardware
from app.domain.job import Job
from app.domain.limits import unsupported
from app.domain.strategies import Strategy
from app.domain.systems.machines import Machines
from app.domain.training import Options, Training
from app.domain.units import Integer, largest
from app.domain.verdict import UNSUPPORTED, hold

# An int64 holds twice as much. On the way to a result bytes are multiplied by at most the factor.
_EXACT = 2**62
_LARGEST_FACTOR = 1000


class Outcome(NamedTuple):
    """One strategy on every machine: arrays in the machines' order. Bytes are per GPU.

    `grade` is the verdict's place in `VERDICTS`; where it says unsupported, nothing else counts.
    `need` is what is asked for in thousandths of what is there, of GPU memory, host memory or NVMe,
    whichever is shortest.
    """

    strategy: Strategy
    grade: Integer
    headroom: Integer
    max_micro_batch: Integer
    need: Integer


def sweep(
    spec: ModelSpec,
    training: Training,
    options: Options,
    machines: Machines,
    strategies: Iterable[Strategy],
    band_of: BandOf = narrowest,
) -> Iterator[Outcome]:
    """Evaluate a job of plain numbers on all machines, strategy by strategy.

    The same, to the byte, as `assess` of each machine. There must be a machine. `band_of` is asked
    about one kind of GPU and an array of topologies at a time.
    """
    chosen = tuple(strategies)
    job = Job(spec, machines.hardware(0), training, options)
    return map(_Sweep(job, machines, chosen, band_of).outcome, chosen)


@dataclass(frozen=True)
class _Topologies(Hardware):
    """Distinct machines but for their capacity and the name of their GPU, as arrays."""

    is_hopper_or_newer: Integer = False


class _Sweep:
    def __init__(
        self, job: Job, machines: Machines, strategies: tuple[Strategy, ...], band_of: BandOf
    ) -> None:
        self.job, self.machines, self.band_of = job, machines, band_of
        kind = np.int64 if self._small(strategies) else object
        hopper = np.array([gpu.is_hopper_or_newer for gpu in machines.gpus])[machines.gpu]
        width = int(machines.nodes.max()) + 1
        key = 2 * (machines.gpus_per_node * width + machines.nodes) + hopper
        _, first, self.topology = np.unique(key, return_index=True, return_inverse=True)
        self.topologies = len(first)
        hardware = _Topologies(
            gpu=job.hardware.gpu,
            gpus_per_node=machines.gpus_per_node[first].astype(kind),
            nodes=machines.nodes[first].astype(kind),
            host_memory_bytes=0,
            nvme_bytes=0,
            is_hopper_or_newer=hopper[first].astype(kind),
        )
        self.evaluator = Evaluator(replace(job, hardware=hardware))
        self.usable = machines.usable_bytes.astype(kind)
        self.host = machines.host_memory_bytes.astype(kind)
        self.nvme = machines.nvme_bytes.astype(kind)
        self.several = (machines.nodes > 1).astype(np.int64)
        abilities = [abilities_of(gpu) for gpu in machines.gpus]
        kinds = dict(zip(abilities, machines.gpus, strict=True))
        names = list(kinds)
        self.kind = np.array([names.index(ability) for ability in abilities])[machines.gpu]
        self.by_kind = [replace(job, hardware=replace(hardware, gpu=g)) for g in kinds.values()]
        self.by_nodes = [
            [replace(job, hardware=Hardware(gpu, 1, nodes, 0, 0)) for gpu in kinds.values()]
            for nodes in range(1, min(width, 3))
        ]

    def _small(self, strategies: tuple[Strategy, ...]) -> bool:
        """Whether 64 bits hold everything; a job needs most on one GPU.

        Where they do not, the arrays hold Python's integers: slower, and just as exact.
        """
        evaluator = Evaluator(
            replace(self.job, hardware=Hardware(self.machines.gpus[0], 1, 1, 0, 0))
        )
        most = int(self.machines.usable_bytes.max())
        for strategy in strategies:
            usage = evaluator.usage(strategy)
            most = max(most, usage.device_used + usage.second_step, usage.host, usage.nvme)
        factor = max(_LARGEST_FACTOR, self.job.training.micro_batch_size)
        return most * factor < _EXACT

    def outcome(self, strategy: Strategy) -> Outcome:
        usage = self._spread(self.evaluator.usage(strategy))
        is_short = (usage.host > self.host) | (usage.nvme > self.nvme)
        standing = hold(self.job, strategy, usage, self.usable, is_short, self._band(strategy))
        asked = ((usage.peak, self.usable), (usage.host, self.host), (usage.nvme, self.nvme))
        need = largest(*(size * 1000 // largest(offer, 1) for size, offer in asked))
        return Outcome(
            strategy=strategy,
            grade=np.where(self._supports(strategy), standing.grade, UNSUPPORTED),
            headroom=standing.headroom,
            max_micro_batch=standing.max_micro_batch,
            need=need,
        )

    def _spread(self, usage: Usage) -> Usage:
        """A usage of the topologies as one of the machines; only what `hold` reads."""

        def over(value: Integer) -> Integer:
            return np.broadcast_to(value, (self.topologies,))[self.topology]

        return usage._replace(
            peak=over(usage.peak),
            second_step=over(usage.second_step),
            host=over(usage.host),
            nvme=over(usage.nvme),
            loads=[load._replace(fixed=over(load.fixed)) for load in steepest(usage.loads)],
        )

    def _supports(self, strategy: Strategy) -> Integer:
        """Where the combination exists: its rules read the GPU and whether there are nodes."""
        table = [[unsupported(job, strategy) is None for job in jobs] for jobs in self.by_nodes]
        return np.array(table)[self.several, self.kind]

    def _band(self, strategy: Strategy) -> Integer:
        """The band in per cent, which depends on the topology and the GPU's architecture."""
        table = [
            np.broadcast_to(self.band_of(job, strategy), (self.topologies,)) for job in self.by_kind
        ]
        return np.array(table)[self.kind, self.topology]


def abilities_of(gpu: Gpu) -> tuple[str, str, bool]:
    """What rules and bands read of a GPU: the catalogue has three times as many GPUs as kinds."""
    return gpu.architecture, gpu.compute_capability, gpu.bf16_native
