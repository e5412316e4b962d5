"""The moments of a mixture's layer, computed by hand: two layers of 8 experts, 2 for each token."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.estimate import Load
from app.domain.quantities import quantities_of
from app.domain.training import Lora
from tests.domain.frameworks.test_fsdp2_padding import HIDDEN, SPEC, WIDTH
from tests.jobs import bytes_of, job, moment, terms, usage

TOKENS, EXPERTS, USED, RANK = 2048, 8, 2, 4
DOWN = EXPERTS * WIDTH * HIDDEN  # elements of the packed down projections; gate and up have twice
ROWS = TOKENS * USED * HIDDEN * 2  # bytes of a routed copy of every token
LORA: dict[str, Any] = {"method": "lora", "lora": Lora(RANK)}
FROZEN: dict[str, Any] = {"method": "lora", "lora": Lora(RANK, ("q_proj",))}


def usage_loads(strategy: str = "fsdp2", **training: Any) -> list[Load]:
    return usage(job(SPEC, **training), strategy).loads


def test_adapters_on_experts_make_a_second_copy_of_their_weights() -> None:
    layer = moment(job(SPEC, **LORA), "fsdp2", "backward", "layer 2, experts' down projection")
    assert bytes_of(layer, "folded_gate_up") == 2 * 2 * DOWN
    assert bytes_of(layer, "folded_down") == 2 * DOWN
    assert bytes_of(layer, "folded_gradient") == 2 * DOWN
    assert bytes_of(layer, "layer_weight_gradients") == 0


def test_the_copy_of_the_down_weights_is_gone_before_the_gate() -> None:
    mlp = moment(job(SPEC, **LORA), "fsdp2", "backward", "layer 2, MLP")
    assert bytes_of(mlp, "folded_gate_up") == 2 * 2 * DOWN
    assert bytes_of(mlp, "folded_down", "expert_outputs") == 0
    attention = moment(job(SPEC, **LORA), "fsdp2", "backward", "layer 2, attention")
    assert bytes_of(attention, "folded_gate_up", "folded_down", "folding_factors") == 0


def test_without_checkpointing_every_layers_copy_waits_for_backward() -> None:
    """So sharded LoRA on experts holds the whole of them on every rank."""
    asked = job(SPEC, **LORA, activation_checkpointing=False)
    loss = moment(asked, "fsdp2", "backward", "loss")
    assert bytes_of(loss, "folded_gate_up", "folded_down") == 2 * 2 * 3 * DOWN
    checkpointed = moment(job(SPEC, **LORA), "fsdp2", "backward", "loss")
    assert bytes_of(checkpointed, "folded_gate_up", "folded_down") == 0


@pytest.mark.parametrize(("strategy", "gpus", "cast"), [("ddp", 1, True), ("fsdp2", 8, False)])
def test_fp32_adapters_are_cast_to_the_experts_dtype_before_they_are_folded_in(
    strategy: str, gpus: int, cast: bool
) -> None:
    folding = quantities_of(SPEC, "lora", Lora(RANK)).kinds[0].folding
    down = "layer 2, experts' down projection"
    layer = moment(job(SPEC, gpus=gpus, **LORA), strategy, "backward", down)
    assert bytes_of(layer, "folding_factors") == (2 * folding if cast else 0)


def test_autocast_does_not_keep_casts_of_the_experts_adapters() -> None:
    q = quantities_of(SPEC, "lora", Lora(RANK))
    loss = moment(job(SPEC, gpus=1, **LORA), "ddp", "forward", "loss")
    assert bytes_of(loss, "autocast_weights") == 2 * (q.adapters - q.folding)
    assert 0 < q.folding < q.adapters


def test_qlora_makes_the_packed_experts_fp32() -> None:
    asked = job(SPEC, gpus=1, method="qlora", lora=Lora(RANK))
    layer = moment(asked, "ddp", "backward", "layer 2, experts' down projection")
    assert bytes_of(layer, "folded_gate_up", "folded_down") == 4 * 3 * DOWN
    assert bytes_of(layer, "expert_outputs") == 2 * ROWS


def test_experts_without_adapters_keep_no_input_and_make_no_gradient() -> None:
    """Gate and up and silu(gate) of width 128 remain; the weighting keeps the outputs."""
    labels = ("experts' outputs", "MLP")
    for load in (moment(job(SPEC, **FROZEN), "fsdp2", "backward", f"layer 2, {x}") for x in labels):
        (kept,) = terms(load, "frozen_experts")
        assert kept.bytes == TOKENS * (USED * 2 * 3 * WIDTH + 4 * EXPERTS + 36 * USED)
        assert bytes_of(load, "routed_experts", "folded_gate_up", "folded_gradient") == 0


def test_weighting_the_outputs_in_fp32_makes_three_gradients_of_twice_their_size_and_a_cast() -> (
    None
):
    layer = moment(job(SPEC), "fsdp2", "backward", "layer 2, experts' outputs")
    assert bytes_of(layer, "output_gradients") == (3 * 2 + 1) * ROWS
    assert bytes_of(layer, "expert_outputs") == ROWS
    assert bytes_of(layer, "layer_weight_gradients") == 0


def test_the_gradients_of_all_experts_exist_from_matrix_to_matrix() -> None:
    made = {
        label: bytes_of(
            moment(job(SPEC), "fsdp2", "backward", f"layer 2, {label}"), "layer_weight_gradients"
        )
        for label in ("experts' down projection", "MLP", "experts' gate and up", "experts")
    }
    assert list(made.values()) == [2 * DOWN, 2 * DOWN, 2 * 3 * DOWN, 2 * 3 * DOWN]


def test_at_the_gate_the_experts_keep_only_what_enters_them() -> None:
    layer = moment(job(SPEC), "fsdp2", "backward", "layer 2, experts' gate and up")
    assert bytes_of(layer, "routed_experts", "expert_outputs") == 0
    assert bytes_of(layer, "gate_up_gradients") == TOKENS * USED * 2 * (2 * HIDDEN + 2 * WIDTH)


def test_a_recomputed_layer_runs_its_experts_beside_two_copies_of_itself() -> None:
    """Forward's own peak where the vocabulary is small: nothing is saved, all is alive."""
    layer = quantities_of(SPEC, "lora", Lora(RANK)).kinds[0].gathered
    moments = [
        load
        for load in usage_loads(**LORA)
        if load.moment.phase == "forward" and load.moment.label == "last layer, experts"
    ]
    first, last = moments
    assert bytes_of(first, "gate_up_in_forward") == TOKENS * 2 * (
        USED * (HIDDEN + 4 * WIDTH) + 2 * HIDDEN
    )
    assert bytes_of(first, "folded_gate_up", "folded_down") == 2 * 2 * DOWN
    assert bytes_of(last, "outputs_in_forward") == (2 + 4) * ROWS + 2 * TOKENS * HIDDEN * 2
    assert bytes_of(last, "folded_gate_up", "folded_down") == 2 * 3 * DOWN
    assert bytes_of(last, "gathered_layers") == 2 * 2 * layer


def test_the_last_norms_backward_has_five_fp32_tensors() -> None:
    """Its fp32 input and the residual's 16-bit gradient beside them."""
    norm = moment(job(SPEC), "fsdp2", "backward", "layer 2, norm")
    assert bytes_of(norm, "norm_gradients") == TOKENS * HIDDEN * (20 + 4 + 2)
    shared = moment(job(SPEC), "ddp", "backward", "layer 2, norm")
    assert bytes_of(shared, "norm_gradients") == TOKENS * HIDDEN * (20 + 4)


def test_buckets_hold_the_gradients_when_zero_reaches_the_norms() -> None:
    for strategy in ("zero2", "zero3"):
        labels = [load.moment.label for load in usage_loads(strategy)]
        assert "layer 2, attention" in labels
        assert "layer 2, norm" not in labels


def test_a_frozen_head_keeps_no_input_but_holds_it_until_the_model_returns() -> None:
    forward = moment(job(SPEC, **LORA), "fsdp2", "forward", "loss")
    assert bytes_of(forward, "final_norm_output") == TOKENS * HIDDEN * 2
    trained, frozen = (
        bytes_of(moment(job(SPEC, **method), "fsdp2", "backward", "loss"), "outside_layers")
        for method in ({}, LORA)
    )
    assert trained - frozen == TOKENS * HIDDEN * (2 + 2)  # the head's input, the norm's output


def test_the_mask_of_eager_attention_is_one_for_each_sequence() -> None:
    asked = job(SPEC, attention="eager", micro_batch_size=3)
    loss = moment(asked, "fsdp2", "forward", "loss")
    assert bytes_of(loss, "causal_mask") == 3 * 2 * 2048**2
