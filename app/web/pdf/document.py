"""The report as a PDF file: the answer and its chart first, then the arithmetic and its sources."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import segno

from app.web.answer import PartRow
from app.web.numbers import gib
from app.web.pdf.chart import chart_height, draw_chart
from app.web.pdf.fonts import typefaces
from app.web.pdf.paper import (
    GROUP_COLOURS,
    INK,
    INK_2,
    INK_3,
    INSET,
    MARGIN,
    RULE,
    RULE_STRONG,
    TONES,
    WIDTH,
    Paper,
)
from app.web.report import Report

NAME, AMOUNT, FORMULA = 48.0, 16.0, 66.0
SOURCE = WIDTH - NAME - AMOUNT - FORMULA
CODE_SIZE = 26.0
# Two pages hold as many parts as this; what is smaller is one line, whole behind the link.
MOST_PARTS = 11
BESIDE_CODE = WIDTH - CODE_SIZE - 6


def pdf_of(report: Report) -> bytes:
    """The file. Every figure is one that the page shows."""
    paper = Paper(
        typefaces("".join(_texts(report))), report.footer, report.sheet.title, report.made
    )
    _head(paper, report)
    _verdict(paper, report)
    paper.set_y(paper.heading("The job"))
    paper.facts(report.job, 5)
    if report.answer.chart is not None:
        needed = chart_height(report.answer.chart) + 12
        paper.set_y(paper.heading("Peak memory per GPU, by strategy", needed))
        draw_chart(paper, report.answer.chart, report.answer.selected)
    if report.answer.why is not None and report.answer.why.parts:
        _arithmetic(paper, report)
    _advice(paper, report)
    _command(paper, report)
    _assumptions(paper, report)
    _provenance(paper, report)
    return bytes(paper.output())


def _texts(report: Report) -> Iterator[str]:
    """Everything that is drawn: it decides which fonts are needed."""
    answer = report.answer
    yield from (report.sheet.title, report.kind, report.footer, report.link, report.command)
    yield from (answer.title, answer.detail, answer.evidence_chip, *answer.reasons)
    for label, value in (*report.job, *report.provenance):
        yield label + value
    yield from report.assumptions
    if answer.chart is not None:
        yield from (row.title + row.reason for row in answer.chart.rows)
    if answer.why is not None:
        yield answer.why.title + answer.why.band + answer.why.chip
        yield from (f"{p.name}{p.formula}{p.values}{p.source}{p.kind}" for p in answer.why.parts)
    yield from (fix.change + fix.detail + fix.cost + fix.cost_note for fix in answer.fixes)
    if answer.advice is not None:
        yield answer.advice.heading
        yield from (said.text + said.source for said in answer.advice.reasons)
    yield "…–−’“”×"


def _head(paper: Paper, report: Report) -> None:
    y = MARGIN
    for place, (group, wide) in enumerate(
        (("weights", 5.2), ("gradients", 3.5), ("optimizer_states", 2.3), ("activations", 1.3))
    ):
        paper.block(MARGIN, y + 0.3 + place * 1.15, wide, 0.9, GROUP_COLOURS[group])
    paper.say(MARGIN + 7.5, y - 0.2, "Shardplan", 11, bold=True)
    paper.say(MARGIN + 60, y + 0.6, report.kind, 8, INK_2, WIDTH - 60, "R")
    paper.rule(y + 7, RULE_STRONG, 0.3)
    scenario = report.sheet.scenario
    y = paper.say(MARGIN, y + 10, report.sheet.title, 17, bold=True)
    words = (scenario.tokens, scenario.batch, scenario.precision, scenario.optimizer)
    named = () if report.sheet.title == scenario.name else (scenario.name,)
    paper.say(MARGIN, y + 0.4, f"{', '.join((*named, *words))}.", 8.5, INK_2)


def _verdict(paper: Paper, report: Report) -> None:
    answer, x = report.answer, MARGIN + 12
    top = paper.get_y() + 4
    paper.set_draw_color(TONES[answer.verdict])
    paper.set_line_width(0.3)
    paper.ellipse(MARGIN, top, 8, 8, "D")
    paper.mark(MARGIN + 1.8, top + 1.8, answer.verdict, 4.4, 0.5)
    y = paper.say(x, top + 0.3, answer.title, 13, width=WIDTH - 12, bold=True)
    for text in filter(None, (answer.detail, *answer.reasons)):
        y = paper.say(x, y + 0.6, text, 8.5, INK_2, WIDTH - 12)
    for fix in answer.fixes:
        paper.set_y(y + 1.4)
        paper.room(10)
        line = paper.get_y()
        paper.badge(x, line, fix.verdict, fix.word)
        after = x + 20
        cost = f"{fix.cost} {fix.cost_note}".strip()
        paper.say(after, line + 0.1, fix.change, 8.5, width=WIDTH - 32, bold=True)
        room = f"{fix.headroom} GiB {fix.headroom_note}. {cost}."
        y = paper.say(after, paper.get_y(), f"{room} {fix.detail}", 7.5, INK_2, WIDTH - 32)
    paper.set_y(y)


def _arithmetic(paper: Paper, report: Report) -> None:
    why = report.answer.why
    if why is None:
        return
    title = f"Where the {why.total} GiB go: {why.title}, {why.phase}"
    listed, rest = _listed(why.parts)
    paper.set_y(paper.heading(title, min(240.0, 30 + 9.0 * len(listed))))
    _row(paper, ("Component", "GiB", "Formula and values", "Source"), INK_3, 7)
    for part in listed:
        arithmetic = " = ".join(filter(None, (part.formula, part.values)))
        source = f"{part.source} ({part.kind})" if part.kind else part.source
        _row(paper, (part.name, part.amount, arithmetic, source), INK, 7.5, part.group)
    if rest:
        said = f"At most {gib(max(part.bytes for part in rest))} GiB each; all are behind the link."
        total = gib(sum(part.bytes for part in rest))
        _row(paper, (f"{len(rest)} smaller parts", total, said, ""), INK, 7.5)
    paper.rule(paper.get_y(), RULE_STRONG)
    paper.set_y(paper.get_y() + 0.8)
    y = paper.get_y()
    paper.say(MARGIN, y, "Peak", 8, width=NAME, bold=True)
    paper.say(MARGIN + NAME, y, why.total, 8, width=AMOUNT - 4, align="R", bold=True)
    said = f"{why.band} {why.chip}."
    paper.say(MARGIN + NAME + AMOUNT, y, said, 7.5, INK_2, WIDTH - NAME - AMOUNT)


def _listed(parts: Sequence[PartRow]) -> tuple[list[PartRow], list[PartRow]]:
    """The parts that are printed, in their order, and those too small to be."""
    if len(parts) <= MOST_PARTS:
        return list(parts), []
    large = sorted(parts, key=lambda part: part.bytes, reverse=True)[: MOST_PARTS - 1]
    return [p for p in parts if p in large], [p for p in parts if p not in large]


def _row(
    paper: Paper, texts: tuple[str, str, str, str], colour: str, size: float, group: str = ""
) -> None:
    """One line of the arithmetic, as high as its longest text."""
    paper.room(9)
    y = paper.get_y() + 0.7
    name, amount, arithmetic, source = texts
    if group:
        paper.block(MARGIN, y + 0.6, 2.4, 2.4, GROUP_COLOURS[group])
    ends = [
        paper.say(MARGIN + 3.8, y, name, size, colour, NAME - 5, bold=bool(group)),
        paper.say(MARGIN + NAME, y, amount, size, colour, AMOUNT - 4, "R", bold=bool(group)),
        paper.say(MARGIN + NAME + AMOUNT, y, arithmetic, 6.8, colour, FORMULA - 4),
        paper.say(MARGIN + WIDTH - SOURCE, y, source, 6.5, INK_3, SOURCE),
    ]
    paper.set_y(max(ends) + 0.4)
    paper.rule(paper.get_y())


def _advice(paper: Paper, report: Report) -> None:
    advice = report.answer.advice
    if advice is None or not advice.reasons:
        return
    paper.set_y(paper.heading(advice.heading))
    for said in advice.reasons:
        source = f" ({said.source})" if said.source else ""
        _bullet(paper, f"{said.text}{source}")


def _command(paper: Paper, report: Report) -> None:
    if not report.command:
        return
    lines = report.command.splitlines()
    height = len(lines) * 3.6 + 5
    top = paper.heading("Run it", height + 12)
    paper.block(MARGIN, top, WIDTH, height, INSET)
    paper.set_y(top + 2.5)
    for line in lines:
        paper.say(MARGIN + 4, paper.get_y(), line.replace("\t", "  "), 7.2, width=WIDTH - 8)
    paper.set_y(max(top + height, paper.get_y() + 1))


def _assumptions(paper: Paper, report: Report) -> None:
    top = paper.heading("Assumptions", CODE_SIZE + 12)
    if report.link:
        _code(paper, report.link, MARGIN + WIDTH - CODE_SIZE, top)
    paper.set_y(top)
    for text in report.assumptions:
        _bullet(paper, text, BESIDE_CODE)


def _bullet(paper: Paper, text: str, width: float = WIDTH) -> None:
    paper.room(8)
    y = paper.get_y()
    paper.block(MARGIN + 0.6, y + 1.5, 0.9, 0.9, INK_3)
    paper.set_y(paper.say(MARGIN + 4, y, text, 8, INK_2, width - 4) + 0.5)


def _provenance(paper: Paper, report: Report) -> None:
    small = 6.5 if len(report.link) > 120 else 8
    lines = 1 + paper.fits_width(report.link, small) // BESIDE_CODE
    rows = -(-len(report.provenance) // 3)
    paper.set_y(paper.heading("Provenance", 12 + 10 * rows + small * 0.5 * lines))
    paper.facts(report.provenance, 3, BESIDE_CODE)
    paper.set_draw_color(RULE)
    paper.line(MARGIN, paper.get_y(), MARGIN + BESIDE_CODE, paper.get_y())
    if not report.link:
        return
    y = paper.say(MARGIN, paper.get_y() + 1.1, "Link", 7, INK_3)
    start = paper.get_y()
    end = paper.say(MARGIN, y, report.link, small, width=BESIDE_CODE)
    paper.link(MARGIN, start, BESIDE_CODE, end - start, report.link)


def _code(paper: Paper, text: str, x: float, y: float) -> None:
    """The link as a QR code."""
    code = segno.make(text, error="l", micro=False)
    size = code.symbol_size(border=0)[0]
    step = CODE_SIZE / size
    for line, row in enumerate(code.matrix):
        for column, dark in enumerate(row):
            if dark:
                paper.block(x + column * step, y + line * step, step * 1.02, step * 1.02, INK)
