"""What offload moves over PCIe and to NVMe in one optimizer step, and the time that takes at least.

Symbols: T and W trained and gathered parameters, N ranks, A accumulation steps, k gathers of a
step, g bytes of a gathered element, B those of a gradient, s those of an optimizer state of one
parameter. PCIe is counted per GPU, NVMe per node. DeepSpeed as of 0.19.8, PyTorch as of 2.11.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from app.domain.frameworks import fsdp_sizes, zero
from app.domain.frameworks.state import optimizer_state_bytes
from app.domain.hardware import Gpu
from app.domain.job import Job
from app.domain.precision import FP32
from app.domain.quantities import ModelQuantities
from app.domain.strategies import Strategy
from app.domain.traffic.communication import gathered_elements
from app.domain.traffic.flow import Flow, Route
from app.domain.units import GB, Integer, ceil_div, largest, smallest

_DEEPSPEED = "https://github.com/deepspeedai/DeepSpeed/blob/v0.19.8/deepspeed/runtime"
_STAGE12 = f"{_DEEPSPEED}/zero/stage_1_and_2.py"
_STAGE3 = f"{_DEEPSPEED}/zero/stage3.py"
_COORDINATOR = f"{_DEEPSPEED}/zero/partitioned_param_coordinator.py"
_SWAPPER = f"{_DEEPSPEED}/swap_tensor/partitioned_optimizer_swapper.py"
_IN_STAGE12 = "DeepSpeed 0.19.8, stage_1_and_2.py"
_IN_STAGE3 = "DeepSpeed 0.19.8, stage3.py"
_IN_SWAPPER = "DeepSpeed 0.19.8, partitioned_optimizer_swapper.py"
_OFFLOAD_CONFIG = f"{_DEEPSPEED}/zero/offload_config.py"
_FSDP2 = "https://github.com/pytorch/pytorch/blob/main/torch/distributed/fsdp/_fully_shard"

# Elements of a rank's parameters that ZeRO-Infinity keeps in host memory: max_in_cpu's default.
PARAMETERS_KEPT_IN_HOST = 1_000_000_000

# What one NVMe drive moves at most each way: its PCIe 4.0 ×4 link, 16 GT/s × 4 lanes × 128/130.
# That every node has one such drive is an assumption; more drives divide the time.
NVME_GB_S = 7.9

# NVIDIA Grace superchips reach host memory over NVLink-C2C: 900 GB/s, half of it each way.
# Source: NVIDIA Grace Hopper Superchip Architecture, 2023.
_CHIP_TO_CHIP = "NVLink-C2C"
_CHIP_TO_CHIP_GB_S = 450.0

_PCIE: tuple[Route, Route] = ("pcie_to_gpu", "pcie_to_host")


class Floor(NamedTuple):
    """The shortest time that a step's offload traffic can take, and the link that sets it."""

    seconds: float
    link: str


def offload_flows(job: Job, strategy: Strategy, q: ModelQuantities) -> tuple[Flow, ...]:
    """Everything that a strategy moves between a GPU, its host and NVMe; empty without offload."""
    if strategy.offload == "none":
        return ()
    return _OFFLOADS[strategy.engine](job, strategy, q)


def time_floor(gpu: Gpu, flows: tuple[Flow, ...]) -> Floor | None:
    """How long the flows take at least; None where nothing moves or no bandwidth is known.

    Every GPU is given a link of its own, both directions at once, as is the drive: reality is
    slower. A paged optimizer's pages are not counted.
    """
    moved: dict[Route, Integer] = {}
    for flow in flows:
        moved[flow.route] = moved.get(flow.route, 0) + flow.bytes
    floors = []
    link = host_link(gpu)
    pcie = max((moved.get(route, 0) for route in _PCIE), default=0)
    if pcie and link is not None:
        floors.append(Floor(pcie / (link[0] * GB), f"{link[1]}, {link[0]:g} GB/s each way"))
    nvme = max(moved.get("nvme_read", 0), moved.get("nvme_write", 0))
    if nvme:
        drive = f"one PCIe 4.0 ×4 drive per node assumed, {NVME_GB_S:g} GB/s each way"
        floors.append(Floor(nvme / (NVME_GB_S * GB), drive))
    return max(floors, default=None)


def host_link(gpu: Gpu) -> tuple[float, str] | None:
    """GB/s each way between a GPU and host memory, and the link's name; None if unknown."""
    if _CHIP_TO_CHIP in gpu.pcie:
        return _CHIP_TO_CHIP_GB_S, _CHIP_TO_CHIP
    if gpu.pcie_gb_s is None:
        return None
    return gpu.pcie_gb_s, gpu.pcie or "PCIe"


def _zero12(job: Job, strategy: Strategy, q: ModelQuantities) -> tuple[Flow, ...]:
    """Stage 2: gradients go down in fp32, parameters come back in 16 bits.

    Accumulating, each micro-batch's gradients go down as well, and all but the first bring the sum
    up to be added on the GPU.
    """
    ranks, steps = job.hardware.world_size, job.training.gradient_accumulation_steps
    size = zero.NUMERICS[job.training.precision].weights
    share = ceil_div(q.trained, ranks)
    symbols = {"T": q.trained, "N": ranks, "g": size}
    flows = [
        Flow(
            "Gradients to the host in fp32",
            "pcie_to_host",
            FP32 * share,
            "4 × T ÷ N",
            symbols,
            f"{_IN_STAGE12}: async_inplace_copy_grad_to_fp32_buffer_from_gpu",
            _STAGE12,
        ),
        _updated_parameters(share, size, symbols, f"{_IN_STAGE12}: step", _STAGE12),
    ]
    if steps > 1:
        said = f"{_IN_STAGE12}: async_accumulate_grad_in_cpu_via_gpu"
        flows += _accumulation(share, size, steps, steps - 1, symbols, (said, _STAGE12))
    return tuple(flows)


def _zero3(job: Job, strategy: Strategy, q: ModelQuantities) -> tuple[Flow, ...]:
    """Stage 3: gradients go down, up to be cast and down in fp32; parameters per gather or step.

    With parameters off the GPU each gather brings this rank's shard up, except for what
    `stage3_max_live_parameters` keeps gathered between forward and backward.
    """
    ranks, steps = job.hardware.world_size, job.training.gradient_accumulation_steps
    size = zero.NUMERICS[job.training.precision].weights
    share = ceil_div(q.trained, ranks)
    symbols = {"T": q.trained, "N": ranks, "g": size}
    flows = [
        *_accumulation(
            share, size, steps, steps, symbols, (f"{_IN_STAGE3}: partition_grads", _STAGE3)
        ),
        Flow(
            "Gradients to the host in fp32",
            "pcie_to_host",
            FP32 * share,
            "4 × T ÷ N",
            symbols,
            f"{_IN_STAGE3}: _offload_grad_partition_at_boundary",
            _STAGE3,
        ),
    ]
    if strategy.parameters_on == "gpu":
        said = f"{_IN_STAGE3}: _reassign_or_swap_out_partitioned_parameters"
        flows.append(_updated_parameters(share, size, symbols, said, _STAGE3))
    else:
        flows.append(_gathered_shards(job, q, size))
    if strategy.optimizer_on == "nvme":
        flows += _swapped(job, q, size)
    return tuple(flows)


def _fsdp2(job: Job, strategy: Strategy, q: ModelQuantities) -> tuple[Flow, ...]:
    """CPUOffloadPolicy: a shard goes up as it is kept and is cast on the GPU, its gradient down."""
    ranks, steps = fsdp_sizes.shard_ranks(job, strategy), job.training.gradient_accumulation_steps
    numerics = fsdp_sizes.NUMERICS[job.training.precision]
    full = job.training.method == "full"
    kept = numerics.weights if full else fsdp_sizes.adapter_bytes(job)
    gradient = numerics.gradients if full else fsdp_sizes.adapter_bytes(job)
    gathers = 2 if strategy.regathers else 1
    model = gathered_elements(q)
    return (
        Flow(
            "Parameter shards to the GPU",
            "pcie_to_gpu",
            gathers * steps * kept * ceil_div(model, ranks),
            "k × A × W × g ÷ N",
            {"k": gathers, "A": steps, "W": model, "g": kept, "N": ranks},
            "PyTorch FSDP2, all_gather_inputs: shards are moved first and cast after",
            f"{_FSDP2}/_fsdp_param.py",
        ),
        Flow(
            "Gradient shards to the host",
            "pcie_to_host",
            steps * gradient * ceil_div(q.trained, ranks),
            "A × T × B ÷ N",
            {"A": steps, "T": q.trained, "B": gradient, "N": ranks},
            "PyTorch FSDP2, foreach_reduce: each reduced shard is copied to the host",
            f"{_FSDP2}/_fsdp_collectives.py",
        ),
    )


_OFFLOADS: dict[str, Callable[[Job, Strategy, ModelQuantities], tuple[Flow, ...]]] = {
    "zero12": _zero12,
    "zero3": _zero3,
    "fsdp2": _fsdp2,
}


def _updated_parameters(
    share: Integer, size: int, symbols: dict[str, Integer], source: str, url: str
) -> Flow:
    return Flow(
        "Updated parameters to the GPU",
        "pcie_to_gpu",
        size * share,
        "g × T ÷ N",
        symbols,
        source,
        url,
    )


def _accumulation(
    share: Integer,
    size: int,
    down: int,
    up: int,
    symbols: dict[str, Integer],
    cited: tuple[str, str],
) -> list[Flow]:
    """16-bit gradients that go to the host `down` times a step and come up `up` times."""
    return [
        Flow(
            "Gradients to the host",
            "pcie_to_host",
            down * size * share,
            "A × g × T ÷ N",
            {**symbols, "A": down},
            *cited,
        ),
        Flow(
            "Gradients back to the GPU",
            "pcie_to_gpu",
            up * size * share,
            "A × g × T ÷ N",
            {**symbols, "A": up},
            *cited,
        ),
    ]


def _gathered_shards(job: Job, q: ModelQuantities, size: int) -> Flow:
    ranks, steps = job.hardware.world_size, job.training.gradient_accumulation_steps
    model = gathered_elements(q)
    kept = smallest(model, job.options.deepspeed.stage3_max_live_parameters)
    return Flow(
        "Parameter shards to the GPU",
        "pcie_to_gpu",
        steps * size * ceil_div(2 * model - kept, ranks),
        "A × g × (2 × W - m) ÷ N",
        {"A": steps, "g": size, "W": model, "m": kept, "N": ranks},
        "DeepSpeed 0.19.8, fetch_sub_module: every gather but what stays live",
        _COORDINATOR,
    )


def _swapped(job: Job, q: ModelQuantities, size: int) -> list[Flow]:
    """ZeRO-Infinity, per node: states are read and written, gradients too, parameters gathered.

    `max_in_cpu` parameters of each rank stay in host memory and are not read.
    """
    ranks, steps = job.hardware.world_size, job.training.gradient_accumulation_steps
    per_node = job.hardware.gpus_per_node
    share, model = ceil_div(q.trained, ranks), gathered_elements(q)
    states = FP32 * share + optimizer_state_bytes(job, q, FP32, ranks, flat=True)
    resident = smallest(ceil_div(model, ranks), PARAMETERS_KEPT_IN_HOST)
    kept = smallest(model, job.options.deepspeed.stage3_max_live_parameters)
    read = largest(0, ceil_div(2 * model - kept, ranks) - 2 * resident)
    written = largest(0, share - resident)
    said = (f"{_IN_SWAPPER}: swap_in_optimizer_state, swap_out_optimizer_state", _SWAPPER)
    swapped = {"S": per_node * states}
    gradients = {"T": q.trained, "N": ranks, "G": per_node}
    limit = (
        "DeepSpeed 0.19.8, offload_param: max_in_cpu elements stay on the host",
        _OFFLOAD_CONFIG,
    )
    return [
        Flow("Optimizer states from NVMe", "nvme_read", per_node * states, "S", swapped, *said),
        Flow("Optimizer states to NVMe", "nvme_write", per_node * states, "S", swapped, *said),
        Flow(
            "Gradients to NVMe",
            "nvme_write",
            per_node * FP32 * share,
            "4 × G × T ÷ N",
            gradients,
            f"{_IN_SWAPPER}: swap_out_gradients",
            _SWAPPER,
        ),
        Flow(
            "Gradients from NVMe",
            "nvme_read",
            per_node * FP32 * share,
            "4 × G × T ÷ N",
            gradients,
            f"{_IN_SWAPPER}: swap_in_optimizer_state",
            _SWAPPER,
        ),
        Flow(
            "Parameters from NVMe",
            "nvme_read",
            per_node * steps * size * read,
            "G × A × g × e",
            {"G": per_node, "A": steps, "g": size, "e": read},
            *limit,
        ),
        Flow(
            "Updated parameters to NVMe",
            "nvme_write",
            per_node * size * written,
            "G × g × e",
            {"G": per_node, "g": size, "e": written},
            *limit,
        ),
    ]
