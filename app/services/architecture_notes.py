"""What an estimate takes for granted about a model's blocks, where it may not be so."""

from __future__ import annotations

from app.domain.architecture import (
    GatedDeltaNet,
    KimiDelta,
    Mamba1,
    Mamba2,
    ModelSpec,
    ParallelMixers,
)
from app.domain.per_model import per_model

# Blocks that transformers also runs by a package of kernels: what they are called, which package.
_PACKAGES: dict[type, tuple[str, str]] = {
    GatedDeltaNet: ("The gated delta rule runs", "flash-linear-attention"),
    KimiDelta: ("Kimi's delta attention runs", "flash-linear-attention"),
    Mamba2: ("Mamba-2 runs", "mamba-ssm and causal-conv1d"),
    Mamba1: ("Mamba runs", "mamba-ssm and causal-conv1d"),
}


@per_model
def architecture_notes(spec: ModelSpec) -> tuple[str, ...]:
    """A sentence for each kind of block that kernels outside transformers would run in less."""
    mixers = (layer.mixer for layer in spec.layers)
    blocks = (m.recurrent if isinstance(m, ParallelMixers) else m for m in mixers)
    found = dict.fromkeys(type(block) for block in blocks if type(block) in _PACKAGES)
    return tuple(
        f"{what} in transformers' own PyTorch code, as it does unless {package} is installed; "
        "with it the activations are smaller."
        for what, package in (_PACKAGES[kind] for kind in found)
    )
