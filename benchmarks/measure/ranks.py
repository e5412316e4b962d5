"""The other ranks: simulated by PyTorch's `fake` process group, or real ones over NCCL.

The fake group's collectives return at once. Every buffer that a rank allocates is allocated, the
values in it are meaningless. Against two real GPUs it agrees to the MiB in allocated and reserved
bytes; NCCL's own buffers, which lie outside the allocator, are missing.
"""

from __future__ import annotations

import os
from typing import Any

import torch
import torch.distributed as dist

from benchmarks.measure.cases import Plan


def local_rank(plan: Plan) -> int:
    """Which GPU of this machine the process uses."""
    return int(os.environ.get("LOCAL_RANK", 0)) if plan.case.ranks == "real" else 0


def start_ranks(plan: Plan, device: torch.device) -> None:
    """Start the process group that the case asks for; none where one process trains alone.

    DDP gets a real group of one rank: its reducer refuses the fake backend, and its buffers do not
    depend on the number of ranks.
    """
    if not is_distributed(plan):
        for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE"):
            os.environ.pop(name, None)  # accelerate takes them for a distributed run
        return
    if plan.case.ranks == "real":
        dist.init_process_group("nccl", device_id=device)
        if dist.get_world_size() != plan.world:
            raise SystemExit(f"{plan.case.id}: start {plan.world} processes with torchrun.")
        return
    alone = plan.strategy.engine == "ddp"
    world = 1 if alone else plan.world
    os.environ.update(RANK="0", LOCAL_RANK="0", WORLD_SIZE=str(world))
    os.environ.setdefault("MASTER_ADDR", "127.0.0.1")
    os.environ.setdefault("MASTER_PORT", str(29_500 + os.getpid() % 2_000))
    if alone:
        backend: dict[str, Any] = {"backend": "nccl", "device_id": device}
        if device.type != "cuda":
            backend = {"backend": "gloo"}
        dist.init_process_group(rank=0, world_size=1, **backend)
        return
    from torch.testing._internal.distributed.fake_pg import FakeStore

    dist.init_process_group("fake", rank=0, world_size=world, store=FakeStore())


def is_distributed(plan: Plan) -> bool:
    """Whether an engine wraps the model: DDP on one GPU is plain training."""
    return plan.strategy.engine != "ddp" or plan.world > 1
