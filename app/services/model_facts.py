"""What a model is, in the words of pages and documents: its counts and its layers."""

from __future__ import annotations

import re
from collections.abc import Iterator

from app.catalog.huggingface import Reading
from app.domain.architecture import (
    Attention,
    DenseMLP,
    LatentAttention,
    Layer,
    Mixer,
    MixtureOfExperts,
    ModelSpec,
)
from app.domain.architecture.mlps import MLP
from app.schemas.profiles import LayerGroup, ModelFacts, Parameters


def parameters_of(spec: ModelSpec) -> Parameters:
    """The parameter counts of a model."""
    return Parameters(
        total=spec.total_parameters,
        active=spec.active_parameters,
        largest_layer=spec.largest_layer_parameters,
        largest_tensor=spec.largest_tensor_parameters,
    )


def facts_of(reading: Reading) -> ModelFacts:
    """Everything that was understood of a model."""
    spec = reading.spec
    return ModelFacts(
        family=spec.family,
        model_type=spec.model_type,
        parameters=parameters_of(spec),
        trained=spec.total_parameters - spec.frozen_parameters,
        hidden_size=spec.hidden_size,
        vocab_size=spec.vocab_size,
        max_position=spec.max_position,
        tied_embeddings=spec.tied_embeddings,
        layers=layer_groups(spec),
        assumptions=list(spec.assumptions),
        defaults=dict(reading.defaults),
        ignored=list(reading.ignored),
    )


def layer_groups(spec: ModelSpec) -> list[LayerGroup]:
    """The kinds of layers that a model has, in the order in which they first appear."""
    first = {layer: index for index, layer in reversed(list(enumerate(spec.layers)))}
    return [
        LayerGroup(
            count=spec.layers.count(layer),
            first=index,
            mixer=mixer_words(layer.mixer),
            feed_forward=feed_forward_words(layer),
            parameters=layer.parameters,
        )
        for layer, index in sorted(first.items(), key=lambda item: item[1])
    ]


def mixer_words(mixer: Mixer | None) -> str:
    """What mixes a layer's tokens, "none" in a layer that has a feed-forward block alone."""
    if mixer is None:
        return "none"
    if isinstance(mixer, LatentAttention):
        return f"latent attention, {mixer.heads} heads, rank {mixer.kv_rank:,}"
    if isinstance(mixer, Attention):
        return ", ".join(_attention_words(mixer))
    return re.sub(r"(?<=[a-z])(?=[A-Z0-9])", " ", type(mixer).__name__).lower()


def _attention_words(attention: Attention) -> Iterator[str]:
    yield f"attention, {attention.heads} heads of {attention.head_dim}"
    if attention.kv_heads != attention.heads:
        yield f"{attention.kv_heads} for keys and values"
    if attention.sliding_window is not None:
        yield f"window {attention.sliding_window:,}"


def feed_forward_words(layer: Layer) -> str:
    """A layer's feed-forward block, "none" in a layer that has a mixer alone."""
    network: MLP | None = layer.mlp
    if isinstance(network, MixtureOfExperts):
        shared = f", {network.shared_width:,} shared" if network.shared_width else ""
        return f"{network.experts} experts of {network.width:,}, {network.per_token} used{shared}"
    if isinstance(network, DenseMLP):
        return f"{'gated ' if network.gated else ''}network of {network.width:,}"
    return "none"
