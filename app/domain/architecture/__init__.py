"""What a model is made of: its parameter tensors, layer by layer, exact to the last element."""

from app.domain.architecture.layer import LLAMA_MODULES, Layer
from app.domain.architecture.mixers import (
    Attention,
    AttentionNames,
    GatedDeltaNet,
    LatentAttention,
    Mamba2,
    Mixer,
    Projection,
    SparseIndexer,
)
from app.domain.architecture.mlps import MLP, Activation, DenseMLP, MixtureOfExperts, MoePart
from app.domain.architecture.model import LLAMA_ROOT, ModelSpec, RootPart, share_equal
from app.domain.architecture.tensors import NormKind, Role, Tensor

__all__ = [
    "LLAMA_MODULES",
    "LLAMA_ROOT",
    "MLP",
    "Activation",
    "Attention",
    "AttentionNames",
    "DenseMLP",
    "GatedDeltaNet",
    "LatentAttention",
    "Layer",
    "Mamba2",
    "Mixer",
    "MixtureOfExperts",
    "ModelSpec",
    "MoePart",
    "NormKind",
    "Projection",
    "Role",
    "RootPart",
    "SparseIndexer",
    "Tensor",
    "share_equal",
]
