"""Runs that somebody measured and sends, held against the engine."""

from __future__ import annotations

from collections.abc import Sequence

from app.domain.version import ENGINE_VERSION
from app.schemas.accuracy import RunComparison
from app.services.evidence import Comparison, Evidence
from app.services.measurements import compare_given, runs_of_documents, runs_of_lines
from app.services.resolving import Resolver
from app.services.run_accuracy import (
    by_strategy,
    peak_summary,
    phase_summaries,
    reserved_summary,
    run_accuracy,
)


class RunComparer:
    """Compares runs whose requests may name what a workspace saved."""

    def __init__(self, catalog_version: str, evidence: Evidence, resolver: Resolver) -> None:
        self._catalog_version = catalog_version
        self._evidence = evidence
        self._resolver = resolver

    def compare_lines(self, text: str) -> RunComparison:
        """Runs of a results file, one JSON object a line.

        Raises:
            InvalidInput: see `runs_of_lines` and `compare_given`.
        """
        return self._comparison(compare_given(runs_of_lines(text), self._resolver))

    def compare_documents(self, documents: Sequence[object]) -> RunComparison:
        """Runs that were read already.

        Raises:
            InvalidInput: see `runs_of_documents` and `compare_given`.
        """
        return self._comparison(compare_given(runs_of_documents(documents), self._resolver))

    def _comparison(self, comparisons: list[Comparison]) -> RunComparison:
        runs = [run_accuracy(c, self._evidence.region) for c in comparisons]
        return RunComparison(
            engine_version=ENGINE_VERSION,
            catalog_version=self._catalog_version,
            overall=peak_summary("all", "All runs", runs),
            reserved=reserved_summary(runs),
            by_strategy=by_strategy(runs),
            by_phase=phase_summaries(runs),
            runs=runs,
        )
