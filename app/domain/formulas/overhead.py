"""What the allocator holds beyond what is allocated, and what lies outside it. All of it is fitted.

Symbols: p the peak of allocated bytes, R parameters outside the layers, w those of one layer,
P all parameters, b bytes per reduced element. All of it was measured on H100 and H200 with PyTorch
2.11, CUDA 13 and NCCL; the runs are the shared measurements without a memory cap.
"""

from __future__ import annotations

from app.domain.units import GB, MIB, Integer

# CUDA context of one process, and the kernels and libraries that a step loads.
CONTEXT = 612 * MIB
LIBRARIES_REPLICATED = 146 * MIB
LIBRARIES_SHARDED = 216 * MIB

# NCCL's own buffers with two ranks over NVLink. Growth with the number of ranks is not measured.
NCCL_DDP = 846 * MIB
NCCL_FSDP = 772 * MIB
NCCL_DEEPSPEED = 976 * MIB

# Resident memory of one training process without any offload.
HOST_PROCESS_FSDP = 1_600 * GB // 1_000
HOST_PROCESS = 2 * GB


def reserved_replicated(p: Integer) -> Integer:
    """1.06 × p: one stream, little fragmentation. Fitted on the DDP and single-GPU runs."""
    return p * 106 // 100


def reserved_fsdp2(p: Integer, R: Integer, w: Integer, b: int) -> Integer:
    """p + 1.5 × (2R + 4w + bR): pools per stream do not share blocks. Fitted on the FSDP2 runs."""
    return p + 3 * (2 * R + 4 * w + b * R) // 2


def reserved_fsdp1(p: Integer, R: Integer, w: Integer) -> Integer:
    """p + 1.17 × (8R + 4w). Fitted on the FSDP1 runs."""
    return p + 117 * (8 * R + 4 * w) // 100


def reserved_zero12(p: Integer, P: Integer) -> Integer:
    """p + 1.8 × 2P: the un-flattened originals' segments stay. Fitted on the ZeRO-1 and 2 runs."""
    return p + 36 * P // 10


def reserved_zero3(p: Integer) -> Integer:
    """1.45 × p. Fitted on the ZeRO-3 runs."""
    return p * 145 // 100
