"""A real config.json becomes the same architecture as its twin in the catalogue."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from app.catalog import load_catalog
from app.catalog.huggingface import FAMILIES, spec_from_config, supported_model_types
from app.catalog.huggingface.class_keys import class_keys

DATA = Path(__file__).parents[2] / "data"
FILES = sorted((DATA / "configs").glob("*.json"))
REGISTERED: list[dict[str, Any]] = json.loads(
    (DATA / "registered_tensors.json").read_text("utf-8")
)["models"]
MULTIMODAL: list[dict[str, Any]] = json.loads(
    (DATA / "multimodal_tensors.json").read_text("utf-8")
)["models"]
MEASURED: dict[str, Any] = json.loads((DATA / "measured_configs.json").read_text("utf-8"))


def test_thirteen_real_files_are_tried() -> None:
    assert len(FILES) == 13


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_real_file_equals_its_twin(path: Path) -> None:
    twin = load_catalog().model(path.stem.replace("__", "/")).spec
    spec = spec_from_config(json.loads(path.read_text("utf-8")), twin.id)
    assert spec.tensors == twin.tensors
    assert spec.layers == twin.layers
    assert spec.tied_embeddings == twin.tied_embeddings
    assert spec.max_position == twin.max_position
    assert spec.active_parameters == twin.active_parameters
    assert (spec.name, spec.model_type) == (twin.name, twin.model_type)


@pytest.mark.parametrize(
    "model", REGISTERED, ids=lambda m: f"{m['config']['model_type']}-{len(m['tensors'])}"
)
def test_tensors_stand_as_transformers_registers_them(model: dict[str, Any]) -> None:
    spec = spec_from_config(model["config"], "small")
    found = [[t.name, list(t.shape)] for t in spec.tensors]
    assert found == [[name, shape] for name, shape, _ in model["tensors"]]


@pytest.mark.parametrize(
    "model", REGISTERED, ids=lambda m: f"{m['config']['model_type']}-{len(m['tensors'])}"
)
def test_linears_are_what_transformers_builds_as_linears(model: dict[str, Any]) -> None:
    spec = spec_from_config(model["config"], "small")
    inside = ".layers.", ".h.", ".blocks."
    real = {name for name, _, is_linear in model["tensors"] if is_linear}
    real = {name for name in real if any(part in name for part in inside)}
    assert {t.name for t in spec.tensors if t.role == "linear"} == real


def test_every_family_is_held_against_transformers() -> None:
    tried = {model["config"]["model_type"] for model in REGISTERED}
    texts = (model["config"].get("text_config") for model in MULTIMODAL)
    tried |= {text["model_type"] for text in texts if text}
    assert (set(FAMILIES) & set(class_keys())) <= tried


@pytest.mark.parametrize("name", MEASURED)
def test_a_measured_models_config_counts_what_was_measured(name: str) -> None:
    case = MEASURED[name]
    assert spec_from_config(case["config"], name).total_parameters == case["parameters"]


def test_kimi_k2_is_read_as_deepseek_v3() -> None:
    entry = load_catalog().model("moonshotai/Kimi-K2-Instruct")
    spec = spec_from_config({**entry.config, "model_type": "kimi_k2"}, "k")
    assert spec.total_parameters == entry.verified_parameters


def test_of_a_multimodal_config_the_text_model_is_read() -> None:
    entry = load_catalog().model("google/gemma-3-4b-pt")
    text = {
        "hidden_size": 2560,
        "intermediate_size": 10240,
        "num_hidden_layers": 34,
        "sliding_window": 1024,
        "model_type": "gemma3_text",
    }
    config = {"model_type": "gemma3", "text_config": text, "vision_config": {"hidden_size": 1152}}
    spec = spec_from_config(config, entry.id)
    assert spec.total_parameters == entry.verified_parameters
    del text["model_type"]
    assert spec_from_config(config, entry.id).total_parameters == entry.verified_parameters
    assert "gemma3" in supported_model_types()


def test_gpt2s_own_key_names_and_a_null_inner_width_are_read() -> None:
    spec = spec_from_config(
        {"model_type": "gpt2", "n_embd": 768, "n_head": 12, "n_layer": 12, "n_positions": 1024,
         "n_inner": None, "vocab_size": 50257}, "gpt2")  # fmt: skip
    assert spec.total_parameters == 124_439_808
    assert spec.residual_dropout
    assert spec.tied_embeddings


@pytest.mark.parametrize(
    ("model_type", "tied"),
    [("llama", False), ("qwen2", False), ("gemma2", True), ("starcoder2", True)],
)
def test_without_the_key_a_head_is_tied_as_the_class_has_it(model_type: str, tied: bool) -> None:
    config = {"model_type": model_type, "hidden_size": 64, "num_attention_heads": 4,
              "num_hidden_layers": 2, "intermediate_size": 96, "vocab_size": 100}  # fmt: skip
    assert spec_from_config(config, "x").tied_embeddings is tied
    other = spec_from_config({**config, "tie_word_embeddings": not tied}, "x")
    assert other.tied_embeddings is not tied


def test_null_key_value_heads_mean_one_for_each_query_head() -> None:
    config = {"model_type": "mistral", "hidden_size": 64, "num_attention_heads": 16,
              "num_hidden_layers": 1, "intermediate_size": 96, "vocab_size": 100}  # fmt: skip
    absent = spec_from_config(config, "x").layers[0].attention
    null = spec_from_config({**config, "num_key_value_heads": None}, "x").layers[0].attention
    assert absent
    assert null
    assert (absent.kv_heads, null.kv_heads) == (8, 16)


def test_a_partly_rotated_head_is_read_from_either_place() -> None:
    config = {"model_type": "gpt_neox", "hidden_size": 64, "num_attention_heads": 1,
              "num_hidden_layers": 1, "intermediate_size": 96, "vocab_size": 100}  # fmt: skip
    for extra, rotated in (
        ({}, 16),
        ({"rotary_pct": 0.5}, 32),
        ({"rope_parameters": {"partial_rotary_factor": 0.75}}, 48),
    ):
        attention = spec_from_config({**config, **extra}, "x").layers[0].attention
        assert attention
        assert attention.rotary_dim == rotated
