"""ZeRO: Memory Optimizations Toward Training Trillion Parameter Models, 2020 (arXiv 1910.02054).

Section 3.1 and Figure 1: 7.5e9 parameters, 64 GPUs, mixed-precision Adam (2 + 2 + 12 B a parameter)
take 120 GB replicated, 31.4 GB with P_os, 16.6 GB with P_os+g and 1.9 GB with P_os+g+p (GB: 10^9).
"""

from __future__ import annotations

import pytest

from app.domain.formulas import states
from app.domain.units import GB
from tests.jobs import bytes_of, job, moment

PARAMETERS = 7_500_000_000
GPUS = 64
# (weights, gradients, optimizer states) are divided by:
STAGES = {
    "baseline": ((1, 1, 1), 120.0),
    "P_os": ((1, 1, GPUS), 31.4),
    "P_os+g": ((1, GPUS, GPUS), 16.6),
    "P_os+g+p": ((GPUS, GPUS, GPUS), 1.9),
}
MODEL = "meta-llama/Llama-3.1-8B"


@pytest.mark.parametrize("stage", STAGES)
def test_the_state_formulas_give_the_papers_figure(stage: str) -> None:
    (weights, gradients, optimizer), published = STAGES[stage]
    found = (
        states.weights(P=PARAMETERS, B=2, N=weights),
        states.gradients(T=PARAMETERS, B=2, N=gradients),
        states.master_weights(T=PARAMETERS, N=optimizer),
        states.optimizer_states(k=2, T=PARAMETERS, B=4, N=optimizer),
    )
    assert round(sum(term.bytes for term in found) / GB, 1) == published


def test_stage_1_and_2_keep_between_steps_what_the_paper_divides_and_the_whole_weights() -> None:
    asked = job(MODEL, gpus=8, nodes=8)
    parameters = asked.spec.total_parameters
    for strategy in ("zero1", "zero2"):
        resident = moment(asked, strategy, "resident", "between steps")
        assert bytes_of(resident, "weights") == 2 * parameters
        sharded = bytes_of(resident, "master_weights", "optimizer_states")
        assert sharded == 12 * -(-parameters // GPUS)


def test_stage_1_keeps_all_gradients_where_it_has_to() -> None:
    """P_os, with the gradients that accumulation leaves from one micro-batch to the next."""
    asked = job(MODEL, gpus=8, nodes=8, gradient_accumulation_steps=2)
    parameters = asked.spec.total_parameters
    loss = moment(asked, "zero1", "forward", "loss")
    found = bytes_of(loss, "weights", "gradients", "master_weights", "optimizer_states")
    assert found == 4 * parameters + 12 * -(-parameters // GPUS)
    assert found / parameters == pytest.approx(31.4 * GB / PARAMETERS, rel=2e-3)


def test_stage_2_keeps_its_part_of_the_gradients_rounded_up_to_whole_parameters() -> None:
    asked = job(MODEL, gpus=8, nodes=8, gradient_accumulation_steps=2)
    parameters = asked.spec.total_parameters
    loss = moment(asked, "zero2", "forward", "loss")
    found = bytes_of(loss, "partition_gradients")
    largest = asked.spec.largest_tensor_parameters
    assert 2 * parameters / GPUS <= found <= 2 * (parameters / GPUS + 2 * largest)


def test_stage_3_divides_everything() -> None:
    asked = job(MODEL, gpus=8, nodes=8)
    parameters = asked.spec.total_parameters
    resident = moment(asked, "zero3", "resident", "between steps")
    found = bytes_of(resident, "weights", "gradients", "master_weights", "optimizer_states")
    assert found == 16 * -(-parameters // GPUS)
    assert round(found / parameters * PARAMETERS / GB, 1) == 1.9
