"""What keeps Hugging Face Trainer from running with simulated ranks, replaced.

Nothing here allocates or frees anything that counts: the largest tensor concerned holds one 64-bit
number per rank, and it is allocated either way.
"""

from __future__ import annotations

from collections.abc import MutableSequence
from typing import Any

import accelerate
import torch.distributed as dist

from benchmarks.measure.cases import Plan
from benchmarks.measure.ranks import is_distributed


def let_trainer_run(plan: Plan) -> None:
    """Patch accelerate and torch.distributed for a process that stands for all ranks."""
    if not is_distributed(plan) or plan.case.ranks == "real":
        return
    accelerate.Accelerator.gather = _gather
    dist.broadcast_object_list = _broadcast_object_list
    dist.all_gather_object = _all_gather_object
    if plan.strategy.engine == "ddp":
        # accelerate wraps in DDP only for several processes; here one stands for them.
        accelerate.Accelerator.multi_device = property(lambda self: True)


def _gather(accelerator: Any, tensor: Any) -> Any:
    """Every rank counts as many tokens as this one: the fake gather leaves its output unwritten."""
    rest = [1] * max(tensor.ndim - 1, 0)
    return tensor.reshape(tensor.shape or (1,)).repeat(accelerator.num_processes, *rest)


def _broadcast_object_list(objects: MutableSequence[Any], *args: Any, **kwargs: Any) -> None:
    """This process is rank 0: it keeps its own objects."""


def _all_gather_object(objects: MutableSequence[Any], own: Any, *args: Any, **kwargs: Any) -> None:
    """All ranks have the same object; sizes gathered from nobody would be noise."""
    for rank in range(len(objects)):
        objects[rank] = own
