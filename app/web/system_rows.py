"""Found systems as the page shows them: one scale for all bars, words for prices and notes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from app.catalog import Catalog
from app.domain.strategies import STRATEGIES
from app.schemas.estimates import Verdict
from app.schemas.system_searches import SystemResult, SystemSearch
from app.web.bars import VERDICT_WORDS
from app.web.csv_text import Value
from app.web.numbers import MINUS, dollars, gib, integer, signed_gib, whole_gib

NO_LINK = "none"
_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()


@dataclass(frozen=True)
class Row:
    """One system. `fill` and `frame` are per cent of the common scale: the peak and the usable."""

    name: str
    links: str
    strategy: str
    remarks: tuple[str, ...]
    verdict: Verdict
    word: str
    headroom: str
    tone: str
    fill: float
    frame: float
    bar_text: str
    bar_label: str
    max_batch: str
    price: str
    price_note: str
    price_source: str
    query: str


@dataclass(frozen=True)
class Found:
    """A search's result: its rows, the near misses, and what all rows have unmeasured."""

    title: str
    counted: str
    rows: tuple[Row, ...]
    misses: tuple[Row, ...]
    unmeasured: tuple[str, ...]
    reasons: tuple[str, ...]


def found_of(result: SystemSearch, catalog: Catalog, query: Callable[[SystemResult], str]) -> Found:
    """The view of a search's result. `query` gives the planner's query for a system."""
    named = [*result.results, *result.near_misses]
    scale = max((max(row.usable_bytes, row.peak_bytes) for row in result.results), default=0)
    shared = _shared(row.evidence.outside for row in named)

    def view(row: SystemResult) -> Row:
        return _row(row, scale, shared, catalog, query(row))

    return Found(
        title=_title(result),
        counted=_counted(result),
        rows=tuple(map(view, result.results)),
        misses=tuple(map(view, result.near_misses)),
        unmeasured=shared,
        reasons=tuple(result.reasons),
    )


def _title(result: SystemSearch) -> str:
    can = result.fitting + result.tight
    if not result.systems:
        return "No system costs so little"
    if not can:
        return f"None of {_systems(result.systems)} can run it"
    return f"{integer(can)} of {_systems(result.systems)} can run it"


def _systems(count: int) -> str:
    return f"{integer(count)} system" if count == 1 else f"{integer(count)} systems"


def _counted(result: SystemSearch) -> str:
    return (
        f"{integer(result.fitting)} fit, {integer(result.tight)} tight; "
        f"{integer(result.candidates)} configurations looked at"
    )


def _shared(lists: Iterable[list[str]]) -> tuple[str, ...]:
    """The sentences that stand in every list."""
    first, *others = list(lists) or [[]]
    return tuple(sentence for sentence in first if all(sentence in other for other in others))


def _row(
    row: SystemResult, scale: int, shared: tuple[str, ...], catalog: Catalog, query: str
) -> Row:
    own = tuple(sentence for sentence in row.evidence.outside if sentence not in shared)
    scale = max(scale, row.usable_bytes, row.peak_bytes)
    word = VERDICT_WORDS[row.verdict]
    return Row(
        name=row.name,
        links=_links(row, catalog),
        strategy=row.strategy_title,
        remarks=(*_needs(row), *row.notes, *own),
        verdict=row.verdict,
        word="Does not fit" if row.verdict == "does_not_fit" else word,
        headroom=f"{signed_gib(row.headroom_bytes)} GiB",
        tone={"fits": "enough", "tight": "tight"}.get(row.verdict, "short"),
        fill=100 * row.peak_bytes / scale,
        frame=100 * row.usable_bytes / scale,
        bar_text=f"{gib(row.peak_bytes)} of {gib(row.usable_bytes)} GiB",
        bar_label=(
            f"{row.name}: {gib(row.peak_bytes)} GiB per GPU of {gib(row.usable_bytes)} usable"
        ),
        max_batch=integer(row.max_micro_batch_size) if row.max_micro_batch_size else MINUS,
        price=_price(row),
        price_note=f"{row.price_usd.kind}, {_month(row.price_usd.as_of)}" if row.price_usd else "",
        price_source=row.price_usd.source
        if row.price_usd and row.price_usd.kind != "saved"
        else "",
        query=query,
    )


def _links(row: SystemResult, catalog: Catalog) -> str:
    """What connects the GPUs; of a saved system what it is made of."""
    gpu = catalog.gpus.get(row.gpu)
    cards = f"{integer(row.gpus)} × {gpu.name}" if gpu else f"{integer(row.gpus)} GPUs"
    if "profile" in row.hardware:
        return f"Saved system, {cards}"
    if row.gpus == 1 or gpu is None:
        return ""
    linked = gpu.pcie if gpu.interconnect.startswith(NO_LINK) else gpu.interconnect
    inside = linked if row.hardware["gpus_per_node"] > 1 else ""
    between = "network between nodes" if row.hardware["nodes"] > 1 else ""
    return ", ".join(part for part in (inside, between) if part)


def _needs(row: SystemResult) -> Iterable[str]:
    if row.training_patch is not None:
        yield "With activation checkpointing."
    if row.verdict == "does_not_fit" or STRATEGIES[row.strategy].offload == "none":
        return
    yield f"Takes {whole_gib(row.host_bytes)} GiB of host memory per node."
    if row.nvme_bytes:
        yield f"Takes {whole_gib(row.nvme_bytes)} GiB of NVMe per node."


def _price(row: SystemResult) -> str:
    price = row.price_usd
    if price is None:
        return "No price saved" if "profile" in row.hardware else "No public price"
    return dollars(round(price.low * 100), round(price.high * 100))


def _month(as_of: str) -> str:
    year, *rest = as_of.split("-")
    return f"{_MONTHS[int(rest[0]) - 1]} {year}" if rest else year


CSV_HEADER = (
    "place", "system", "gpu", "gpus", "strategy", "verdict", "peak_bytes", "usable_bytes",
    "headroom_bytes", "max_micro_batch_size", "host_bytes", "nvme_bytes", "price_low_usd",
    "price_high_usd", "price_kind", "price_as_of", "price_source", "remarks", "plan",
)  # fmt: skip


def csv_rows(
    result: SystemSearch, query: Callable[[SystemResult], str], base: str
) -> Iterable[list[Value]]:
    """A search's systems as a table, best first, near misses last and without a place.

    `plan` is the address of the planner at `base` with the system filled in.
    """
    places = [*range(1, len(result.results) + 1), *[None] * len(result.near_misses)]
    for place, row in zip(places, [*result.results, *result.near_misses], strict=True):
        price = row.price_usd
        yield [
            place, row.name, row.gpu, row.gpus, row.strategy, row.verdict, row.peak_bytes,
            row.usable_bytes, row.headroom_bytes, row.max_micro_batch_size, row.host_bytes,
            row.nvme_bytes, price.low if price else None, price.high if price else None,
            price.kind if price else None, price.as_of if price else None,
            price.source if price else None,
            " ".join((*_needs(row), *row.notes, *row.evidence.outside)), f"{base}/?{query(row)}",
        ]  # fmt: skip
