"""`python -m app.accuracy [RESULTS]`: how far off the engine is, on a file of measured runs.

Without a file it takes the product's own runs. The format is that of `benchmarks/measure`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from app.accuracy_document import document
from app.catalog import load_catalog
from app.domain.errors import InvalidInput
from app.domain.units import GIB
from app.schemas.accuracy import Accuracy, AccuracySummary, RunAccuracy, RunComparison
from app.services.accuracy import measured_accuracy
from app.services.evidence import measured_evidence
from app.services.no_profiles import NoProfiles
from app.services.resolving import Resolver
from app.services.run_comparing import RunComparer
from app.web.numbers import NOTHING, percent, signed_percent

HEADS = (
    *("Run", "Strategy", "Predicted", "Measured", "Peak", "Band"),
    *("Setup", "Forward", "Backward", "Step", "Resident", "Reserved"),
)
_TEXTS = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; 0 if the file could be read and compared, 2 if not."""
    parser = argparse.ArgumentParser(prog="python -m app.accuracy", description=__doc__)
    parser.add_argument("results", nargs="?", type=Path, help="measured runs, one JSON a line")
    parser.add_argument("--document", type=Path, help="write our own runs' sums to this file too")
    parsed = parser.parse_args(arguments)
    path: Path | None = parsed.results
    catalog = load_catalog()
    service = measured_accuracy(catalog)
    given = RunComparer(
        catalog.version, measured_evidence(catalog), Resolver(catalog, NoProfiles())
    )
    try:
        found = service.whole if path is None else given.compare_lines(_text(path))
    except InvalidInput as error:
        for field in error.errors:
            place = field.pointer.replace("/lines/", ":", 1)
            sys.stderr.write(f"{path}{place}: {field.detail}\n")
        return 2
    except (OSError, UnicodeDecodeError) as error:
        sys.stderr.write(f"{path}: {error}\n")
        return 2
    sys.stdout.writelines(f"{line}\n" for line in report(found))
    if parsed.document is not None:
        parsed.document.write_text(document(service.whole), encoding="utf-8")
    return 0


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def report(found: Accuracy | RunComparison) -> Iterator[str]:
    """A line per run, then the sums. GiB of one GPU; errors are shares of what was measured."""
    yield f"Engine {found.engine_version}, catalogue {found.catalog_version}; GiB per GPU"
    yield ""
    yield from _aligned([HEADS, *(_row(run) for run in found.runs)])
    yield ""
    yield _sum("Peak", found.overall)
    yield from (_sum(summary.title, summary) for summary in found.by_phase)
    if found.reserved is not None:
        yield _sum("Reserved", found.reserved)
    yield from (_sum(summary.title, summary) for summary in found.by_strategy)


def _row(run: RunAccuracy) -> tuple[str, ...]:
    return (
        run.id,
        run.strategy,
        _gib(run.peak.predicted_bytes),
        _gib(run.peak.measured_bytes),
        signed_percent(run.peak.error),
        "inside" if run.peak.within_band else "outside",
        *(_error(phase.error) for phase in run.phases),
        _error(run.reserved.error),
    )


def _sum(title: str, summary: AccuracySummary) -> str:
    inside = "" if summary.within_band is None else f", {summary.within_band} inside the band"
    runs = "1 run" if summary.runs == 1 else f"{summary.runs} runs"
    return (
        f"{title}: {runs}, mean {percent(summary.mean_abs_error)}, "
        f"worst {signed_percent(summary.worst_error)} ({summary.worst_run}){inside}"
    )


def _gib(count: int) -> str:
    return f"{count / GIB:.2f}"


def _error(error: float | None) -> str:
    return NOTHING if error is None else signed_percent(error)


def _aligned(rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """Columns as wide as their widest cell; texts on the left, figures on the right."""
    table = list(rows)
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        cells = (
            cell.ljust(width) if place < _TEXTS else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join(cells).rstrip()


if __name__ == "__main__":
    sys.exit(main())
