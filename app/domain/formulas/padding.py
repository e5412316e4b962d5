"""What FSDP2 adds so that every rank's shard has as many rows of each tensor.

`fully_shard` splits a tensor along its first dimension into ceil(rows ÷ N) rows a rank: no matter
for matrices with thousands of rows, but 8 packed experts on 32 ranks are gathered as 32.

Symbols: N ranks that share the shard, p the elements of the missing rows,
Σ (-rows mod N) × (elements of a row) over the tensors meant.
"""

from __future__ import annotations

from app.domain.formulas.registry import formula
from app.domain.units import Integer, ceil_div

_FSDP2 = "https://github.com/pytorch/pytorch/blob/main/torch/distributed/fsdp/_fully_shard"
_PARAM = f"{_FSDP2}/_fsdp_param.py"
_COLLECTIVES = f"{_FSDP2}/_fsdp_collectives.py"


@formula(
    label="Weights: rows padded to a multiple of the ranks",
    group="weights",
    equation="p × B ÷ N",
    source="FSDPParam._init_sharded_param: padded_sharded_param_size is the first chunk's",
    url=_PARAM,
)
def padded_weights(p: Integer, B: int, N: Integer) -> Integer:
    """How much more the first rank's shards hold than an even share of the elements."""
    return ceil_div(p, N) * B


@formula(
    label="Gradients: rows padded to a multiple of the ranks",
    group="gradients",
    equation="p × B ÷ N",
    source="foreach_reduce: sharded gradients are views of the padded reduce-scatter output",
    url=_COLLECTIVES,
)
def padded_gradients(p: Integer, B: int, N: Integer) -> Integer:
    """The same of the sharded gradients."""
    return ceil_div(p, N) * B


@formula(
    label="Optimizer states: rows padded to a multiple of the ranks",
    group="optimizer_states",
    equation="k × p × B ÷ N",
    source="states have the shape of the first rank's shards",
    url=_PARAM,
)
def padded_states(k: int, p: Integer, B: int, N: Integer) -> Integer:
    """The same of k state tensors."""
    return k * ceil_div(p, N) * B


@formula(
    label="Gathered: rows padded to a multiple of the ranks",
    group="buffers",
    equation="k × p × a",
    source="init_all_gather_outputs: N shards of the padded size; the parameter is a view of them",
    url=_PARAM,
)
def padded_gather(k: int, p: Integer, a: int) -> Integer:
    """The padding of k gathered copies."""
    return k * p * a


@formula(
    label="Reduced: rows padded to a multiple of the ranks",
    group="buffers",
    equation="p × b ÷ N",
    source="foreach_reduce: _get_dim0_padded_size of every gradient",
    url=_COLLECTIVES,
)
def padded_reduction(p: Integer, b: int, N: Integer) -> Integer:
    """The padding of a reduce-scatter's input (N = 1) or output."""
    return ceil_div(p, N) * b
