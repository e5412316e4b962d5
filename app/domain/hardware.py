"""The machine: one kind of GPU, so many per node, so many nodes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from app.domain.units import Integer


@dataclass(frozen=True)
class Gpu:
    """One accelerator as the training process sees it.

    `driver_bytes` is what nvidia-smi calls total, `torch_bytes` what PyTorch's
    `mem_get_info` calls total: the figure to plan with. For a package of several dies that the
    software sees as several devices, both count one die.
    """

    id: str
    name: str
    vendor: str
    architecture: str
    compute_capability: str
    memory_gb: int
    driver_bytes: int
    torch_bytes: int
    devices_per_package: int
    bf16_native: bool
    interconnect: str = ""
    pcie: str = ""
    pcie_gb_s: float | None = None
    memory_bandwidth_gb_s: int | None = None
    bf16_tflops: float | None = None
    power_w: int | None = None
    price_low_cents: int | None = None
    price_high_cents: int | None = None
    interconnect_gb_s: float | None = None

    @cached_property
    def is_hopper_or_newer(self) -> bool:
        """Whether cuBLAS takes its larger default workspace (compute capability 9.0 and up)."""
        major = self.compute_capability.split(".")[0]
        return major.isdigit() and int(major) >= 9


@dataclass(frozen=True)
class Hardware:
    """GPUs × nodes, with what offload may use per node.

    `usable_memory_bytes`, when given, is what the caching allocator may hold on each GPU: nothing
    more is deducted from it. `host_memory_bytes` and `nvme_bytes` are per node. `price_cents` is
    what its owner says that the whole system costs.
    """

    gpu: Gpu
    gpus_per_node: int
    nodes: int
    host_memory_bytes: int
    nvme_bytes: int
    usable_memory_bytes: int | None = None
    price_cents: int | None = None

    @cached_property
    def world_size(self) -> int:
        return self.gpus_per_node * self.nodes

    @property
    def is_hopper_or_newer(self) -> Integer:
        """As the GPU says: all that the allocations of a step depend on it for."""
        return self.gpu.is_hopper_or_newer
