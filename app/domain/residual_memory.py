"""What Gemma 3n and 4 keep besides attention and feed-forward: streams, bypasses, own inputs."""

from __future__ import annotations

from collections.abc import Iterable

from app.domain.architecture import Attention, DenseMLP, Layer, MixtureOfExperts, ModelSpec
from app.domain.formulas import residual_streams as res
from app.domain.formulas.registry import Term
from app.domain.ingredient import Ingredient
from app.domain.precision import FP32, Stream
from app.domain.units import Integer


def beside_blocks(layer: Layer, stream: Stream, *, trained: bool) -> Iterable[Ingredient]:
    """Of one layer. `trained`: whether its norms have gradients."""
    h, c, s, f = layer.hidden_size, stream.compute, stream.residual, FP32 * trained
    if isinstance(layer.mixer, Attention) and layer.mixer.value_norm:
        heads = {"kv": layer.mixer.kv_width, "K": layer.mixer.kv_heads}
        yield Ingredient(res.value_norms, heads)
    if layer.per_layer_input:
        sizes = {"h": h, "p": layer.per_layer_input, "c": c}
        yield Ingredient(res.per_layer_gates, sizes, in_mlp=True)
    if isinstance(layer.mlp, MixtureOfExperts) and layer.mlp.router_scales:
        yield Ingredient(res.scaled_router, {"h": h, "s": s, "c": c}, in_mlp=True)
    if isinstance(layer.mlp, DenseMLP) and layer.mlp.cuts_gate:
        yield Ingredient(res.sparse_gates, {"i": layer.mlp.width, "c": c}, in_mlp=True)
    if layer.altup_inputs:
        sizes = {"h": h, "k": layer.altup_inputs, "f": f, "c": c}
        yield Ingredient(res.altup_prediction, sizes)
        yield Ingredient(res.altup_correction, {**sizes, "s": s}, in_mlp=True)
        yield Ingredient(res.laurel, {"h": h, "r": layer.laurel_rank, "f": f, "c": c})


def beside_layers(
    spec: ModelSpec, tokens: Integer, stream: Stream, *, trained: bool
) -> Iterable[Term]:
    """Of the whole model, outside its layers."""
    h, c, f = spec.hidden_size, stream.compute, FP32 * trained
    if spec.per_layer_input:
        channels = spec.per_layer_input * len(spec.layers)
        yield res.per_layer_embeddings(t=tokens, h=h, p=channels, f=f, c=c)
    if spec.altup_inputs:
        yield res.altup_outside(t=tokens, h=h, k=spec.altup_inputs, s=stream.residual, c=c)
