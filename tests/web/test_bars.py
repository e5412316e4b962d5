from __future__ import annotations

import pytest

from app.domain.strategies import STRATEGIES
from app.domain.units import GIB
from app.web.bars import chart_of, in_order, scale_of, ticks_of
from tests.web.results import component, estimate, response, unsupported


def test_the_scale_ends_at_the_next_50_gib_above_the_leanest_peak_on_the_gpu() -> None:
    estimates = [estimate("zero3", weights=277), estimate("zero1", weights=471)]
    assert scale_of(estimates, 93 * GIB, full=False) == 300 * GIB


def test_the_scale_shows_at_least_a_quarter_more_than_fits() -> None:
    assert scale_of([estimate("zero3", weights=20)], 93 * GIB, full=False) == 150 * GIB


def test_the_scale_is_at_most_three_and_a_half_times_what_fits() -> None:
    estimates = [estimate("ddp", weights=5000)]
    assert scale_of(estimates, 80 * GIB, full=False) == 280 * GIB
    assert scale_of(estimates, 80 * GIB, full=True) >= 5250 * GIB


def test_an_offloading_strategy_does_not_set_the_scale() -> None:
    estimates = [estimate("zero3", weights=277), estimate("zero3_offload", weights=10)]
    assert scale_of(estimates, 93 * GIB, full=False) == 300 * GIB


@pytest.mark.parametrize("scale", [17, 50, 100, 150, 300, 327, 1350, 4000])
def test_ticks_are_few_round_and_carry_the_unit_once(scale: int) -> None:
    ticks = ticks_of(scale * GIB)
    assert 3 <= len(ticks) <= 8
    assert [text.endswith("GiB") for _, text in ticks] == [False] * (len(ticks) - 1) + [True]
    for place, text in ticks:
        value = float(text.removesuffix(" GiB").replace(",", ""))
        assert place == pytest.approx(100 * value / scale)


def test_segments_stack_in_the_palettes_order_and_end_at_the_peak() -> None:
    chart = chart_of(response(estimate("zero3", buffers=5, weights=30, activations=10)))
    (row,) = chart.rows
    assert [segment.group for segment in row.segments] == ["weights", "activations", "buffers"]
    assert [segment.start for segment in row.segments] == pytest.approx([0, 30, 40])
    assert sum(segment.width for segment in row.segments) == pytest.approx(45)
    assert row.total_bytes == 45 * GIB


def test_a_hairline_parts_wide_neighbours_only() -> None:
    (row,) = chart_of(response(estimate("zero3", weights=30, gradients=20, buffers=0.5))).rows
    assert [segment.gap for segment in row.segments] == [False, True, False]


def test_a_bar_past_the_scale_is_torn_and_has_no_bracket() -> None:
    chart = chart_of(response(estimate("zero3", weights=40), estimate("ddp", weights=900)))
    rows = {row.strategy: row for row in chart.rows}
    assert rows["ddp"].torn
    assert rows["ddp"].low is None
    assert rows["ddp"].segments[-1].start + rows["ddp"].segments[-1].width == pytest.approx(100)
    assert not rows["zero3"].torn
    assert rows["zero3"].low == pytest.approx(38)
    assert chart.torn


def test_rows_stand_in_the_registrys_order_in_two_sections() -> None:
    names = ["fsdp2_offload", "fsdp2", "zero3_offload", "ddp"]
    chart = chart_of(response(*(estimate(name, weights=10) for name in names)))
    assert [[row.strategy for row in section.rows] for section in chart.sections] == [
        ["ddp", "fsdp2"],
        ["zero3_offload", "fsdp2_offload"],
    ]


def test_uncommon_strategies_are_folded_away_until_asked_for() -> None:
    answer = response(estimate("zero3", weights=10), estimate("fsdp1", weights=10))
    assert [row.strategy for row in chart_of(answer).rows] == ["zero3"]
    assert chart_of(answer).folded == 1
    assert len(chart_of(answer, fsdp1=True).rows) == 2


def test_an_unsupported_strategy_says_why_and_has_no_bar() -> None:
    chart = chart_of(response(estimate("zero3", weights=9), unsupported("fsdp2_hybrid", "Why.")))
    row = chart.rows[-1]
    assert row.total_bytes is None
    assert row.segments == ()
    assert row.reason == "Why."
    assert row.word == "n/a"


def test_a_rows_label_says_everything_that_its_drawing_shows() -> None:
    (row,) = chart_of(response(estimate("zero3", "does_not_fit", weights=277))).rows
    assert row.label == "ZeRO-3: 277.0 GiB per GPU of 80.0 usable, does not fit"


def test_a_strategy_that_the_registry_lost_is_still_shown_last() -> None:
    old = estimate("zero3", weights=10)
    old.strategy = "zero9"
    estimates = [old, *(estimate(name, weights=1) for name in reversed(STRATEGIES))]
    ordered = [e.strategy for e in in_order(estimates)]
    assert ordered == [*STRATEGIES, "zero9"]
    assert "zero9" in [row.strategy for row in chart_of(response(*estimates)).rows]


def test_a_segment_tells_the_formula_of_its_largest_allocation_and_how_many_others() -> None:
    one = estimate("zero3", weights=30, buffers=4)
    one.components.append(component("buffers", 6, name="bucket", formula="k × q"))
    (row,) = chart_of(response(one)).rows
    formulas = {segment.group: segment.formula for segment in row.segments}
    assert formulas == {"weights": "P × 2 B", "buffers": "k × q, and 1 more"}
