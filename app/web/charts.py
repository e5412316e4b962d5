"""The Plotly figure of a chart, as plain dictionaries.

Plain dictionaries cost a fiftieth of plotly.py's objects; a test holds them against those objects.
Colours are the page's own: the script that draws the figure fills them in from the theme.
"""

from __future__ import annotations

import html
from typing import Any

from app.domain.units import GIB
from app.web.bars import GROUPS, Chart, Row
from app.web.numbers import gib

ROW_HEIGHT = 30
BAR_HEIGHT = 14
BRACKET_OFFSET = 0.36
Figure = dict[str, Any]


def figure_of(chart: Chart) -> Figure:
    """A figure for `Plotly.newPlot`: `data`, `layout` and `config`.

    Row i of the chart lies at y = i. Six stacked bar traces, one scatter trace whose error bars
    are the brackets under the bars, the capacity line and the tint beyond it.
    """
    rows = chart.rows
    return {
        "data": [_bars(rows, place) for place in range(len(GROUPS))] + [_brackets(chart)],
        "layout": _layout(chart),
        "config": {
            "displayModeBar": False,
            "responsive": True,
            "showSendToCloud": False,
            "doubleClick": False,
        },
    }


def _bars(rows: tuple[Row, ...], place: int) -> Figure:
    group, title = GROUPS[place]
    found = [
        (y, row, segment)
        for y, row in enumerate(rows)
        for segment in row.segments
        if segment.group == group
    ]
    return {
        "type": "bar",
        "orientation": "h",
        "name": title,
        "meta": group,
        "y": [y for y, _, _ in found],
        "x": [segment.bytes / GIB for _, _, segment in found],
        "width": BAR_HEIGHT / ROW_HEIGHT,
        "customdata": [
            [
                html.escape(row.title),
                gib(segment.bytes),
                gib(row.total_bytes or 0),
                html.escape(segment.formula),
            ]
            for _, row, segment in found
        ],
        "marker": {"line": {"width": [1 if segment.gap else 0 for _, _, segment in found]}},
        "hovertemplate": (
            f"%{{customdata[0]}}<br>{title} %{{customdata[1]}} GiB"
            "<br>%{customdata[3]}"
            "<br>Peak %{customdata[2]} GiB<extra></extra>"
        ),
    }


def _brackets(chart: Chart) -> Figure:
    found = [
        (y + BRACKET_OFFSET, row.low * chart.scale_bytes / 100, row.high * chart.scale_bytes / 100)
        for y, row in enumerate(chart.rows)
        if row.low is not None and row.high is not None
    ]
    return {
        "type": "scatter",
        "mode": "markers",
        "meta": "band",
        "y": [y for y, _, _ in found],
        "x": [low / GIB for _, low, _ in found],
        "marker": {"size": 1, "opacity": 0},
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [(high - low) / GIB for _, low, high in found],
            "arrayminus": [0 for _ in found],
            "thickness": 1.5,
            "width": 3,
        },
        "hoverinfo": "skip",
    }


def _layout(chart: Chart) -> Figure:
    rows = len(chart.rows)
    usable = chart.usable_bytes / GIB
    scale = chart.scale_bytes / GIB
    return {
        "barmode": "stack",
        "height": rows * ROW_HEIGHT,
        "margin": {"l": 0, "r": 0, "t": 0, "b": 0},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "showlegend": False,
        "hovermode": "closest",
        "dragmode": False,
        "xaxis": {
            "range": [0, scale],
            "fixedrange": True,
            "zeroline": False,
            "showticklabels": False,
            "tickmode": "array",
            "tickvals": [place * scale / 100 for place, _ in chart.ticks],
        },
        "yaxis": {
            "range": [rows - 0.5, -0.5],
            "fixedrange": True,
            "visible": False,
        },
        "shapes": [
            {
                "type": "rect", "layer": "below", "xref": "x", "yref": "paper",
                "x0": usable, "x1": scale, "y0": 0, "y1": 1, "line": {"width": 0},
            },
            {
                "type": "line", "layer": "above", "xref": "x", "yref": "paper",
                "x0": usable, "x1": usable, "y0": 0, "y1": 1, "line": {"width": 2},
            },
        ],
    }  # fmt: skip
