"""What a model is made of: its parameter tensors, layer by layer, exact to the last element."""

from app.domain.architecture.layer import LLAMA_MODULES, Layer
from app.domain.architecture.mixers import (
    Attention,
    AttentionNames,
    BlockIndexer,
    LatentAttention,
    Mixer,
    ParallelMixers,
    Projection,
    SparseIndexer,
)
from app.domain.architecture.mlps import MLP, Activation, DenseMLP, MixtureOfExperts, MoePart
from app.domain.architecture.model import LLAMA_ROOT, ModelSpec, RootPart, share_equal
from app.domain.architecture.recurrent import (
    GatedDeltaNet,
    KimiDelta,
    LightningAttention,
    Mamba1,
    Mamba2,
    Recurrent,
    ShortConvolution,
)
from app.domain.architecture.tensors import NormKind, Role, Tensor
from app.domain.architecture.towers import Tower

__all__ = [
    "LLAMA_MODULES",
    "LLAMA_ROOT",
    "MLP",
    "Activation",
    "Attention",
    "AttentionNames",
    "BlockIndexer",
    "DenseMLP",
    "GatedDeltaNet",
    "KimiDelta",
    "LatentAttention",
    "Layer",
    "LightningAttention",
    "Mamba1",
    "Mamba2",
    "Mixer",
    "MixtureOfExperts",
    "ModelSpec",
    "MoePart",
    "NormKind",
    "ParallelMixers",
    "Projection",
    "Recurrent",
    "Role",
    "RootPart",
    "ShortConvolution",
    "SparseIndexer",
    "Tensor",
    "Tower",
    "share_equal",
]
