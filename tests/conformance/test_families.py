"""What is read from a config is, tensor by tensor, what transformers builds from it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from math import prod
from typing import Any, NamedTuple

import pytest
import torch
from torch import nn
from transformers import AutoConfig, PreTrainedModel
from transformers.pytorch_utils import Conv1D
from transformers.utils import logging

from app.catalog.huggingface import FAMILIES, spec_from_config
from app.catalog.huggingface.class_keys import FILE, class_keys
from app.domain.architecture import ModelSpec
from tests.conformance.class_keys import causal_class, table
from tests.conformance.drawn_configs import CHOSEN, draw

DRAWS = int(os.environ.get("DRAWS", "12"))
logging.set_verbosity_error()
# What Phi-4 multimodal builds for images and sound, inside its text model.
TOWERS = "embed_tokens_extend"
Shapes = list[tuple[str, tuple[int, ...]]]


class Built(NamedTuple):
    """A model as transformers builds it, without memory for its weights."""

    model: PreTrainedModel
    config: Any

    @property
    def shapes(self) -> Shapes:
        return [
            (name, tuple(p.shape))
            for name, p in self.model.named_parameters()
            if TOWERS not in name and p.numel()
        ]

    @property
    def linears(self) -> set[str]:
        kinds = (nn.Linear, Conv1D)
        return {f"{n}.weight" for n, m in self.model.named_modules() if isinstance(m, kinds)}

    @property
    def trainable(self) -> int:
        return sum(p.numel() for p in self.model.parameters() if p.requires_grad)


def build(config: dict[str, Any]) -> Built:
    values = {key: value for key, value in config.items() if key != "model_type"}
    read = AutoConfig.for_model(config["model_type"], **values)
    with torch.device("meta"):
        model = causal_class(type(read))(read)
    model.tie_weights()
    return Built(model, read)


def _figures(spec: ModelSpec, built: Built) -> Iterator[tuple[str, int, int]]:
    """What is summed from tensors, ours beside what their tensors make."""
    theirs = built.shapes
    yield "largest tensor", spec.largest_tensor_parameters, max(prod(s) for _, s in theirs)
    prefix = next(name for part, name in spec.root if part == "layers")
    layers: Counter[str] = Counter()
    idle = 0
    for name, shape in theirs:
        if name.startswith(f"{prefix}."):
            layers[name.removeprefix(f"{prefix}.").split(".")[0]] += prod(shape)
        if ".experts." in name and len(shape) > 1:
            chosen = next(getattr(built.config, k) for k in CHOSEN if hasattr(built.config, k))
            idle += prod(shape) // shape[0] * (shape[0] - chosen)
    yield "largest layer", spec.largest_layer_parameters, max(layers.values())
    biases = any(t.name.endswith("_bias") for x in spec.layers for t in x.tensors)
    if not biases:
        total = sum(prod(s) for _, s in theirs)
        yield "active", spec.active_parameters, total - idle
    towers = sum(p.numel() for n, p in built.model.named_parameters() if TOWERS in n)
    yield "trainable", spec.trainable_parameters, built.trainable - towers


def compare(config: dict[str, Any]) -> str:
    """Nothing where both agree, why not where they do not; `unbuilt` where transformers refuses."""
    try:
        built = build(config)
    except Exception as refusal:  # noqa: BLE001  (whatever a class says of an odd config)
        return f"unbuilt: {refusal!r}"
    spec = spec_from_config(config, "drawn")
    ours: Shapes = [(t.name, t.shape) for t in spec.tensors]
    theirs = built.shapes
    if ours != theirs:
        extra, missing = set(ours) - set(theirs), set(theirs) - set(ours)
        wrong = f"extra {sorted(extra)[:6]} missing {sorted(missing)[:6]}"
        return wrong if extra or missing else "another order"
    if spec.total_parameters != sum(prod(shape) for _, shape in theirs):
        return "another total"
    if figures := [name for name, ours, real in _figures(spec, built) if ours != real]:
        return f"another {figures}"
    inside = {t.name for t in spec.tensors if t.role == "linear"}
    if odd := (inside ^ (built.linears & {n for n, _ in ours})) - {"lm_head.weight"}:
        outside = {n for n in odd if ".layers." not in n and ".h." not in n and ".blocks." not in n}
        if odd - outside:
            return f"linears {sorted(odd - outside)[:4]}"
    return ""


CAUSAL = {model_type for model_type, keys in class_keys().items() if keys.name}


@pytest.mark.parametrize("model_type", sorted(set(FAMILIES) & CAUSAL))
def test_every_tensor_of_a_drawn_config_is_the_classs_own(model_type: str) -> None:
    outcomes = {seed: compare(draw(model_type, seed)) for seed in range(DRAWS)}

    assert not {s: w for s, w in outcomes.items() if w and not w.startswith("unbuilt")}
    assert list(outcomes.values()).count("") >= DRAWS / 4


def test_what_the_classes_read_is_what_the_table_says() -> None:
    assert FILE.read_text("utf-8") == table()
