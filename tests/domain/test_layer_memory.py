"""Bytes that one layer keeps for each token, against closed forms read off the models' own code.

h hidden size, i MLP width, q and kv widths of queries and keys, H and K their heads, S sequence
length, r LoRA rank. The forms hold to the byte against traces of the real modules.
"""

from __future__ import annotations

import pytest

from app.catalog import load_catalog
from app.domain.architecture import Attention, DenseMLP, ModelSpec
from app.domain.layer_memory import Kernels, layer_recipe
from app.domain.precision import STREAMS, StreamId
from app.domain.quantities import quantities_of
from app.domain.training import AttentionKernel, Lora, Method
from tests.jobs import job, moment, terms, toy_model

SEQUENCE = 48
RANK = 16


def kept(
    spec: ModelSpec,
    stream: StreamId = "half",
    *,
    attention: AttentionKernel = "sdpa",
    method: Method = "full",
    adapter_bytes: int = 2,
    masked: bool = False,
) -> int:
    """Bytes a token in the model's first layer."""
    kind = quantities_of(spec, method, Lora(RANK)).kinds[0]
    kernels = Kernels(STREAMS[stream], attention, method, adapter_bytes, RANK)
    recipe = layer_recipe(spec, kind, kernels, masked)
    return sum(int(ingredient.term(1, 1, SEQUENCE).bytes) for ingredient in recipe)


def model(id_: str) -> ModelSpec:
    return load_catalog().model(id_).spec


def widths(spec: ModelSpec) -> tuple[int, int, int, int, int, int]:
    """h, i, q, kv, H, K of the first layer."""
    layer = spec.layers[0]
    mixer, mlp = layer.mixer, layer.mlp
    assert isinstance(mixer, Attention)
    assert isinstance(mlp, DenseMLP)
    return spec.hidden_size, mlp.width, mixer.q_width, mixer.kv_width, mixer.heads, mixer.kv_heads


LLAMA_LIKE = ["meta-llama/Llama-3.1-8B", "mistralai/Mistral-7B-v0.3", "Qwen/Qwen2.5-1.5B"]


@pytest.mark.parametrize("id_", LLAMA_LIKE)
def test_a_llama_layer_in_a_16_bit_stream(id_: str) -> None:
    h, i, q, kv, H, _ = widths(model(id_))  # noqa: N806 - the papers' symbols
    assert kept(model(id_)) == 16 * h + 4 * q + 4 * kv + 8 * i + 4 * H


@pytest.mark.parametrize("id_", LLAMA_LIKE)
def test_a_llama_layer_under_autocast_casts_the_input_of_every_linear(id_: str) -> None:
    h, i, q, kv, H, _ = widths(model(id_))  # noqa: N806
    assert kept(model(id_), "autocast") == 26 * h + 4 * q + 4 * kv + 8 * i + 4 * H


@pytest.mark.parametrize("id_", LLAMA_LIKE)
def test_eager_attention_keeps_six_bytes_a_score_and_repeats_keys_and_values(id_: str) -> None:
    h, i, q, _, H, _ = widths(model(id_))  # noqa: N806
    expected = 16 * h + 8 * q + 8 * i + 6 * H * SEQUENCE
    assert kept(model(id_), attention="eager") == expected


def test_a_qwen3_layer_adds_its_norms_over_heads() -> None:
    spec = model("Qwen/Qwen3-4B")
    h, i, q, kv, H, K = widths(spec)  # noqa: N806
    llama = 16 * h + 4 * q + 4 * kv + 8 * i + 4 * H
    assert kept(spec) == llama + 6 * (q + kv) + 4 * (H + K)


def test_a_gpt2_layer_keeps_each_step_of_its_gelu() -> None:
    """10i; 6h fused qkv; 2h attention's output; norm inputs 4h and outputs 4h; two masks of h."""
    spec = model("openai-community/gpt2")
    h, i, _, _, H, _ = widths(spec)  # noqa: N806
    assert kept(spec) == 10 * i + 6 * h + 2 * h + 4 * h + 4 * h + 2 * h + 4 * H


def test_a_neox_layer_keeps_its_fused_qkv_beside_the_rotated_one() -> None:
    """4i; 6h fused qkv, 4h rotated q and k, 2h output and its copy; norm input 2h, outputs 4h."""
    spec = model("EleutherAI/pythia-1.4b")
    h, i, _, _, H, _ = widths(spec)  # noqa: N806
    assert kept(spec) == 4 * i + 6 * h + 4 * h + 2 * h + 2 * h + 2 * h + 4 * h + 4 * H


def test_a_gemma2_layer_has_four_fp32_norms_and_a_tanh_on_its_scores() -> None:
    spec = model("google/gemma-2-2b")
    h, i, q, _, H, _ = widths(spec)  # noqa: N806
    expected = 8 * i + 8 * H * SEQUENCE + 4 * 8 * h + 4 * h + 8 * q
    assert kept(spec, attention="eager") == expected


def test_a_binding_sliding_window_repeats_keys_and_values_and_keeps_a_mask() -> None:
    spec = model("google/gemma-3-4b-pt")
    _, _, q, kv, _, _ = widths(spec)
    assert kept(spec, masked=True) - kept(spec) == 4 * q - 4 * kv + 2 * SEQUENCE


@pytest.mark.parametrize("id_", LLAMA_LIKE)
def test_lora_with_fp32_adapters_keeps_an_fp32_input_of_every_linear(id_: str) -> None:
    """Frozen linears and norms keep less; each of seven adapters its own input and A's output."""
    h, i, q, kv, H, _ = widths(model(id_))  # noqa: N806
    adapters = 4 * (3 * h + q + 2 * h + i) + 4 * 7 * RANK
    expected = 8 * h + adapters + 6 * i + 4 * q + 4 * kv + 4 * H
    assert kept(model(id_), method="lora", adapter_bytes=4) == expected


@pytest.mark.parametrize("id_", LLAMA_LIKE)
def test_lora_with_16_bit_adapters_shares_the_inputs(id_: str) -> None:
    h, i, q, kv, H, _ = widths(model(id_))  # noqa: N806
    expected = 8 * h + 4 * h + 2 * 7 * RANK + 8 * i + 4 * q + 4 * kv + 4 * H
    assert kept(model(id_), method="lora", adapter_bytes=2) == expected


@pytest.mark.parametrize("id_", LLAMA_LIKE)
def test_lora_under_autocast_keeps_16_bit_inputs_whatever_the_adapters_are(id_: str) -> None:
    h, i, q, kv, H, _ = widths(model(id_))  # noqa: N806
    adapters = 2 * (3 * h + q + 2 * h + i) + 2 * 7 * RANK
    expected = 8 * h + adapters + 6 * i + 4 * q + 4 * kv + 4 * H
    found = kept(model(id_), "half_autocast", method="lora", adapter_bytes=4)
    assert found == expected


def test_routed_experts_are_those_of_a_trace_of_the_real_ones() -> None:
    """194,600 bytes a token in a layer of Qwen3-30B-A3B, router included."""
    assert kept(model("Qwen/Qwen3-30B-A3B")) == pytest.approx(194_600, rel=1e-3)


def test_checkpointing_keeps_each_layers_input_and_one_whole_layer() -> None:
    """A layer's input is h × 2 B; the layer being differentiated is recomputed whole."""
    spec = toy_model()
    tokens, h = 2048, spec.hidden_size
    loss = moment(job(spec), "fsdp2", "backward", "loss")
    (checkpoints,) = terms(loss, "layer_checkpoints")
    assert checkpoints.bytes == len(spec.layers) * tokens * h * 2
    inside = moment(job(spec), "fsdp2", "backward", "layer 2, MLP")
    recomputed = [t for t in inside.moment.terms if "n" in t.symbols and t.symbols["n"] == 1]
    assert sum(t.bytes for t in recomputed) == tokens * kept(spec)


def test_without_checkpointing_every_layer_is_kept_whole_until_its_backward() -> None:
    spec = toy_model()
    per_layer = 2048 * kept(spec)
    activations = []
    for label in ("layer 2, MLP", "layer 1, MLP"):
        found = moment(job(spec, activation_checkpointing=False), "fsdp2", "backward", label)
        own = [t for t in found.moment.terms if "n" in t.symbols]
        activations.append(sum(t.bytes for t in own))
    assert activations == [2 * per_layer, per_layer]


def test_in_the_mlp_the_down_projections_gradient_is_finished() -> None:
    inside = moment(job(toy_model()), "fsdp2", "backward", "layer 2, MLP")
    (finished,) = terms(inside, "layer_weight_gradients")
    assert finished.bytes == 2 * 64 * 128


def test_at_the_end_of_a_layer_all_its_gradients_are_finished() -> None:
    spec = toy_model()
    inside = moment(job(spec), "fsdp2", "backward", "layer 2, end")
    (finished,) = terms(inside, "layer_weight_gradients")
    assert finished.bytes == 2 * spec.largest_layer_parameters
