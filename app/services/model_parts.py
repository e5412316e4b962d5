"""Where a model's parameters are: by part, layer by layer, and what training keeps of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Literal

from app.domain.architecture import Attention, LatentAttention, Layer, ModelSpec, Tensor
from app.domain.optimizers import OPTIMIZERS
from app.domain.precision import BF16, FP32
from app.schemas.catalog import LayerDocument, PartDocument, StateDocument
from app.services.model_facts import feed_forward_words, mixer_words

PartName = Literal[
    "embedding",
    "attention",
    "mlp",
    "experts",
    "shared_experts",
    "router",
    "norms",
    "head",
    "towers",
    "other",
]
ModelKind = Literal["dense", "mixture", "hybrid"]
LABELS: dict[PartName, str] = {
    "embedding": "Embedding",
    "attention": "Attention and other mixers",
    "mlp": "Dense MLP",
    "experts": "Routed experts",
    "shared_experts": "Shared experts",
    "router": "Router",
    "norms": "Norms",
    "head": "Output head",
    "towers": "Vision and audio towers",
    "other": "Other",
}
_ATTENTION = (Attention, LatentAttention)
MOST_RANGES = 6


def kind_of(spec: ModelSpec) -> ModelKind:
    """Whether some layers do without softmax attention, else whether tokens go to experts."""
    mixers = {type(layer.mixer) for layer in spec.layers if layer.mixer is not None}
    if not mixers <= set(_ATTENTION):
        return "hybrid"
    return "mixture" if spec.is_mixture else "dense"


def parts_of(spec: ModelSpec) -> list[PartDocument]:
    """Every part that has parameters, in the order of a forward pass."""
    counts: Counter[PartName] = Counter()
    towers = [tensor for tower in spec.towers for tensor in tower.tensors]
    counts["towers"] = _sum(towers)
    of_towers = {tensor.name for tensor in towers}
    for tensor in (*spec.root_tensors_before, *spec.root_tensors_after):
        if tensor.name not in of_towers:
            counts[_root_part(tensor)] += tensor.numel
    for layer, count in Counter(spec.layers).items():
        for name, parameters in _layer_parts(layer).items():
            counts[name] += parameters * count
    # Whatever a newer architecture adds is in the total first of all.
    counts["other"] += spec.total_parameters - counts.total()
    return [PartDocument(name, LABELS[name], counts[name]) for name in LABELS if counts[name]]


def layer_kinds(spec: ModelSpec) -> list[LayerDocument]:
    """The different layers, in the order of their first places."""
    places: dict[Layer, list[int]] = {}
    for place, layer in enumerate(spec.layers):
        places.setdefault(layer, []).append(place)
    return [
        LayerDocument(
            where,
            mixer_words(layer.mixer),
            feed_forward_words(layer),
            layer.parameters,
            layer.largest_tensor,
        )
        for layer, where in places.items()
    ]


def places_words(places: Sequence[int]) -> str:
    """Places as ranges: "0–2, 5, 8"; of many the first and the last."""
    runs = [
        [place for _, place in run]
        for _, run in groupby(enumerate(places), lambda pair: pair[1] - pair[0])
    ]
    texts = [f"{run[0]}–{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs]
    if len(texts) > MOST_RANGES:
        texts = [*texts[:3], "…", texts[-1]]
    return ", ".join(texts).replace("…, ", "… ").replace(", …", " …")


def state_bytes(spec: ModelSpec) -> list[StateDocument]:
    """Weights, gradients and AdamW's states of full fine-tuning in the formats they are kept in.

    What is frozen, such as a tower, has weights and nothing else.
    """
    trained = sum(t.numel for t in spec.trainable_tensors if t.role != "frozen")
    states = OPTIMIZERS["adamw"].states
    rows = (
        ("Weights, bf16", "as layers compute with them", BF16, spec.total_parameters),
        (
            "Weights, fp32",
            "PyTorch’s mixed precision, or DeepSpeed’s master copy",
            FP32,
            spec.total_parameters,
        ),
        ("Gradients, bf16", "DeepSpeed, or pure bf16", BF16, trained),
        ("Gradients, fp32", "PyTorch’s mixed precision", FP32, trained),
        ("AdamW’s states, fp32", "two moments of each parameter", states * FP32, trained),
    )
    return [StateDocument(name, note, size, size * count) for name, note, size, count in rows]


def _root_part(tensor: Tensor) -> PartName:
    if tensor.role == "embedding":
        return "embedding"
    if tensor.role == "norm":
        return "norms"
    if tensor.role == "head" or "head" in tensor.name:
        return "head"
    return "other"


def _layer_parts(layer: Layer) -> Counter[PartName]:
    """A layer's parameters by part. Norms inside the mixer count with it."""
    counts: Counter[PartName] = Counter()
    if layer.mixer is not None:
        counts["attention"] = _sum(layer.mixer.tensors(layer.hidden_size, layer.norm))
    if layer.moe is not None:
        for part, _ in layer.moe.parts:
            numel = _sum(layer.moe.part(part, layer.hidden_size))
            counts[_MOE_PARTS.get(part, "other")] += numel
    elif layer.mlp is not None:
        counts["mlp"] = _sum(layer.mlp.tensors(layer.hidden_size))
    rest = layer.parameters - counts.total()
    inside = sum(t.numel for t in layer.tensors if t.role == "norm")
    inside -= _norms_of_mixer(layer)
    counts["norms"] = min(inside, rest)
    counts["other"] = rest - counts["norms"]
    return counts


_MOE_PARTS: dict[str, PartName] = {
    "experts": "experts",
    "router": "router",
    "correction": "router",
    "shared": "shared_experts",
    "shared_gate": "router",
}


def _norms_of_mixer(layer: Layer) -> int:
    if layer.mixer is None:
        return 0
    tensors = layer.mixer.tensors(layer.hidden_size, layer.norm)
    return _sum(t for t in tensors if t.role == "norm")


def _sum(tensors: Iterable[Tensor]) -> int:
    return sum(tensor.numel for tensor in tensors)
