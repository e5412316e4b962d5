"""A family that is not known is planned from named dimensions, and marked as assumed."""

from __future__ import annotations

from typing import Any

import pytest

from app.catalog import load_catalog
from app.catalog.huggingface import read_config
from app.catalog.huggingface.dimensions import dimensions_in, spec_from_dimensions
from app.domain.errors import InvalidInput

LLAMA_8B = {
    "hidden_size": 4096,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "intermediate_size": 14_336,
    "vocab_size": 128_256,
}


def complaints(dimensions: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(InvalidInput) as caught:
        spec_from_dimensions(dimensions, "assumed")
    return dict(caught.value.errors)


def test_the_dimensions_of_a_known_model_count_what_it_has() -> None:
    known = load_catalog().model("meta-llama/Llama-3.1-8B").spec
    spec = spec_from_dimensions(LLAMA_8B, "assumed")
    assert spec.tensors == known.tensors
    assert spec.layers == known.layers


def test_experts_are_counted_whole_and_by_those_that_a_token_uses() -> None:
    h, width, experts, used, layers = 64, 48, 8, 2, 3
    spec = spec_from_dimensions(
        {"hidden_size": h, "num_hidden_layers": layers, "num_attention_heads": 4, "vocab_size": 100,
         "num_experts": experts, "num_experts_per_tok": used, "moe_intermediate_size": width},
        "assumed")  # fmt: skip
    layer = 4 * h * h + experts * 3 * h * width + experts * h + 2 * h
    assert spec.total_parameters == layers * layer + 2 * 100 * h + h
    assert spec.total_parameters - spec.active_parameters == layers * 6 * 3 * h * width


def test_without_a_gate_the_network_has_two_matrices() -> None:
    gated = spec_from_dimensions(LLAMA_8B, "x").total_parameters
    plain = spec_from_dimensions({**LLAMA_8B, "gated_mlp": False}, "x").total_parameters
    assert gated - plain == 32 * 4096 * 14_336


def test_what_is_assumed_is_said() -> None:
    (sentence,) = spec_from_dimensions(LLAMA_8B, "x").assumptions
    assert "assumed from named dimensions" in sentence
    assert "no exact count" in sentence


def test_a_model_that_is_read_assumes_nothing() -> None:
    assert load_catalog().model("meta-llama/Llama-3.1-8B").spec.assumptions == ()


@pytest.mark.parametrize(
    "name", [n for n in LLAMA_8B if n not in ("num_key_value_heads", "intermediate_size")]
)
def test_a_dimension_that_is_needed_is_named(name: str) -> None:
    left = {key: value for key, value in LLAMA_8B.items() if key != name}
    assert f"/model/dimensions/{name}" in complaints(left)


def test_without_experts_the_inner_size_is_needed() -> None:
    left = {key: value for key, value in LLAMA_8B.items() if key != "intermediate_size"}
    assert list(complaints(left)) == ["/model/dimensions/intermediate_size"]


def test_heads_that_do_not_divide_are_refused() -> None:
    assert "/model/dimensions/num_key_value_heads" in complaints(
        {**LLAMA_8B, "num_key_value_heads": 5}
    )


def test_more_parameters_than_any_machine_holds_are_refused() -> None:
    huge = {**LLAMA_8B, "hidden_size": 10**6, "intermediate_size": 10**6, "num_hidden_layers": 1000,
            "num_attention_heads": 10**4, "num_key_value_heads": 10**4}  # fmt: skip
    assert "1e+15 is most" in complaints(huge)["/model/dimensions"]


def test_a_config_of_an_unknown_family_says_its_dimensions_under_any_spelling() -> None:
    config = {"model_type": "foo", "d_model": 64, "n_layers": 2, "n_heads": 4, "ffn_dim": 256,
              "padded_vocab_size": 1000, "moe_k": "two"}  # fmt: skip
    assert dimensions_in(config) == {
        "hidden_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 256,
        "vocab_size": 1000,
    }


def test_an_unknown_family_is_refused_with_the_dimensions_that_would_be_needed() -> None:
    with pytest.raises(InvalidInput) as caught:
        read_config({"model_type": "unheard of"}, "x")
    (error,) = caught.value.errors
    for name in ("hidden_size", "num_hidden_layers", "num_attention_heads", "vocab_size"):
        assert name in error.detail


def test_a_reading_says_which_keys_the_class_fills_in() -> None:
    config = {**LLAMA_8B, "model_type": "mistral"}
    del config["num_key_value_heads"]
    reading = read_config(config, "x")
    assert reading.defaults["num_key_value_heads"] == 8
    assert "hidden_size" not in reading.defaults


def test_code_and_quantisation_of_the_repository_are_said_to_be_ignored() -> None:
    config = {**LLAMA_8B, "model_type": "llama", "auto_map": {"AutoModel": "evil.Model"},
              "quantization_config": {"quant_method": "fp8"}}  # fmt: skip
    code, quantised = read_config(config, "x").ignored
    assert "neither fetched nor run" in code
    assert "precision" in quantised
