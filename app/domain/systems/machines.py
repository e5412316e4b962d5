"""Candidate machines side by side: arrays instead of records, so that one sweep covers them all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from app.domain.estimate import runtime_bytes
from app.domain.hardware import Gpu, Hardware
from app.domain.units import Integer


@dataclass(frozen=True, eq=False)
class Machines:
    """Arrays of one length, an element per machine. Bytes of host memory and NVMe are per node.

    `gpu` is the place of a machine's GPU in `gpus`; `usable_memory_bytes` is 0 where it is not
    given but follows from the GPU.
    """

    gpus: tuple[Gpu, ...]
    gpu: Integer
    gpus_per_node: Integer
    nodes: Integer
    host_memory_bytes: Integer
    nvme_bytes: Integer
    usable_memory_bytes: Integer

    @classmethod
    def of(cls, machines: Sequence[Hardware]) -> Machines:
        """These machines, in order."""
        gpus = tuple(dict.fromkeys(machine.gpu for machine in machines))
        places = {gpu: place for place, gpu in enumerate(gpus)}
        columns = [
            (
                places[machine.gpu],
                machine.gpus_per_node,
                machine.nodes,
                machine.host_memory_bytes,
                machine.nvme_bytes,
                machine.usable_memory_bytes or 0,
            )
            for machine in machines
        ]
        return cls(gpus, *np.array(columns, dtype=np.int64).reshape(-1, 6).T)

    @classmethod
    def grid(
        cls,
        gpus: Sequence[Gpu],
        counts: Sequence[int],
        nodes: Sequence[int],
        host_memory_bytes: int,
        nvme_bytes: int,
    ) -> Machines:
        """Every GPU in every count per node on every number of nodes."""
        gpu, per_node, node = (
            axis.ravel()
            for axis in np.meshgrid(
                np.arange(len(gpus)), np.array(counts), np.array(nodes), indexing="ij"
            )
        )
        host, nvme = (np.full(gpu.shape, size) for size in (host_memory_bytes, nvme_bytes))
        return cls(tuple(gpus), gpu, per_node, node, host, nvme, np.zeros_like(gpu))

    def __add__(self, other: Machines) -> Machines:
        """These machines and others behind them."""
        pairs = zip(self._columns, other._columns, strict=True)
        gpu, *rest = (np.concatenate(pair) for pair in pairs)
        gpu[len(self) :] += len(self.gpus)
        return Machines(self.gpus + other.gpus, gpu, *rest)

    def __len__(self) -> int:
        return len(self.gpu)

    def take(self, places: Integer) -> Machines:
        """The machines at these places, or where a mask is true."""
        return Machines(self.gpus, *(column[places] for column in self._columns))

    def hardware(self, place: int) -> Hardware:
        """One machine as the record that a job is about."""
        given = int(self.usable_memory_bytes[place])
        return Hardware(
            gpu=self.gpus[self.gpu[place]],
            gpus_per_node=int(self.gpus_per_node[place]),
            nodes=int(self.nodes[place]),
            host_memory_bytes=int(self.host_memory_bytes[place]),
            nvme_bytes=int(self.nvme_bytes[place]),
            usable_memory_bytes=given or None,
        )

    @cached_property
    def world_size(self) -> Integer:
        """Ranks of each machine."""
        return self.gpus_per_node * self.nodes

    @cached_property
    def usable_bytes(self) -> Integer:
        """What the caching allocator may hold on each GPU, as `capacity_of` says of one machine."""
        device = np.array([gpu.torch_bytes for gpu in self.gpus], dtype=np.int64)[self.gpu]
        given = self.usable_memory_bytes
        return np.where(given > 0, given, device - runtime_bytes(self.world_size))

    @property
    def _columns(self) -> tuple[Integer, ...]:
        return (
            self.gpu,
            self.gpus_per_node,
            self.nodes,
            self.host_memory_bytes,
            self.nvme_bytes,
            self.usable_memory_bytes,
        )
