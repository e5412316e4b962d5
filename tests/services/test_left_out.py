"""What the rule of thumb leaves out adds up, and what is said about it is so."""

from __future__ import annotations

import pytest

from app.catalog import load_catalog
from app.domain.units import GIB
from app.services.evidence import measured_comparisons
from app.services.left_out import BridgeRow, LeftOut, left_out
from tests.jobs import job, usage

OFF, ON, FUSED = range(3)


@pytest.fixture(scope="module")
def note() -> LeftOut:
    return left_out(load_catalog())


def row(note: LeftOut, start: str) -> BridgeRow:
    (found,) = (row for row in note.bridge if row.label.startswith(start))
    return found


def test_the_rows_between_two_totals_add_up_to_the_second(note: LeftOut) -> None:
    totals = [0, 0, 0]
    for step in note.bridge:
        if step.is_total:
            assert list(step.amounts) == totals, step.label
        else:
            totals = [have + more for have, more in zip(totals, step.amounts, strict=True)]


def test_the_rule_is_sixteen_bytes_a_parameter_and_the_papers_activations(note: LeftOut) -> None:
    assert row(note, "Training state: 16").amounts == (16 * 8_030_261_248 // 8,) * 3
    tokens, hidden, layers = 4096, 4096, 32
    per_channel = tokens * hidden * layers
    assert row(note, "Activations: 34").amounts == (
        34 * per_channel,
        2 * per_channel,
        2 * per_channel,
    )


@pytest.mark.parametrize(("variant", "checkpointing"), [(OFF, False), (ON, True)])
def test_the_peak_is_the_estimates(note: LeftOut, variant: int, checkpointing: bool) -> None:
    found = usage(job(sequence_length=4096, activation_checkpointing=checkpointing), "fsdp2")
    assert row(note, "Peak of").amounts[variant] == found.peak
    assert row(note, "What nvidia-smi").amounts[variant] == found.device_used


def test_what_the_remarks_say_is_so(note: LeftOut) -> None:
    assert note.peaks[OFF] == note.peaks[ON] == "backward, loss"
    assert note.peaks[FUSED] == "backward, root reduction"
    missing = row(note, "Training state that is not there").amounts
    assert missing[OFF] == missing[ON] < 0, "at the loss no gradient exists yet"
    peak = row(note, "Peak of").amounts
    logits = row(note, "Log-softmax").amounts
    assert 0 < peak[ON] - peak[FUSED] < logits[ON] // 4, "the peak hardly falls"
    near = [moment for moment in note.moments if moment.allocated > 0.95 * peak[ON]]
    assert len(near) >= 3, "several moments come close"
    (reduction,) = (moment for moment in note.moments if moment.moment == "root reduction")
    root = 1_050_677_248  # V × h twice and the final norm
    parts = {part.formula: part.bytes for part in reduction.parts}
    assert parts["root_gradients"] == 2 * root
    assert parts["reduce_scatter_input"] == 4 * root


def test_a_moments_parts_are_what_the_rule_omits_of_it(note: LeftOut) -> None:
    for moment in note.moments:
        assert sum(part.bytes for part in moment.parts) == moment.left_out < moment.allocated
    assert max(moment.allocated for moment in note.moments) == row(note, "Peak of").amounts[ON]


def test_the_rule_is_below_every_measured_run_and_the_engine_is_not_far_off(note: LeftOut) -> None:
    measured = {
        c.run_id: c.measured.steady_peak_allocated for c in measured_comparisons(load_catalog())
    }
    assert len(note.runs) >= 10
    for run in note.runs:
        assert run.measured == measured[run.id]
        assert run.rule < run.measured
        assert run.measured > 10 * GIB
    assert note.rule_error > 0.2
    assert note.error < 0.01
