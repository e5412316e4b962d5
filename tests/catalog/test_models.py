"""Every model of the catalogue counts out to the last parameter."""

from __future__ import annotations

import pytest

from app.catalog import ModelEntry, load_catalog

MODELS = [pytest.param(entry, id=id_) for id_, entry in load_catalog().models.items()]


def test_the_catalogue_holds_77_models() -> None:
    assert len(MODELS) == 77


@pytest.mark.parametrize("entry", MODELS)
def test_the_enumeration_counts_what_transformers_counts(entry: ModelEntry) -> None:
    spec = entry.spec
    assert spec.total_parameters == entry.verified_parameters
    assert spec.active_parameters == entry.verified_active_parameters
    assert spec.largest_layer_parameters == entry.verified_largest_layer
    assert spec.largest_tensor_parameters == entry.verified_largest_tensor


@pytest.mark.parametrize("entry", MODELS)
def test_tensors_layers_and_root_agree(entry: ModelEntry) -> None:
    spec = entry.spec
    assert sum(t.numel for t in spec.tensors) == spec.total_parameters
    assert sum(spec.layer_parameters) + spec.root_parameters == spec.total_parameters
    assert len({t.name for t in spec.tensors}) == len(spec.tensors)
    assert min(t.numel for t in spec.tensors) > 0


@pytest.mark.parametrize("entry", MODELS)
def test_equal_layers_are_one_object(entry: ModelEntry) -> None:
    layers = entry.spec.layers
    assert len({id(layer) for layer in layers}) == len(set(layers))


@pytest.mark.parametrize("entry", MODELS)
def test_a_record_says_where_it_comes_from(entry: ModelEntry) -> None:
    assert entry.source
    assert entry.license
    assert entry.spec.max_position
    assert entry.spec.id == entry.id
    if entry.published_match == "exact":
        assert entry.published_parameters == entry.verified_parameters
    else:
        assert entry.published_note


def test_a_spec_is_built_once() -> None:
    entry = load_catalog().model("meta-llama/Llama-3.1-70B")
    assert entry.spec is entry.spec


def test_gemma_2_slides_in_every_other_layer() -> None:
    layers = load_catalog().model("google/gemma-2-2b").spec.layers
    windows = [layer.attention.sliding_window for layer in layers[:4] if layer.attention]  # type: ignore[union-attr]
    assert windows == [4096, None, 4096, None]
