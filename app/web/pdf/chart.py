"""The chart of a plan as vectors: the page's own geometry, on paper."""

from __future__ import annotations

from app.web.bars import GROUPS, Chart, Row
from app.web.numbers import gib
from app.web.pdf.paper import GROUP_COLOURS, INK, INK_2, INK_3, MARGIN, WIDTH, Paper

NAME, TOTAL, BADGE = 44.0, 20.0, 18.0
BAR_LEFT = MARGIN + NAME
BAR_WIDTH = WIDTH - NAME - TOTAL - BADGE
HIGH, THICK = 5.9, 3.2
SECTION = 4.8
OVER, GRID = "#FCF3F2", "#E6E9EE"


def chart_height(chart: Chart) -> float:
    """How much of a page the chart takes, in millimetres."""
    return _rows_height(chart) + 16


def _rows_height(chart: Chart) -> float:
    return len(chart.rows) * HIGH + SECTION * len(chart.sections)


def draw_chart(paper: Paper, chart: Chart, selected: str | None) -> None:
    """Legend, one row for each strategy with its total and verdict, and the axis."""
    _legend(paper)
    top = paper.get_y() + 1
    capacity = _x(chart.capacity)
    label = f"Usable {gib(chart.usable_bytes)} GiB"
    half = paper.fits_width(label, 7.5, bold=True) / 2
    at = min(max(capacity - half, BAR_LEFT), BAR_LEFT + BAR_WIDTH - 2 * half)
    paper.say(at, top, label, 7.5, width=2 * half + 1, bold=True)
    y = top + 0.2
    start = top + 4.6
    height = _rows_height(chart) - 4.6
    paper.block(capacity, start, BAR_LEFT + BAR_WIDTH - capacity, height, OVER)
    paper.set_line_width(0.15)
    paper.set_draw_color(GRID)
    for place, _ in chart.ticks:
        paper.line(_x(place), start, _x(place), start + height)
    reasons = []
    for section in chart.sections:
        paper.say(MARGIN, y + 0.3, section.title, 7.5, INK_3, NAME, bold=True)
        y += SECTION
        for row in section.rows:
            _row(paper, row, y, row.strategy == selected)
            if row.total_bytes is None:
                reasons.append((y, row.reason))
            y += HIGH
    paper.set_draw_color(INK)
    paper.set_line_width(0.5)
    paper.line(capacity, start, capacity, start + height)
    for at_y, reason in reasons:
        text = _short(paper, reason)
        paper.block(BAR_LEFT, at_y + 1, paper.fits_width(text, 7) + 3, 4, "#FFFFFF")
        paper.say(BAR_LEFT + 1.5, at_y + 1.2, text, 7, INK_3, BAR_WIDTH - 2)
    for number, (place, text) in enumerate(chart.ticks):
        wide = paper.fits_width(text, 6.5)
        x = _x(place) - (0 if number == 0 else wide if place > 95 else wide / 2)
        paper.say(x, y + 0.6, text, 6.5, INK_3, wide + 1)
    paper.set_y(y + 4.6)


def _x(percent: float) -> float:
    return BAR_LEFT + BAR_WIDTH * percent / 100


def _legend(paper: Paper) -> None:
    x, y = MARGIN, paper.get_y()
    for group, title in GROUPS:
        paper.block(x, y + 0.7, 2.6, 2.6, GROUP_COLOURS[group])
        wide = paper.fits_width(title, 7.5)
        paper.say(x + 3.8, y, title, 7.5, INK_2, wide + 1)
        x += wide + 8
    said = "9 in 10 runs"
    _bracket(paper, x, x + 5, y + 2)
    paper.say(x + 6.2, y, said, 7.5, INK_2, paper.fits_width(said, 7.5) + 1)
    paper.set_y(y + 5)


def _bracket(paper: Paper, low: float, high: float, y: float) -> None:
    paper.set_draw_color(INK)
    paper.set_line_width(0.3)
    paper.line(low, y, high, y)
    paper.line(low, y - 0.7, low, y + 0.7)
    paper.line(high, y - 0.7, high, y + 0.7)


def _row(paper: Paper, row: Row, y: float, selected: bool) -> None:
    paper.say(MARGIN, y + 1.1, row.title, 8, width=NAME - 2, bold=selected)
    if row.total_bytes is not None:
        for segment in row.segments:
            colour = GROUP_COLOURS[segment.group]
            wide = BAR_WIDTH * segment.width / 100
            paper.block(_x(segment.start), y + 1, wide, THICK, colour)
            if segment.gap:
                paper.block(_x(segment.start), y + 1, 0.25, THICK, "#FFFFFF")
        if row.torn:
            _tear(paper, y)
        if row.low is not None and row.high is not None:
            _bracket(paper, _x(row.low), _x(row.high), y + 5.1)
        text = f"{gib(row.total_bytes)} GiB"
        paper.say(BAR_LEFT + BAR_WIDTH + 1, y + 1, text, 8, width=TOTAL - 3, align="R", bold=True)
    paper.badge(MARGIN + WIDTH - BADGE + 2, y + 0.7, row.verdict, row.word)
    if selected:
        paper.set_draw_color("#3D44C6")
        paper.set_line_width(0.25)
        paper.rect(
            MARGIN - 1.5, y + 0.1, WIDTH + 3, HIGH - 0.2, "D", round_corners=True, corner_radius=1
        )


def _tear(paper: Paper, y: float) -> None:
    """The end of a bar that runs past the scale."""
    end = BAR_LEFT + BAR_WIDTH - 2
    points = [(end, y + 0.8), (end + 0.8, y + 1.7), (end, y + 2.6), (end + 0.8, y + 3.5),
              (end, y + 4.4), (end + 1, y + 4.4), (end + 1.8, y + 3.5), (end + 1, y + 2.6),
              (end + 1.8, y + 1.7), (end + 1, y + 0.8)]  # fmt: skip
    paper.set_fill_color("#FFFFFF")
    paper.polygon(points, style="F")


def _short(paper: Paper, text: str) -> str:
    """As much of a text as one line of the bar's column holds."""
    if paper.fits_width(text, 7) <= BAR_WIDTH - 4:
        return text
    while text and paper.fits_width(text + "…", 7) > BAR_WIDTH - 4:
        text = text[:-1]
    return text.rstrip() + "…"
