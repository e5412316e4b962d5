"""The engine's accuracy: every measured run held against it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property, lru_cache
from typing import NamedTuple

from app.catalog import Catalog
from app.catalog.measured import CappedRun, capped_runs, known_gaps
from app.domain.assessment import assess
from app.domain.errors import FieldError, InvalidInput
from app.domain.verdict import Verdict
from app.domain.version import ENGINE_VERSION
from app.schemas.accuracy import (
    Accuracy,
    CappedAccuracy,
    HeldOut,
    NotMeasured,
    RunAccuracy,
    RunDetail,
    Unproven,
)
from app.services.errors import NotFound
from app.services.estimating import component
from app.services.evidence import Comparison, Evidence, measured_evidence
from app.services.held_out import held_out
from app.services.not_measured import not_measured
from app.services.run_accuracy import (
    by_strategy,
    grouped,
    peak_summary,
    phase_summaries,
    reserved_summary,
    run_accuracy,
)
from app.services.unproven import unproven
from app.services.validated_region import METHODS


class Selection(NamedTuple):
    """Which runs to look at; an empty field takes all."""

    strategy: str = ""
    family: str = ""
    method: str = ""
    campaign: str = ""
    trainer: str = ""


class AccuracyService:
    """Answers how far off the engine is. Measured runs are compared once, when first asked for."""

    def __init__(self, catalog: Catalog, evidence: Evidence) -> None:
        self._catalog = catalog
        self._evidence = evidence

    @cached_property
    def whole(self) -> Accuracy:
        """All measured runs."""
        return self._accuracy(self._runs)

    def select(self, selection: Selection) -> Accuracy:
        """The measured runs of a selection, with sums over them alone.

        Raises:
            InvalidInput: no run is like that; `/query/<field>` says which values there are.
        """
        if not any(selection):
            return self.whole
        wanted = {name: value for name, value in selection._asdict().items() if value}
        for name, value in wanted.items():
            values = {getattr(run, name) for run in self._runs}
            if value not in values:
                detail = f"No measured run has this {name}: use one of {', '.join(sorted(values))}."
                raise InvalidInput(FieldError(f"/query/{name}", detail))
        runs = self.like(selection)
        if not runs:
            detail = "No measured run has all of these: leave one out."
            raise InvalidInput(*(FieldError(f"/query/{name}", detail) for name in wanted))
        return self._accuracy(runs)

    def like(self, selection: Selection) -> list[RunAccuracy]:
        """The measured runs of a selection; none where no run is like that."""
        wanted = {name: value for name, value in selection._asdict().items() if value}
        return [r for r in self._runs if all(getattr(r, n) == v for n, v in wanted.items())]

    def runs_on(self, gpu_id: str) -> list[RunAccuracy]:
        """The measured runs on a GPU of the catalogue."""
        return [run for c, run in self._by_id.values() if c.job.hardware.gpu.id == gpu_id]

    def runs_of(self, model_id: str) -> list[RunAccuracy]:
        """The measured runs of a model of the catalogue, cut to fewer layers or whole."""
        return [
            run for c, run in self._by_id.values() if model_id in (c.job.spec.id, c.run.base_model)
        ]

    def run(self, run_id: str) -> RunDetail:
        """One measured run.

        Raises:
            NotFound: there is none of this id.
        """
        found = self._by_id.get(run_id)
        if found is None:
            raise NotFound("There is no measured run of this name.")
        comparison, run = found
        return RunDetail(
            run=run,
            components=[component(term) for term in comparison.usage.components],
            outside=self._evidence.region.outside(comparison.job, [comparison.strategy]),
            request=comparison.run.request,
        )

    @cached_property
    def _by_id(self) -> dict[str, tuple[Comparison, RunAccuracy]]:
        region = self._evidence.region
        gaps = known_gaps()
        return {
            c.run_id: (c, replace(run_accuracy(c, region), known_gap=gaps.get(c.run_id)))
            for c in self._evidence.comparisons
        }

    @cached_property
    def _runs(self) -> list[RunAccuracy]:
        return [run for _, run in self._by_id.values()]

    @cached_property
    def _capped(self) -> list[tuple[CappedRun, Verdict]]:
        """The capped runs with the verdict under their cap, which bounds the allocator alone."""
        judged = []
        for capped in capped_runs():
            comparison, _ = self._by_id[capped.id]
            job = comparison.job
            limited = replace(
                job,
                hardware=replace(job.hardware, usable_memory_bytes=capped.cap_bytes),
                options=replace(job.options, allocator=capped.allocator),
            )
            assessed = assess(limited, [comparison.strategy], self._evidence.band_percent)
            judgement = assessed.outcomes[0].judgement
            judged.append((capped, judgement.verdict if judgement else "unsupported"))
        return judged

    def _accuracy(self, runs: list[RunAccuracy]) -> Accuracy:
        return Accuracy(
            engine_version=ENGINE_VERSION,
            catalog_version=self._catalog.version,
            campaigns=sorted({run.campaign for run in runs}),
            versions=_versions(runs),
            gpus=sorted({run.gpu for run in runs}),
            overall=peak_summary("all", "All runs", runs),
            reserved=reserved_summary(runs),
            by_strategy=by_strategy(runs),
            by_phase=phase_summaries(runs),
            by_method=grouped(runs, lambda run: run.method, METHODS, _method_title),
            by_family=grouped(runs, lambda run: run.family),
            by_campaign=grouped(runs, lambda run: run.campaign),
            capped=self._capped_accuracy({run.id for run in runs}),
            held_out=self._held_out,
            unproven=self._unproven,
            not_measured=self._not_measured,
            runs=runs,
        )

    @cached_property
    def _held_out(self) -> list[HeldOut]:
        return held_out(self._evidence.comparisons)

    def _capped_accuracy(self, ids: set[str]) -> CappedAccuracy:
        judged = [(capped.ran, verdict) for capped, verdict in self._capped if capped.id in ids]
        return CappedAccuracy(
            runs=len(judged),
            false_fits=sum(not ran and verdict == "fits" for ran, verdict in judged),
            refusals=sum(ran and verdict == "does_not_fit" for ran, verdict in judged),
        )

    @cached_property
    def _unproven(self) -> list[Unproven]:
        return unproven(self._evidence.comparisons)

    @cached_property
    def _not_measured(self) -> list[NotMeasured]:
        return not_measured(self._evidence, self._catalog)


@lru_cache(maxsize=1)
def measured_accuracy(catalog: Catalog) -> AccuracyService:
    """The accuracy on the measured runs, which are the same for everybody."""
    return AccuracyService(catalog, measured_evidence(catalog))


def _method_title(method: str) -> str:
    return METHODS[method][:1].upper() + METHODS[method][1:]


def _versions(runs: Sequence[RunAccuracy]) -> dict[str, list[str]]:
    found: dict[str, set[str]] = {}
    for run in runs:
        for package, version in run.versions.items():
            found.setdefault(package, set()).add(version)
    return {package: sorted(versions) for package, versions in found.items()}
