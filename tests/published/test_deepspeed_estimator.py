"""DeepSpeed's own estimator of ZeRO-3's model states, on T0_3B and one GPU.

The Hugging Face guide to DeepSpeed prints for bigscience/T0_3B, 2783M parameters of which 65M are
in the largest layer: 46.91 GB per GPU with nothing offloaded, 5.43 GB with the optimizer on the CPU
and 0.25 GB with everything there. "GB" are 2^30 there. The estimator counts model states only:
18 B a parameter (16-bit weights 2; fp32 weights, gradients, momentum and variance 16) plus 4 B for
each element of the largest layer (16-bit weights and gradients of the layer that is running).
"""

from __future__ import annotations

import pytest

from app.domain.estimate import Load
from app.domain.formulas import buffers, states
from app.domain.formulas.registry import Term
from app.domain.units import GIB
from tests.jobs import bytes_of, job, moment

# T5 1.1 XL without a head: 24 encoder and 24 decoder layers of width 2048; its embedding is 32,128
# rows of that, the largest layer.
PARAMETERS = 2_783_959_040
LARGEST_LAYER = 32_128 * 2_048


def total(*found: Term) -> int:
    return sum(term.bytes for term in found)


def running_layer() -> int:
    return total(
        buffers.gathered_layers(k=1, w=LARGEST_LAYER, a=2),
        buffers.layer_weight_gradients(w=LARGEST_LAYER, B=2),
    )


def sixteen_bit_weights() -> int:
    return total(states.weights(P=PARAMETERS, B=2, N=1))


def full_precision_state() -> int:
    return total(
        states.master_weights(T=PARAMETERS, N=1),
        states.gradients(T=PARAMETERS, B=4, N=1),
        states.optimizer_states(k=2, T=PARAMETERS, B=4, N=1),
    )


def test_the_example_is_the_one_in_the_guide() -> None:
    assert PARAMETERS // 10**6 == 2783
    assert LARGEST_LAYER // 10**6 == 65


def test_nothing_offloaded_is_18_bytes_a_parameter_and_4_of_the_largest_layer() -> None:
    found = sixteen_bit_weights() + full_precision_state() + running_layer()
    assert found == 18 * PARAMETERS + 4 * LARGEST_LAYER
    assert round(found / GIB, 2) == 46.91


def test_the_optimizer_on_the_cpu_leaves_the_16_bit_weights_and_the_largest_layer() -> None:
    found = sixteen_bit_weights() + running_layer()
    assert found == 2 * PARAMETERS + 4 * LARGEST_LAYER
    assert round(found / GIB, 2) == 5.43


def test_everything_on_the_cpu_leaves_the_largest_layer() -> None:
    found = running_layer()
    assert found == 4 * LARGEST_LAYER
    assert round(found / GIB, 2) == 0.25


STATES = ("weights", "gradients", "master_weights", "optimizer_states")
# The estimator's bytes a parameter on one GPU, the largest layer aside.
ESTIMATED = {"zero3": 18, "zero3_offload_optimizer": 2, "zero3_offload": 0}


def resident(strategy: str) -> Load:
    return moment(job("Qwen/Qwen2.5-3B", gpus=1), strategy, "resident", "between steps")


@pytest.mark.parametrize("strategy", ESTIMATED)
def test_our_model_states_differ_by_the_fp32_gradients_alone(strategy: str) -> None:
    """DeepSpeed keeps 16-bit gradients and makes fp32 ones, twice as large, in the step.

    They exist for one sub-group at a time, so they are a buffer of the step, not a state.
    """
    load = resident(strategy)
    ours, gradients = bytes_of(load, *STATES), bytes_of(load, "gradients")
    parameters = job("Qwen/Qwen2.5-3B").spec.total_parameters
    assert ours - gradients + 2 * gradients == ESTIMATED[strategy] * parameters


@pytest.mark.parametrize("strategy", ESTIMATED)
def test_between_steps_there_are_also_the_bucket_and_the_workspaces(strategy: str) -> None:
    load = resident(strategy)
    rest = load.bytes - bytes_of(load, *STATES)
    assert rest == bytes_of(load, "ipg_buckets", "cublas_workspaces")


@pytest.mark.parametrize("strategy", ESTIMATED)
def test_more_than_the_largest_layer_is_gathered_at_the_loss(strategy: str) -> None:
    """The estimator adds one layer; the prefetcher fills up to stage3_max_live_parameters."""
    asked = job("Qwen/Qwen2.5-3B", gpus=1)
    loss = moment(asked, strategy, "forward", "loss")
    assert bytes_of(loss, "live_parameters") >= 2 * 1_000_000_000
    assert 4 * asked.spec.largest_layer_parameters < 2 * 1_000_000_000


def test_the_fp32_gradients_of_one_sub_group_exist_in_the_step() -> None:
    asked = job("Qwen/Qwen2.5-3B", gpus=1)
    step = moment(asked, "zero3", "step", "optimizer")
    group = bytes_of(step, "sub_group_step") // 6
    assert 1_000_000_000 <= group < asked.spec.total_parameters
