from __future__ import annotations

import json

import plotly.graph_objects as go
import pytest

from app.domain.units import GIB
from app.web.bars import GROUPS, chart_of
from app.web.charts import figure_of
from tests.web.results import estimate, response, unsupported


def example() -> dict[str, object]:
    return figure_of(
        chart_of(
            response(
                estimate("ddp", "does_not_fit", weights=60, gradients=340),
                estimate("zero3", weights=30, gradients=20, buffers=3),
                unsupported("fsdp2_hybrid", "Needs 2 nodes."),
                estimate("zero3_offload", weights=4, activations=6),
            )
        )
    )


def test_plotly_accepts_every_key_of_the_figure() -> None:
    figure = example()
    built = go.Figure(data=figure["data"], layout=figure["layout"])
    assert len(built.data) == len(GROUPS) + 1
    assert json.loads(built.to_json())["layout"]["barmode"] == "stack"


def test_plotly_refuses_a_figure_with_a_wrong_key() -> None:
    with pytest.raises(ValueError, match="Invalid"):
        go.Figure(layout={"barmodus": "stack"})


def test_bars_hold_gib_at_their_rows_and_add_up_to_the_peak() -> None:
    figure = example()
    totals: dict[int, float] = {}
    for trace in figure["data"][: len(GROUPS)]:  # type: ignore[index]
        for row, value in zip(trace["y"], trace["x"], strict=True):
            totals[row] = totals.get(row, 0) + value
    assert totals == {0: 400, 1: 53, 3: 10}


def test_brackets_span_the_band_under_bars_that_are_not_cut() -> None:
    band = example()["data"][-1]  # type: ignore[index]
    assert band["y"] == pytest.approx([1.36, 3.36])
    assert band["x"][0] == pytest.approx(53 * 0.95)
    assert band["error_x"]["array"][0] == pytest.approx(53 * 0.1)


def test_the_capacity_line_stands_at_what_is_usable() -> None:
    over, line = example()["layout"]["shapes"]  # type: ignore[index]
    assert (line["x0"], line["x1"]) == (80, 80)
    assert over["x0"] == 80


def test_names_are_escaped_for_plotlys_markup() -> None:
    hostile = estimate("zero3", weights=GIB / GIB)
    hostile.title = "<b onmouseover=x>&"
    data = figure_of(chart_of(response(hostile)))["data"]
    assert data[0]["customdata"][0][0] == "&lt;b onmouseover=x&gt;&amp;"


def test_hovering_needs_no_inline_style() -> None:
    for trace in example()["data"]:  # type: ignore[attr-defined]
        assert "<b" not in trace.get("hovertemplate", "").replace("<br>", "")


def test_nothing_is_sent_to_anybodys_cloud() -> None:
    assert example()["config"]["showSendToCloud"] is False  # type: ignore[index]
