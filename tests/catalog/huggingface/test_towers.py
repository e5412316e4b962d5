"""Multimodal models: their towers tensor by tensor as transformers builds them, and their text."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from app.catalog.huggingface import read_config
from app.catalog.huggingface.towers import LISTENERS, WRAPPERS
from app.domain.architecture import Tensor
from app.domain.errors import InvalidInput

MODELS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[2] / "data/multimodal_tensors.json").read_text("utf-8")
)["models"]
BY_TYPE = {model["config"]["model_type"]: model["config"] for model in MODELS}
TEXT = ("language_model", "text_model", "lm_head")
# Of a class that has its towers inside the embedding of its text model.
BARE_TEXT = ("model.layers.", "model.embed_tokens.", "model.norm.")


def is_text(name: str) -> bool:
    return name.startswith(BARE_TEXT) or any(part in TEXT for part in name.split("."))


def towers_of(config: dict[str, Any]) -> list[Tensor]:
    towers = read_config(config, "x", "trained").spec.towers
    return [tensor for tower in towers for tensor in tower.tensors]


def shapes(tensors: tuple[Tensor, ...]) -> Counter[tuple[int, ...]]:
    return Counter(t.shape for t in tensors)


@pytest.mark.parametrize("model", MODELS, ids=lambda m: f"{m['class']}-{len(m['tensors'])}")
def test_a_tower_has_the_tensors_that_transformers_registers(model: dict[str, Any]) -> None:
    expected = {name: tuple(shape) for name, shape, _ in model["tensors"] if not is_text(name)}
    assert {t.name: t.shape for t in towers_of(model["config"])} == expected


@pytest.mark.parametrize("model", MODELS, ids=lambda m: f"{m['class']}-{len(m['tensors'])}")
def test_a_towers_linears_are_those_of_transformers(model: dict[str, Any]) -> None:
    expected = {name for name, _, linear in model["tensors"] if linear and not is_text(name)}
    assert {t.name for t in towers_of(model["config"]) if t.role == "linear"} == expected


@pytest.mark.parametrize("model", MODELS, ids=lambda m: f"{m['class']}-{len(m['tensors'])}")
def test_the_whole_model_counts_what_transformers_counts(model: dict[str, Any]) -> None:
    spec = read_config(model["config"], "x", "frozen").spec
    assert shapes(spec.tensors) == Counter(tuple(shape) for _, shape, _ in model["tensors"])
    alone = read_config(model["config"], "x").spec
    head = spec.embedding_parameters * (spec.tied_embeddings - alone.tied_embeddings)
    assert alone.total_parameters == spec.total_parameters - spec.tower_parameters + head


def test_every_tower_that_can_be_read_is_held_against_transformers() -> None:
    assert set(BY_TYPE) == set(WRAPPERS) | set(LISTENERS)


def test_left_out_the_text_model_is_read_alone_and_said_so() -> None:
    reading = read_config(BY_TYPE["gemma3"], "x")
    assert reading.spec.towers == ()
    assert "tower is not counted" in reading.ignored[0]


@pytest.mark.parametrize(("towers", "said"), [("frozen", "are frozen"), ("trained", "are trained")])
def test_what_counts_of_a_tower_is_said(towers: Any, said: str) -> None:
    (sentence,) = read_config(BY_TYPE["gemma3"], "x", towers).spec.assumptions
    assert said in sentence
    assert "Activations of the vision tower are not included" in sentence


def test_a_frozen_tower_is_not_trained() -> None:
    frozen = read_config(BY_TYPE["gemma3"], "x", "frozen").spec
    trained = read_config(BY_TYPE["gemma3"], "x", "trained").spec
    alone = read_config(BY_TYPE["gemma3"], "x").spec
    assert frozen.trainable_tensors == alone.tensors
    assert trained.trainable_tensors == trained.tensors
    assert frozen.tensors == trained.tensors


def test_a_model_that_sees_and_hears_has_two_towers() -> None:
    towers = read_config(BY_TYPE["phi4_multimodal"], "x", "frozen").spec.towers
    assert [tower.name for tower in towers] == ["vision tower", "audio tower"]
    listening = read_config(BY_TYPE["voxtral"], "x", "frozen").spec
    assert "grow with the sound of a sequence" in listening.assumptions[0]


def test_an_encoders_fixed_positions_are_not_trained() -> None:
    spec = read_config(BY_TYPE["qwen2_audio"], "x", "trained").spec
    assert spec.total_parameters - spec.trainable_parameters == 12 * 24


def test_a_model_without_a_tower_has_none_to_train() -> None:
    config = BY_TYPE["gemma3"]["text_config"]
    with pytest.raises(InvalidInput) as caught:
        read_config(config, "x", "frozen")
    assert caught.value.errors[0].pointer == "/model/towers"


def test_a_tower_that_is_not_known_is_refused_with_what_can_be_planned() -> None:
    config = {**BY_TYPE["gemma3"], "audio_config": {"hidden_size": 8}}
    with pytest.raises(InvalidInput) as caught:
        read_config(config, "x", "trained")
    assert "only its text model can be planned" in caught.value.errors[0].detail


@pytest.mark.parametrize("value", [-1, "wide", True, 10**9, [1], 1.5])
def test_a_bad_dimension_of_a_tower_is_named(value: object) -> None:
    config = {**BY_TYPE["gemma3"]}
    config["vision_config"] = {**config["vision_config"], "hidden_size": value}
    with pytest.raises(InvalidInput) as caught:
        read_config(config, "x", "trained")
    assert caught.value.errors[0].pointer == "/model/config/vision_config/hidden_size"
