"""The catalogue's GPUs: a page to browse, and a page for each with its facts and their sources."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.catalog import GpuEntry
from app.catalog.gpu_facts import BASIS_WORDS, FACTS, Fact
from app.domain.estimate import runtime_bytes
from app.domain.strategies import STRATEGIES
from app.http.dependencies import ServicesDep
from app.schemas.catalog import FactDocument, GpuDocument
from app.services.nearest import nearest_gpus
from app.web.browsing import Browser, Column, Filter
from app.web.numbers import dollars, gib, integer
from app.web.rendering import is_fragment_request, render

router = APIRouter(include_in_schema=False)

COUNTS = (1, 2, 4, 8)
MOST_RUNS = 12
GROUPS = {"memory": "Memory", "compute": "Compute", "links": "Links", "body": "Power and body"}
# What cards are commonly sold with, in GiB.
_AT_LEAST = (16, 24, 32, 48, 80, 96, 141, 180)
_TORCH: Fact = next(fact for fact in FACTS if fact.key == "torch_bytes")


def _linked(entry: GpuEntry) -> bool:
    return bool(entry.interconnect_gb_s)


BROWSER: Browser[GpuEntry] = Browser(
    "/gpus",
    (
        Column("name", "GPU", lambda entry: entry.name.lower()),
        Column("memory", "Memory, GiB", lambda entry: entry.gpu.torch_bytes, number=True),
        Column("bandwidth", "GB/s", lambda entry: entry.memory_bandwidth_gb_s, number=True),
        Column("bf16", "bf16 TFLOPS", lambda entry: entry.bf16_tflops, number=True),
        Column("power", "Watt", lambda entry: entry.power_w, number=True),
        Column("links", "Links"),
        Column("price", "Card price", lambda entry: entry.price and entry.price.low_cents),
        Column("plan", "Use", hidden=True),
    ),
    (
        Filter(
            "vendor", "Vendor",
            (("nvidia", "NVIDIA"), ("amd", "AMD"), ("intel", "Intel")),
            lambda entry, value: entry.vendor == value,
        ),
        Filter(
            "memory", "Memory", [(str(size), f"{size} GB or more") for size in _AT_LEAST],
            lambda entry, value: entry.memory_gb >= int(value) * entry.devices_per_package,
        ),
        Filter(
            "link", "Link between GPUs",
            (("direct", "NVLink or Infinity Fabric"), ("pcie", "PCI Express alone")),
            lambda entry, value: _linked(entry) == (value == "direct"),
        ),
        Filter(
            "known", "Memory figure", tuple(BASIS_WORDS.items()),
            lambda entry, value: _TORCH.known(entry).basis == value,
        ),
    ),
)  # fmt: skip


@dataclass(frozen=True)
class FactRow:
    """A fact as the page shows it; `source` is the number of its source in the list below."""

    label: str
    text: str
    note: str | None
    basis: str
    basis_word: str
    confidence: str
    source: int


@router.get("/gpus")
def gpus(request: Request, services: ServicesDep) -> Response:
    """The GPUs that a search and filters find, and saved systems."""
    catalog = services.catalog
    context = {
        "browser": BROWSER,
        "shown": BROWSER.show(catalog.search_gpus, request.query_params),
        "total": len(catalog.gpus),
        "profiles": services.hardware_profiles.page(limit=100).items,
        "known": lambda entry: _TORCH.known(entry),
        "basis_words": BASIS_WORDS,
    }
    blocks = ["results"] if is_fragment_request(request) else []
    return render(request, "catalogue/gpus.html", context, blocks=blocks)


@router.get("/gpus/{gpu_id}")
def gpu(request: Request, services: ServicesDep, gpu_id: str) -> Response:
    """One GPU: its facts with their sources, systems with it, what is near it, and runs on it."""
    document = services.catalog_documents.gpu(gpu_id)
    entry = services.catalog.gpus[gpu_id]
    sources = sources_of(document.facts)
    runs = services.accuracy.runs_on(gpu_id)
    context = {
        "entry": entry,
        "document": document,
        "groups": list(_groups(document, sources)),
        "sources": sources,
        "machines": list(_machines(entry)),
        "systems": services.catalog_documents.systems_of(gpu_id),
        "saved": [p for p in services.hardware_profiles.page(limit=100).items if p.gpu == gpu_id],
        "nearest": nearest_gpus(services.catalog, entry),
        "runs": sorted(runs, key=lambda run: abs(run.peak.error))[-MOST_RUNS:][::-1],
        "run_count": len(runs),
        "titles": {strategy.id: strategy.title for strategy in STRATEGIES.values()},
        "runtime": runtime_bytes(1),
        "basis_words": BASIS_WORDS,
    }
    return render(request, "catalogue/gpu.html", context)


def sources_of(facts: list[FactDocument]) -> list[tuple[str, str | None]]:
    """The different sources of facts with their addresses, in the order of first use."""
    return list(dict.fromkeys((fact.source, fact.source_url) for fact in facts if known(fact)))


def known(fact: FactDocument) -> bool:
    """Whether there is a value to show."""
    return fact.value is not None


def fact_text(fact: FactDocument) -> str:
    """A fact's value with its unit."""
    value = fact.value
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if value is None:
        return "Not known"
    if isinstance(value, str):
        return value
    if fact.unit == "bytes":
        return f"{gib(int(value))} GiB"
    if fact.key == "launch_year":
        return str(value)
    number = integer(value) if isinstance(value, int) else f"{value:,g}"
    return f"{number} {fact.unit}".strip()


def _groups(
    document: GpuDocument, sources: list[tuple[str, str | None]]
) -> Iterator[tuple[str, list[FactRow]]]:
    by_key = {fact.key: fact for fact in document.facts}
    for group, facts in groupby(FACTS, lambda fact: fact.group):
        shown = [by_key[fact.key] for fact in facts]
        rows = [
            FactRow(
                fact.label,
                fact_text(fact),
                fact.note,
                fact.basis,
                BASIS_WORDS[fact.basis],
                fact.confidence,
                sources.index((fact.source, fact.source_url)) + 1,
            )
            for fact in shown
            if known(fact)
        ]
        yield GROUPS[group], rows


@dataclass(frozen=True)
class Machine:
    """So many packages of a GPU in one node: what they hold, what the cards cost, and its link."""

    packages: int
    devices: int
    torch_bytes: int
    power_w: int
    price: str
    href: str


def _machines(entry: GpuEntry) -> Iterator[Machine]:
    price = entry.price
    for packages in COUNTS:
        devices = packages * entry.devices_per_package
        low, high = (
            (price.low_cents * packages, price.high_cents * packages) if price else (None, None)
        )
        yield Machine(
            packages,
            devices,
            entry.gpu.torch_bytes * devices,
            entry.power_w * packages,
            dollars(low, high),
            f"/?gpu={entry.id}&gpus_per_node={devices}",
        )
