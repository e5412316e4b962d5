"""A config that cannot be a model is answered with the key at fault and a remedy."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.catalog.huggingface import read_config, spec_from_config
from app.domain.architecture import ModelSpec
from app.domain.errors import InvalidInput

GOOD = {
    "model_type": "llama",
    "hidden_size": 64,
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
    "intermediate_size": 96,
    "vocab_size": 1000,
}
CONFIGS = [
    json.loads(path.read_text("utf-8"))
    for path in sorted((Path(__file__).parents[2] / "data/configs").glob("*.json"))
]


def complaints(config: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(InvalidInput) as caught:
        spec_from_config(config, "bad")
    return dict(caught.value.errors)


def test_a_hidden_size_that_its_heads_do_not_divide_is_refused() -> None:
    found = complaints({**GOOD, "hidden_size": 65})
    assert list(found) == ["/model/config/hidden_size"]
    assert "not divisible by the 4 attention heads" in found["/model/config/hidden_size"]
    assert "head_dim" in found["/model/config/hidden_size"]


def test_the_same_is_fine_where_a_head_dim_is_given() -> None:
    assert spec_from_config({**GOOD, "hidden_size": 65, "head_dim": 16}, "x").hidden_size == 65


@pytest.mark.parametrize("key", [k for k in GOOD if k != "model_type"])
def test_a_missing_dimension_is_named(key: str) -> None:
    found = complaints({k: v for k, v in GOOD.items() if k != key})
    assert list(found) == [f"/model/config/{key}"]
    assert f"{key} is missing" in found[f"/model/config/{key}"]


@pytest.mark.parametrize(
    "value", [0, -1, 10**9, 10**400, True, 64.0, "64", math.nan, [], {}, "x" * 10_000]
)
@pytest.mark.parametrize("key", ["hidden_size", "num_hidden_layers", "vocab_size", "head_dim"])
def test_a_dimension_that_is_no_sensible_whole_number_is_refused(key: str, value: object) -> None:
    found = complaints({**GOOD, key: value})
    assert f"/model/config/{key}" in found
    assert len(found[f"/model/config/{key}"]) < 250


def test_a_flag_must_be_true_or_false() -> None:
    found = complaints({**GOOD, "attention_bias": "yes", "tie_word_embeddings": 1})
    assert set(found) == {"/model/config/attention_bias", "/model/config/tie_word_embeddings"}


def test_all_bad_keys_are_found_at_once() -> None:
    found = complaints({**GOOD, "hidden_size": "wide", "num_attention_heads": 0, "vocab_size": -1})
    assert set(found) == {
        "/model/config/hidden_size",
        "/model/config/num_attention_heads",
        "/model/config/vocab_size",
    }


def test_key_value_heads_must_divide_the_heads() -> None:
    assert list(complaints({**GOOD, "num_key_value_heads": 3})) == [
        "/model/config/num_key_value_heads"
    ]


def test_an_unknown_activation_names_the_known_ones() -> None:
    assert "silu" in complaints({**GOOD, "hidden_act": "sine"})["/model/config/hidden_act"]


def test_more_experts_per_token_than_experts_are_refused() -> None:
    moe = {**GOOD, "model_type": "mixtral", "num_local_experts": 2, "num_experts_per_tok": 3}
    assert list(complaints(moe)) == ["/model/config/num_experts_per_tok"]


def test_layer_types_must_name_every_layer() -> None:
    short = {**GOOD, "model_type": "gemma2", "layer_types": ["full_attention"]}
    assert "1 layers" in complaints(short)["/model/config/layer_types"]
    wrong = {**GOOD, "model_type": "gemma2", "layer_types": ["full_attention", "sideways"]}
    assert "sideways" in complaints(wrong)["/model/config/layer_types"]


@pytest.mark.parametrize(
    ("model_type", "near"),
    [("lama", '"llama"'), ("qwen3_mo", '"qwen3_moe"'), ("Mistral", '"mistral"'), ("§", '"llama"')],
)
def test_an_unknown_model_type_names_the_nearest(model_type: str, near: str) -> None:
    found = complaints({**GOOD, "model_type": model_type})
    assert list(found) == ["/model/config/model_type"]
    assert near in found["/model/config/model_type"]


@pytest.mark.parametrize("config", [{}, {"model_type": None}, {"model_type": 7}])
def test_a_missing_model_type_is_named(config: dict[str, Any]) -> None:
    assert "model_type is missing" in complaints(config)["/model/config/model_type"]


def test_an_unknown_model_type_names_the_one_whose_class_the_file_names() -> None:
    found = complaints({**GOOD, "model_type": "mine", "architectures": ["Qwen3MoeForCausalLM"]})
    assert 'such as "qwen3_moe"' in found["/model/config/model_type"]


def test_a_missing_model_type_is_that_of_the_class_that_the_file_names() -> None:
    untyped = {key: value for key, value in GOOD.items() if key != "model_type"}
    reading = read_config({**untyped, "architectures": ["MistralForCausalLM"]}, "x")
    assert reading.spec.model_type == "mistral"
    assert "architectures names mistral's class" in reading.ignored[0]
    assert "model_type is missing" in next(
        iter(complaints({**untyped, "architectures": 3}).values())
    )


def test_pointers_lead_into_the_text_config_and_escape_its_keys() -> None:
    nested = {"model_type": "gemma3", "text_config": {**GOOD, "hidden_size": -5}}
    assert list(complaints(nested)) == ["/model/config/text_config/hidden_size"]


@pytest.mark.parametrize("pattern", ["", "MXM", 7, ["M"], "M" * 1001])
def test_a_hybrid_pattern_of_other_letters_is_refused(pattern: object) -> None:
    config = {**GOOD, "model_type": "nemotron_h", "hybrid_override_pattern": pattern}
    assert list(complaints(config)) == ["/model/config/hybrid_override_pattern"]


JSON = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 10**12),
    st.floats(),
    st.text(max_size=5),
    st.lists(st.one_of(st.integers(-2, 99), st.text(max_size=3)), max_size=3),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_whatever_stands_in_a_config_the_answer_is_a_model_or_a_complaint(
    data: st.DataObject,
) -> None:
    config = dict(data.draw(st.sampled_from(CONFIGS)))
    for key in data.draw(st.lists(st.sampled_from(sorted(config)), max_size=4)):
        config[key] = data.draw(JSON)
    spec, pointers = outcome(config)
    assert all(pointer.startswith("/model/config/") for pointer in pointers)
    if spec:
        assert 0 < spec.active_parameters <= spec.total_parameters


def outcome(config: dict[str, Any]) -> tuple[ModelSpec | None, list[str]]:
    try:
        return spec_from_config(config, "drawn"), []
    except InvalidInput as refusal:
        return None, [error.pointer for error in refusal.errors]
