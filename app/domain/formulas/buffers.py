"""Buffers that exist because of how a framework communicates or computes.

Symbols: P parameters, T trained ones, N ranks, w parameters of one layer, R those outside the
layers (the root group), a bytes per gathered element, b bytes per reduced element.
"""

from __future__ import annotations

from app.domain.formulas.registry import formula
from app.domain.units import MIB, Integer, ceil_div

_TORCH = "https://github.com/pytorch/pytorch/blob/main"
_FSDP2 = f"{_TORCH}/torch/distributed/fsdp/_fully_shard"
_DEEPSPEED = "https://github.com/deepspeedai/DeepSpeed/blob/v0.19.8/deepspeed/runtime"
_STAGE12 = f"{_DEEPSPEED}/zero/stage_1_and_2.py"
_STAGE3 = f"{_DEEPSPEED}/zero/stage3.py"
_COORDINATOR = f"{_DEEPSPEED}/zero/partitioned_param_coordinator.py"

HOPPER_WORKSPACE = 32 * MIB
OLDER_WORKSPACE = 8 * MIB + 128 * 1024


@formula(
    label="cuBLAS workspaces",
    group="buffers",
    equation="2 × u",
    source="CUBLAS_WORKSPACE_CONFIG default, one per thread with a handle: main and autograd",
    url=f"{_TORCH}/aten/src/ATen/cuda/CublasHandlePool.cpp",
)
def cublas_workspaces(u: int) -> Integer:
    """Two handles, each with a workspace of u bytes from the caching allocator."""
    return 2 * u


@formula(
    label="DDP gradient buckets",
    group="buffers",
    equation="k × T × B",
    source="Reducer::initialize_buckets, gradient_as_bucket_view=False",
    url=f"{_TORCH}/torch/csrc/distributed/c10d/reducer.cpp",
)
def ddp_buckets(k: Integer, T: Integer, B: int) -> Integer:
    """A flat copy of all gradients from construction on; k is 0 without a wrapper."""
    return k * T * B


@formula(
    label="16-bit copies of the weights (autocast cache)",
    group="weights",
    equation="2 × x",
    source="autocast_mode.cpp caches casts of fp32 leaf weights until backward has used them",
    url=f"{_TORCH}/aten/src/ATen/autocast_mode.cpp",
)
def autocast_weights(x: Integer) -> Integer:
    """x linear weights cast to 16 bits, alive from forward to each layer's backward."""
    return 2 * x


@formula(
    label="Gathered root parameters",
    group="buffers",
    equation="R × a",
    source="fully_shard: the root group is gathered through forward and backward",
    url=f"{_FSDP2}/_fsdp_param_group.py",
)
def gathered_root(R: Integer, a: int) -> Integer:
    """Embedding, final norm and head, whole on every rank while the model runs."""
    return R * a


@formula(
    label="Gathered layers",
    group="buffers",
    equation="k × w × a",
    source="AllGatherState and implicit prefetch: at most two layers beside the running one",
    url=f"{_FSDP2}/_fsdp_param_group.py",
)
def gathered_layers(k: int, w: Integer, a: int) -> Integer:
    """k layers gathered whole (an all-gather output counts like its layer)."""
    return k * w * a


@formula(
    label="All gathered parameters",
    group="buffers",
    equation="P × a",
    source="reshard_after_forward=False: every layer stays gathered until its backward",
    url=f"{_FSDP2}/_fsdp_param_group.py",
)
def gathered_model(P: Integer, a: int) -> Integer:
    """All layers, kept from forward to backward."""
    return P * a


@formula(
    label="Reduce-scatter input",
    group="buffers",
    equation="w × b",
    source="foreach_reduce: the flat input is kept until the next layer's reduction",
    url=f"{_FSDP2}/_fsdp_collectives.py",
)
def reduce_scatter_input(w: Integer, b: int) -> Integer:
    """One layer's gradients, flattened in the reduction's dtype."""
    return w * b


@formula(
    label="Reduce-scatter output",
    group="buffers",
    equation="w × b ÷ N",
    source="foreach_reduce: output of the collective before it becomes the gradient",
    url=f"{_FSDP2}/_fsdp_collectives.py",
)
def reduce_scatter_output(w: Integer, b: int, N: Integer) -> Integer:
    """This rank's shard of one layer's reduced gradients."""
    return ceil_div(w, N) * b


@formula(
    label="Gradients of the running layer",
    group="gradients",
    equation="w × B",
    source="unsharded gradients exist until the layer's reduce-scatter",
    url=f"{_FSDP2}/_fsdp_param_group.py",
)
def layer_weight_gradients(w: Integer, B: int) -> Integer:
    """Whole gradients of one layer before they are reduced."""
    return w * B


@formula(
    label="Gradients of the root before reduction",
    group="gradients",
    equation="R × a",
    source="foreach_reduce of the root group at the end of backward",
    url=f"{_FSDP2}/_fsdp_param_group.py",
)
def root_gradients(R: Integer, a: int) -> Integer:
    """Whole gradients of embedding, final norm and head; not divided by N."""
    return R * a


@formula(
    label="Reduction buckets (IPG)",
    group="buffers",
    equation="k × m × B",
    source="setup_buckets: two with overlap_comm, else one",
    url=_STAGE12,
)
def ipg_buckets(k: int, m: Integer, B: int) -> Integer:
    """k flat buckets of m = reduce_bucket_size elements."""
    return k * m * B


@formula(
    label="Gradients of this rank's partition",
    group="gradients",
    equation="G × B",
    source="copy_grads_in_partition: whole gradients of every parameter that touches the partition",
    url=_STAGE12,
)
def partition_gradients(G: Integer, B: int) -> Integer:
    """G elements: the partition, rounded up to parameter boundaries."""
    return G * B


@formula(
    label="Gradients larger than the bucket",
    group="gradients",
    equation="m × B",
    source="reduce_ipg_grads, stage 1: only copies inside the bucket are freed with it",
    url=_STAGE12,
)
def bypassing_gradients(m: Integer, B: int) -> Integer:
    """Whole gradients that do not fit the bucket; stage 1 keeps them until the step."""
    return m * B


@formula(
    label="Flattened bucket",
    group="buffers",
    equation="m × B",
    source="allreduce_bucket flattens the rank's slices of a full bucket",
    url=_STAGE12,
)
def flattened_bucket(m: Integer, B: int) -> Integer:
    """The concatenation made when a bucket is reduced."""
    return m * B


@formula(
    label="fp64 copy for the gradient norm",
    group="buffers",
    equation="8 × m",
    source="get_norm_dtype: the norm of each gradient is taken in float64",
    url=f"{_DEEPSPEED}/utils.py",
)
def norm_copy(m: Integer) -> Integer:
    """m elements of the largest gradient slice, in float64."""
    return 8 * m


@formula(
    label="Flat fp32 gradient of the step",
    group="gradients",
    equation="(B + f) × T ÷ N",
    source="step: flatten(averaged_gradients), then .to(float32)",
    url=_STAGE12,
)
def flat_step_gradients(T: Integer, B: int, f: int, N: Integer) -> Integer:
    """The partition's gradients flattened (B) and cast to fp32 (f: 4, or 0 where they are)."""
    return ceil_div(T, N) * (B + f)


@formula(
    label="Step buffers of one sub-group",
    group="buffers",
    equation="k × m",
    source="stage 3 _prepare_sub_group and the optimizer's temporary, sub_group_size elements",
    url=_STAGE3,
)
def sub_group_step(k: int, m: Integer) -> Integer:
    """k bytes for each of the m elements of the largest sub-group."""
    return k * m


@formula(
    label="Live parameters",
    group="buffers",
    equation="m × a",
    source="stage3_max_live_parameters: the prefetcher fills up to this limit",
    url=_COORDINATOR,
)
def live_parameters(m: Integer, a: int) -> Integer:
    """m gathered elements: the whole model or the limit, whichever is smaller."""
    return m * a


@formula(
    label="Gradients on their way to the host",
    group="buffers",
    equation="m × B",
    source="temp_grad_buffer_for_gpu_offload: the largest parameter",
    url=_STAGE12,
)
def offload_gradient_buffer(m: Integer, B: int) -> Integer:
    """A GPU buffer the size of the largest parameter."""
    return m * B
