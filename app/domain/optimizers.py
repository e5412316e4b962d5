"""The optimizers: one record each. States kept per trained parameter, and what a step borrows."""

from __future__ import annotations

from dataclasses import dataclass

from app.domain.precision import FP32
from app.domain.training import OptimizerId

_ADAMW = "https://github.com/pytorch/pytorch/blob/main/torch/optim/adamw.py"
_BNB = "https://github.com/bitsandbytes-foundation/bitsandbytes/blob/main/bitsandbytes/optim"


@dataclass(frozen=True)
class Optimizer:
    """What one optimizer keeps for each trained parameter.

    `states`: how many state tensors of the parameter's shape. `state_bytes`: bytes per element of
    one, or None where it has the element size of what is optimised. `block`: for blockwise
    8-bit states, how many elements share one fp32 scale. `factored`: rows and columns are kept
    instead of the matrix. `managed`: states live in unified memory that PyTorch does not count.
    `foreach_temporary`: whether the foreach kernel makes a temporary of the parameters' size.
    `cpu`: whether an implementation steps on the CPU, and so can be offloaded.
    """

    id: OptimizerId
    title: str
    states: int
    source: str
    source_url: str
    state_bytes: int | None = None
    block: int = 0
    factored: bool = False
    managed: bool = False
    foreach_temporary: bool = False
    cpu: bool = False


_RECORDS = (
    Optimizer(
        "adamw",
        "AdamW",
        2,
        "torch.optim.AdamW: exp_avg and exp_avg_sq in the parameter's dtype",
        _ADAMW,
        foreach_temporary=True,
        cpu=True,
    ),
    Optimizer(
        "adamw_8bit",
        "AdamW 8-bit",
        2,
        "bitsandbytes AdamW8bit: uint8 states, one fp32 scale per 256",
        f"{_BNB}/optimizer.py",
        state_bytes=1,
        block=256,
    ),
    Optimizer(
        "paged_adamw_8bit",
        "Paged AdamW 8-bit",
        2,
        "bitsandbytes PagedAdamW8bit: 8-bit states in CUDA managed memory",
        f"{_BNB}/optimizer.py",
        state_bytes=1,
        block=256,
        managed=True,
    ),
    Optimizer(
        "adafactor",
        "Adafactor",
        1,
        "transformers Adafactor: fp32 row and column means of each matrix",
        "https://github.com/huggingface/transformers/blob/main/src/transformers/optimization.py",
        state_bytes=FP32,
        factored=True,
    ),
    Optimizer(
        "lion",
        "Lion",
        1,
        "bitsandbytes Lion (32-bit): one fp32 momentum",
        f"{_BNB}/lion.py",
        state_bytes=FP32,
        cpu=True,
    ),
    Optimizer(
        "sgd",
        "SGD",
        0,
        "torch.optim.SGD without momentum: no state",
        "https://github.com/pytorch/pytorch/blob/main/torch/optim/sgd.py",
        cpu=True,
    ),
)

OPTIMIZERS: dict[OptimizerId, Optimizer] = {o.id: o for o in _RECORDS}
