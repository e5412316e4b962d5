"""Two to four jobs side by side: what differs from the first, by how much, and what is the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from app.domain.frameworks import FRAMEWORKS
from app.domain.units import GIB
from app.schemas.estimates import Verdict
from app.web.answer import evidence_words
from app.web.bars import (
    GROUPS,
    VERDICT_WORDS,
    Row,
    bar_of,
    common_scale,
    ticks_of,
    totals_by_group,
)
from app.web.numbers import MINUS, NOTHING, dollars, gib, integer, parameters, signed_gib
from app.web.sheet import Sheet

LETTERS = "ABCD"
# Settings worth naming in the line that folds what is the same, and how.
TELLING = {
    "GPU": "{}",
    "Precision": "{}",
    "Optimizer": "{}",
    "Sequence length": "{}",
    "Micro-batch": "micro-batch {}",
    "Checkpointing": "checkpointing {}",
}
Tone = Literal["", "better", "worse"]
# Which way a figure is better. Where more is only more, the tone stays neutral.
Better = Literal["more", "less", ""]


@dataclass(frozen=True)
class Cell:
    """One scenario's value. `delta` is against A, in words; `tone` where better is certain."""

    text: str
    sub: str = ""
    differs: bool = False
    delta: str = ""
    tone: Tone = ""


@dataclass(frozen=True)
class Line:
    """One row of the table. `group` is the chart's group that it explains, "" for the others."""

    label: str
    cells: tuple[Cell, ...]
    group: str = ""

    @property
    def same(self) -> bool:
        return not any(cell.differs for cell in self.cells)


@dataclass(frozen=True)
class Bar:
    """A scenario's bar on the scale of all: `row` is None where it has no figures."""

    row: Row | None
    capacity: float
    ticks: tuple[tuple[float, str], ...]
    text: str


@dataclass(frozen=True)
class Column:
    """A scenario's head."""

    letter: str
    title: str
    source: str
    verdict: Verdict
    word: str
    bar: Bar
    query: str
    plan_id: str


@dataclass(frozen=True)
class Comparison:
    """The whole table: figures first, then what it takes, then the bytes, then what is the same."""

    columns: tuple[Column, ...]
    headroom: Line
    price: Line
    takes: tuple[Line, ...]
    memory: tuple[Line, ...]
    same: tuple[Line, ...]
    scale: str
    versions: tuple[str, ...]

    @property
    def same_words(self) -> str:
        """What all scenarios have in common, in one line."""
        count = len(self.same)
        settings = "1 setting is" if count == 1 else f"{count} settings are"
        everywhere = {2: "both", 3: "all three", 4: "all four"}[len(self.columns)]
        named = [line for line in self.same if line.label in TELLING]
        values = ", ".join(TELLING[line.label].format(line.cells[0].text) for line in named)
        more = "…" if named and count > len(named) else ""
        return f"{settings} the same in {everywhere}{': ' if named else ''}{values}{more}"


def comparison_of(sheets: Sequence[Sheet]) -> Comparison:
    """The comparison of up to four sheets; the first one is the baseline."""
    pairs = [(sheet.estimate, sheet.result.estimate.capacity.usable_bytes) for sheet in sheets]
    scale = common_scale(pairs)
    takes = list(_takes(sheets))
    alone = len(sheets) == 1
    return Comparison(
        columns=tuple(
            _column(sheet, letter, title, scale)
            for sheet, letter, title in zip(sheets, LETTERS, _titles(sheets), strict=False)
        ),
        headroom=_numbers(
            "Headroom per GPU",
            [None if s.estimate is None else s.estimate.headroom_bytes for s in sheets],
            lambda count: f"{signed_gib(count)} GiB",
            lambda delta: f"{signed_gib(delta)} GiB",
            "more",
            GIB // 20,
        ),
        price=_prices(sheets),
        takes=tuple(line for line in takes if alone or not line.same),
        memory=(*_memory(sheets), _batch(sheets), _evidence(sheets)),
        same=() if alone else tuple(line for line in takes if line.same),
        scale=f"0 to {scale // GIB:,} GiB, same scale",
        versions=_versions(sheets),
    )


def _titles(sheets: Sequence[Sheet]) -> list[str]:
    """A plan's name; of a what-if its method and machine, and what sets it apart."""
    jobs = [sheet.scenario for sheet in sheets]
    telling = [
        values
        for values in (
            [job.tokens for job in jobs],
            [job.batch for job in jobs],
            [job.precision for job in jobs],
            [job.optimizer for job in jobs],
            ["" if sheet.estimate is None else sheet.estimate.title for sheet in sheets],
        )
        if len(set(values)) > 1
    ]
    one_model = len({job.model for job in jobs}) == 1
    titles = []
    for place, (sheet, job) in enumerate(zip(sheets, jobs, strict=True)):
        method = job.method[:1].upper() + job.method[1:]
        what = method if one_model else f"{job.model}, {job.method},"
        told = [f"{what} on {job.hardware}", *(values[place] for values in telling)]
        titles.append(sheet.stored.name if sheet.stored else ", ".join(filter(None, told)))
    return titles


def _column(sheet: Sheet, letter: str, title: str, scale: int) -> Column:
    estimate, usable = sheet.estimate, sheet.result.estimate.capacity.usable_bytes
    verdict = "unsupported" if estimate is None else estimate.verdict
    row = None if estimate is None or estimate.peak is None else bar_of(estimate, scale, usable)
    text = "No figures" if row is None else f"{gib(row.total_bytes or 0)} of {gib(usable)} GiB"
    source = "Computed now"
    if sheet.stored is not None:
        source = f"Stored {sheet.stored.computed:%-d %b %Y}"
    return Column(
        letter=letter,
        title=title,
        source=source,
        verdict=verdict,
        word="Does not fit" if verdict == "does_not_fit" else VERDICT_WORDS[verdict],
        bar=Bar(row, 100 * usable / scale, ticks_of(scale), text),
        query=sheet.query,
        plan_id="" if sheet.stored is None else sheet.stored.id,
    )


def _numbers(
    label: str,
    values: Sequence[int | None],
    show: Callable[[int], str],
    show_delta: Callable[[int], str],
    better: Better = "",
    least: int = 1,
    group: str = "",
) -> Line:
    """A row of numbers. A difference smaller than `least` would print as none, so it is none."""
    base = values[0]
    cells = []
    for value in values:
        text = NOTHING if value is None else show(value)
        if value is None or base is None:
            cells.append(Cell(text, differs=(value is None) != (base is None)))
            continue
        delta = value - base
        differs = abs(delta) >= least
        up = (delta > 0) == (better == "more")
        tone: Tone = "" if not (differs and better) else "better" if up else "worse"
        cells.append(Cell(text, "", differs, show_delta(delta) if differs else "", tone))
    return Line(label, tuple(cells), group)


def _words(label: str, values: Sequence[str], group: str = "") -> Line:
    return Line(label, tuple(Cell(v, differs=v != values[0]) for v in values), group)


def _signed(count: int) -> str:
    return f"{MINUS if count < 0 else '+'}{abs(count):,}"


def _prices(sheets: Sequence[Sheet]) -> Line:
    """What the cards cost. Deltas of ranges run from the nearest to the farthest ends."""
    base = sheets[0].price_cents
    cells = []
    for sheet in sheets:
        price = sheet.price_cents
        text = dollars(*price) if price else "No public price"
        if price is None or base is None or price == base:
            cells.append(Cell(text, differs=price != base))
            continue
        near, far = price[0] - base[1], price[1] - base[0]
        tone: Tone = "worse" if near > 0 else "better" if far < 0 else ""
        cells.append(Cell(text, "", True, _price_delta(near, far), tone))
    return Line("Hardware price", tuple(cells))


def _price_delta(near: int, far: int) -> str:
    """From the smaller to the larger difference: "+$283,000–368,000", "−$1,000 to +$4,000"."""
    if near < 0 < far:
        return f"{MINUS}${-near / 100:,.0f} to +${far / 100:,.0f}"
    sign, ends = ("+", (near, far)) if far > 0 else (MINUS, (-far, -near))
    return sign + dollars(*ends)


def _takes(sheets: Sequence[Sheet]) -> Iterator[Line]:
    """Everything that a customer has to choose, buy or set."""
    estimates = [sheet.estimate for sheet in sheets]
    hosts = [None if e is None else e.host_bytes for e in estimates]
    disks = [None if e is None else e.nvme_bytes for e in estimates]
    yield _words("Strategy", ["None" if e is None else e.title for e in estimates])
    yield _words("Framework", [_framework(e.framework) if e else NOTHING for e in estimates])
    yield _words("Model", [sheet.model.rsplit("/", 1)[-1] for sheet in sheets])
    yield _words("Method", [dict(sheet.scenario.facts)["Method"] for sheet in sheets])
    yield _trained(sheets)
    yield _words("GPU", [sheet.machine.gpu.name for sheet in sheets])
    yield _numbers("GPUs", [sheet.gpus for sheet in sheets], integer, _signed)
    yield _numbers("Nodes", [sheet.machine.nodes for sheet in sheets], integer, _signed)
    yield _words("Interconnect", [_interconnect(sheet) for sheet in sheets])
    for label, needed in (("Host memory needed", hosts), ("NVMe needed", disks)):
        yield _numbers(
            label,
            needed,
            lambda count: f"{gib(count)} GiB",
            lambda delta: f"{signed_gib(delta)} GiB",
            "less",
            GIB // 20,
        )
    told = {"Model", "Hardware", "Method"}
    facts = [dict(sheet.scenario.facts) for sheet in sheets]
    for label in facts[0]:
        if label not in told:
            yield _words(label, [fact[label] for fact in facts])
    sources = [sheet.result.estimate for sheet in sheets]
    yield _words("Engine", [f"Engine {source.engine_version}" for source in sources])
    yield _words("Catalogue", [f"catalogue {source.catalog_version}" for source in sources])


def _framework(framework: str) -> str:
    known = FRAMEWORKS.get(framework)
    return framework if known is None else known.title


def _interconnect(sheet: Sheet) -> str:
    gpu, machine = sheet.machine.gpu, sheet.machine
    if sheet.gpus == 1:
        return "None, one GPU"
    linked = gpu.pcie if gpu.interconnect.startswith("none") else gpu.interconnect
    inside = linked if machine.gpus_per_node > 1 else ""
    between = "network between nodes" if machine.nodes > 1 else ""
    return ", ".join(part for part in (inside, between) if part) or NOTHING


def _trained(sheets: Sequence[Sheet]) -> Line:
    counts = [sheet.result.estimate.model.trainable_parameters for sheet in sheets]
    cells = [
        Cell(
            parameters(count),
            differs=count != counts[0],
            delta="" if count == counts[0] or not counts[0] else _share(count / counts[0]),
        )
        for count in counts
    ]
    return Line("Trained parameters", tuple(cells))


def _share(part: float) -> str:
    if part >= 2:
        return f"{part:,.1f} × A"
    return f"{100 * part:,.1f} % of A" if part >= 0.0005 else "under 0.1 % of A"


def _memory(sheets: Sequence[Sheet]) -> Iterator[Line]:
    """GiB per GPU at the peak, by component group."""
    totals = [
        None if s.estimate is None or s.estimate.peak is None else totals_by_group(s.estimate)
        for s in sheets
    ]
    for group, title in GROUPS:
        values = [None if total is None else total[group] for total in totals]
        yield _numbers(title, values, gib, signed_gib, "", GIB // 20, group)


def _batch(sheets: Sequence[Sheet]) -> Line:
    values = [s.estimate.max_micro_batch_size or None if s.estimate else None for s in sheets]
    return _numbers("Max micro-batch", values, integer, _signed, "more")


def _evidence(sheets: Sequence[Sheet]) -> Line:
    return _words(
        "Evidence",
        [NOTHING if s.estimate is None else evidence_words(s.estimate.evidence) for s in sheets],
    )


def _versions(sheets: Sequence[Sheet]) -> tuple[str, ...]:
    """What to know about numbers that come from different engines or catalogues."""
    made = [(s.result.estimate.engine_version, s.result.estimate.catalog_version) for s in sheets]
    if len(set(made)) == 1:
        return ()
    return tuple(
        f"{letter}: engine {engine}, catalogue {catalog}"
        + (f", stored {sheet.stored.computed:%-d %B %Y}" if sheet.stored else ", computed now")
        for sheet, letter, (engine, catalog) in zip(sheets, LETTERS, made, strict=False)
    )
