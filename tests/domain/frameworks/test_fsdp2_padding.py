"""Rows that FSDP2 adds so that every rank has as many: packed experts on more ranks than experts.

Two layers of 8 experts (width 128, hidden size 64), a vocabulary of 1,024: apart from the experts
and the router everything divides by 32.
"""

from __future__ import annotations

import pytest

from app.catalog.huggingface import spec_from_config
from app.domain.formulas import padding
from app.domain.formulas.registry import FORMULAS
from app.domain.strategies import STRATEGIES
from app.domain.training import Lora
from tests.domain.test_adapters import SIZES
from tests.jobs import bytes_of, job, moment, toy_model, usage

WIDTH, HIDDEN, LAYERS = 128, 64, 2
SPEC = spec_from_config(
    {
        **SIZES,
        "model_type": "mixtral",
        "num_key_value_heads": 4,
        "vocab_size": 1024,
        "intermediate_size": WIDTH,
        "num_local_experts": 8,
        "num_experts_per_tok": 2,
    },
    "toy",
)
ROW = 3 * WIDTH * HIDDEN + HIDDEN  # one expert's matrices and its row of the router
MISSING = 24 * ROW  # of a layer, on 32 ranks
PADDED = [name for name in FORMULAS if name.startswith("padded_")]
FSDP2 = [s.id for s in STRATEGIES.values() if s.engine == "fsdp2"]


def test_every_padding_formula_is_looked_at() -> None:
    named = {value.name for value in vars(padding).values() if hasattr(value, "equation")}
    assert set(PADDED) == named


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_what_divides_evenly_is_not_padded(strategy: str) -> None:
    """Llama's rows divide by 8; only `fully_shard` splits by rows at all."""
    asked = job(gpus=8) if strategy in FSDP2 else job(SPEC, gpus=8, nodes=4)
    for load in usage(asked, strategy).loads:
        assert bytes_of(load, *PADDED) == 0


def test_the_first_ranks_shards_hold_whole_rows() -> None:
    """The first of 32 ranks has one of eight experts: four times an even share."""
    setup = moment(job(SPEC, gpus=8, nodes=4), "fsdp2", "setup", "model sharded")
    even = SPEC.total_parameters
    assert setup.bytes == 4 * (even + LAYERS * MISSING) // 32
    assert bytes_of(setup, "padded_weights") == 4 * LAYERS * MISSING // 32


def test_states_and_gradients_have_the_padded_shape() -> None:
    step = moment(job(SPEC, gpus=8, nodes=4), "fsdp2", "step", "optimizer")
    one = 4 * LAYERS * MISSING // 32
    assert bytes_of(step, "padded_states") == 2 * one
    assert bytes_of(step, "padded_gradients") == one
    resident = moment(job(SPEC, gpus=8, nodes=4), "fsdp2", "resident", "between steps")
    assert bytes_of(resident, "padded_weights", "padded_states") == 3 * one


def test_a_foreach_step_borrows_the_padded_size() -> None:
    foreach = job(SPEC, gpus=8, nodes=4, optimizer_kernel="foreach")
    step = moment(foreach, "fsdp2", "step", "optimizer")
    assert bytes_of(step, "padded_states") == 3 * 4 * LAYERS * MISSING // 32


def test_sgd_has_no_states_to_pad() -> None:
    step = moment(job(SPEC, gpus=8, nodes=4, optimizer="sgd"), "fsdp2", "step", "optimizer")
    assert bytes_of(step, "padded_states") == 0


def test_gathered_layers_have_32_experts() -> None:
    asked = job(SPEC, gpus=8, nodes=4)
    last = moment(asked, "fsdp2", "forward", "last layer gathered")
    assert bytes_of(last, "padded_gather") == 3 * 2 * MISSING
    kept = moment(asked, "fsdp2_shard_grad_op", "backward", "loss")
    assert bytes_of(kept, "padded_gather") == LAYERS * 2 * MISSING


def test_the_reduction_is_padded_and_the_gradients_before_it_are_not() -> None:
    layer = SPEC.largest_layer_parameters
    reduction = moment(job(SPEC, gpus=8, nodes=4), "fsdp2", "backward", "layer 1, reduction")
    assert bytes_of(reduction, "padded_reduction") == 4 * MISSING
    assert bytes_of(reduction, "layer_weight_gradients") == 2 * layer
    assert bytes_of(reduction, "reduce_scatter_input") == 4 * layer
    assert bytes_of(reduction, "padded_gradients") == 4 * MISSING // 32


def test_a_vocabulary_pads_the_roots_reduction_and_its_output() -> None:
    """1,000 rows of embedding and of head on 16 ranks are 1,008."""
    asked, rows = job(toy_model(), gpus=8, nodes=2), 2 * 8 * 64
    root = moment(asked, "fsdp2", "backward", "root reduction")
    assert bytes_of(root, "padded_reduction") == 4 * rows
    output = moment(asked, "fsdp2", "backward", "root reduction, output")
    assert bytes_of(output, "padded_reduction") == 4 * rows + 4 * rows // 16
    assert bytes_of(root, "padded_gather") == 0


def test_offloaded_padding_is_on_the_host_and_gathered_on_the_gpu() -> None:
    asked = job(SPEC, gpus=8, nodes=4)
    for load in usage(asked, "fsdp2_offload").loads:
        assert bytes_of(load, "padded_weights", "padded_states", "padded_gradients") == 0
    first = moment(asked, "fsdp2_offload", "forward", "first layer gathered")
    assert bytes_of(first, "padded_gather") == 2 * 2 * MISSING
    even = job(SPEC, gpus=8, nodes=1)
    padded = 16 * (SPEC.total_parameters + LAYERS * MISSING) // 32
    more = usage(asked, "fsdp2_offload").host - usage(even, "fsdp2_offload").host
    assert more == 8 * (padded - 16 * SPEC.total_parameters // 8)


def test_hybrid_pads_to_the_ranks_of_a_node() -> None:
    for load in usage(job(SPEC, gpus=8, nodes=4), "fsdp2_hybrid").loads:
        assert bytes_of(load, *PADDED) == 0


def test_adapters_of_a_rank_below_the_ranks_are_padded() -> None:
    """Rank 8 on 32 ranks: A of q and v has 8 rows of 64; B divides evenly."""
    lora = Lora(8, ("q_proj", "v_proj"))
    asked = job(toy_model(vocab_size=1024), gpus=8, nodes=4, method="lora", lora=lora)
    step = moment(asked, "fsdp2", "step", "optimizer")
    missing = LAYERS * 2 * 24 * 64
    assert bytes_of(step, "padded_gradients") == 2 * missing // 32
    assert bytes_of(step, "padded_weights") == 2 * missing // 32
