"""What a process holds outside the caching allocator. All of it is fitted.

Measured on H100 and H200 with PyTorch 2.11, CUDA 13 and NCCL.
"""

from __future__ import annotations

from app.domain.units import GB, MIB

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
