from __future__ import annotations

import pytest

from app.catalog import load_catalog
from app.catalog.huggingface import spec_from_config
from app.services.model_parts import kind_of, layer_kinds, parts_of, places_words, state_bytes
from app.services.nearest import nearest_gpus, nearest_models
from tests.factories import LLAMA_CONFIG


def test_the_parts_of_a_small_model_are_those_worked_out_by_hand() -> None:
    spec = spec_from_config(LLAMA_CONFIG, "small")
    hidden, inner, kv, vocabulary, layers = 64, 128, 32, 1000, 2
    parts = {part.name: part.parameters for part in parts_of(spec)}
    assert parts == {
        "embedding": vocabulary * hidden,
        "attention": layers * (2 * hidden * hidden + 2 * hidden * kv),
        "mlp": layers * 3 * hidden * inner,
        "norms": (2 * layers + 1) * hidden,
        "head": vocabulary * hidden,
    }


def test_the_experts_of_a_mixture_are_its_own_part() -> None:
    mixtral = load_catalog().model("mistralai/Mixtral-8x7B-v0.1").spec
    parts = {part.name: part.parameters for part in parts_of(mixtral)}
    assert parts["experts"] == 32 * 8 * 3 * 4096 * 14336
    assert parts["router"] == 32 * 8 * 4096
    assert "mlp" not in parts


def test_adamw_keeps_sixteen_bytes_a_parameter_in_mixed_precision() -> None:
    spec = spec_from_config(LLAMA_CONFIG, "small")
    each = {state.name: state.bytes // spec.total_parameters for state in state_bytes(spec)}
    assert each["Weights, fp32"] + each["Gradients, fp32"] + each["AdamW’s states, fp32"] == 16
    assert each["Weights, bf16"] == each["Gradients, bf16"] == 2


@pytest.mark.parametrize(
    ("places", "words"),
    [
        ([0], "0"),
        ([0, 1, 2], "0–2"),
        ([0, 2, 3, 7], "0, 2–3, 7"),
        (list(range(0, 40, 2)), "0, 2, 4 … 38"),
    ],
)
def test_places_read_as_ranges(places: list[int], words: str) -> None:
    assert places_words(places) == words


def test_alternating_layers_are_two_kinds() -> None:
    gemma = load_catalog().model("google/gemma-2-2b").spec
    kinds = layer_kinds(gemma)
    assert [kind.places[:2] for kind in kinds] == [[0, 2], [1, 3]]
    assert "window" in kinds[0].mixer
    assert "window" not in kinds[1].mixer


def test_a_model_without_attention_in_some_layers_is_a_hybrid() -> None:
    models = load_catalog()
    assert kind_of(models.model("Qwen/Qwen3.5-2B").spec) == "hybrid"
    assert kind_of(models.model("mistralai/Mixtral-8x7B-v0.1").spec) == "mixture"
    assert kind_of(models.model("meta-llama/Llama-3.2-1B").spec) == "dense"


def test_the_nearest_share_memory_and_kind_and_never_name_the_row_itself() -> None:
    catalog = load_catalog()
    for entry in catalog.gpus.values():
        assert entry.id not in {other.id for other in nearest_gpus(catalog, entry)}
    workstation = nearest_gpus(catalog, catalog.gpu("rtxpro6000-ws"))
    assert {g.id for g in workstation[:2]} == {"rtxpro6000-maxq", "rtxpro6000-server"}
    llama = nearest_models(catalog, catalog.model("meta-llama/Llama-3.1-70B"))
    assert llama[0].id == "meta-llama/Llama-3.3-70B-Instruct"
