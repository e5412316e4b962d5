"""The table of a CSV file: one row for each strategy, bytes as they are, one column a figure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from app.schemas.estimates import StrategyEstimate
from app.web.bars import GROUPS, totals_by_group
from app.web.csv_text import Value
from app.web.report import Report
from app.web.scenario import cards_price
from app.web.sheet import Sheet


def _dollars(cents: Sequence[int | None] | None, place: int) -> float | None:
    found = None if cents is None else cents[place]
    return None if found is None else found / 100


_JOB: tuple[tuple[str, Callable[[Sheet], Value]], ...] = (
    ("plan", lambda sheet: sheet.title),
    ("model", lambda sheet: sheet.result.estimate.model.id),
    ("gpu", lambda sheet: sheet.machine.gpu.id),
    ("gpus_per_node", lambda sheet: sheet.machine.gpus_per_node),
    ("nodes", lambda sheet: sheet.machine.nodes),
    ("host_memory_bytes", lambda sheet: sheet.machine.host_memory_bytes),
    ("nvme_bytes", lambda sheet: sheet.machine.nvme_bytes),
    ("method", lambda sheet: sheet.request.training.method),
    ("precision", lambda sheet: sheet.request.training.precision),
    ("optimizer", lambda sheet: sheet.request.training.optimizer),
    ("sequence_length", lambda sheet: sheet.request.training.sequence_length),
    ("micro_batch_size", lambda sheet: sheet.request.training.micro_batch_size),
    (
        "activation_checkpointing",
        lambda sheet: str(sheet.request.training.activation_checkpointing).lower(),
    ),
    ("total_parameters", lambda sheet: sheet.result.estimate.model.total_parameters),
    ("trainable_parameters", lambda sheet: sheet.result.estimate.model.trainable_parameters),
    ("usable_bytes", lambda sheet: sheet.result.estimate.capacity.usable_bytes),
    ("cards_low_usd", lambda sheet: _dollars(cards_price(sheet.machine), 0)),
    ("cards_high_usd", lambda sheet: _dollars(cards_price(sheet.machine), 1)),
    ("system_usd", lambda sheet: _dollars((sheet.machine.price_cents,), 0)),
)
_PHASES = ("setup", "forward", "backward", "step", "resident")
_STRATEGY: tuple[tuple[str, Callable[[StrategyEstimate], Value]], ...] = (
    ("strategy", lambda e: e.strategy),
    ("title", lambda e: e.title),
    ("framework", lambda e: e.framework),
    ("verdict", lambda e: e.verdict),
    ("peak_phase", lambda e: e.peak.phase if e.peak else None),
    ("peak_allocated_bytes", lambda e: e.peak.allocated_bytes if e.peak else None),
    ("peak_low_bytes", lambda e: e.peak.low_bytes if e.peak else None),
    ("peak_high_bytes", lambda e: e.peak.high_bytes if e.peak else None),
    ("reserved_bytes", lambda e: e.reserved_bytes),
    ("device_used_bytes", lambda e: e.device_used_bytes),
    ("headroom_bytes", lambda e: e.headroom_bytes),
    ("needed_host_bytes", lambda e: e.host_bytes),
    ("needed_nvme_bytes", lambda e: e.nvme_bytes),
    ("max_micro_batch_size", lambda e: e.max_micro_batch_size),
    ("measured_runs", lambda e: e.evidence.measured_runs),
    (
        "mean_abs_error",
        lambda e: e.evidence.mean_abs_error if e.evidence.measured_runs else None,
    ),
    ("notes", lambda e: " ".join(e.notes)),
)
HEADER = (
    *(name for name, _ in _JOB),
    "shown",
    *(name for name, _ in _STRATEGY),
    *(f"phase_{phase}_bytes" for phase in _PHASES),
    *(f"{group}_bytes" for group, _ in GROUPS),
    "engine_version",
    "catalog_version",
    "computed_at",
    "link",
)


def rows_of(report: Report) -> Iterator[list[Value]]:
    """A row for each strategy; `shown` is "yes" for the one that the answer is about."""
    sheet = report.sheet
    job = [read(sheet) for _, read in _JOB]
    source = sheet.result.estimate
    tail: list[Value] = [
        source.engine_version,
        source.catalog_version,
        report.made.isoformat(),
        report.link,
    ]
    for estimate in source.estimates:
        shown = "yes" if estimate.strategy == report.answer.selected else "no"
        figures = [read(estimate) for _, read in _STRATEGY]
        phases = [
            None if estimate.phases is None else getattr(estimate.phases, phase)
            for phase in _PHASES
        ]
        totals = totals_by_group(estimate) if estimate.peak else {}
        groups = [totals.get(group) for group, _ in GROUPS]
        yield [*job, shown, *figures, *phases, *groups, *tail]
