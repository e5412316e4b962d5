"""The plan: the estimate, the one line that answers the customer, and what would make it fit."""

from __future__ import annotations

from pydantic import ValidationError

from app.domain.assessment import Assessed, Assessment, assess
from app.domain.choice import allowed, leanest, peak_of, preferred
from app.domain.job import Job
from app.domain.units import GIB
from app.schemas.estimates import EstimateRequest
from app.schemas.planning import Fix, Headline, PlanResult, Preferences
from app.services.changes import Change, pairs, proposals
from app.services.estimating import Estimator
from app.services.patching import apply

FIXES = 3
METHOD_TITLES = {"full": "Full fine-tuning", "lora": "LoRA", "qlora": "QLoRA"}
_NUMERALS = {1: "One change makes", 2: "Two changes make", 3: "Three changes make"}


class Planner:
    """Answers a job: does it fit, with what, and what is the cheapest change if not."""

    def __init__(self, estimator: Estimator) -> None:
        self._estimator = estimator

    def plan(self, request: EstimateRequest, preferences: Preferences) -> PlanResult:
        """Plan a request.

        Raises:
            InvalidInput: see `Estimator.estimate`.
        """
        job, strategies = self._estimator.resolve(request)
        assessed = assess(job, strategies)
        best = preferred(allowed(assessed.outcomes, preferences.offload))
        fits = best is not None and _verdict(best) == "fits"
        tried = [] if fits else self._tried(request, preferences, job, assessed)
        fixes = [fix for fix in tried if fix.verdict == "fits"][:FIXES]
        return PlanResult(
            estimate=self._estimator.document(job, assessed),
            headline=_headline(job, preferences, assessed, best, fixes, tried),
            fixes=fixes,
        )

    def _tried(
        self,
        request: EstimateRequest,
        preferences: Preferences,
        job: Job,
        assessed: Assessed,
    ) -> list[Fix]:
        """Every change that applies with its outcome, cheapest first, one variant of each.

        Pairs are tried only where no single change makes the job fit, and only until enough do.
        """
        base = leanest(allowed(assessed.outcomes, preferences.offload))
        tried = [
            self._mildest(request, preferences, variants, base)
            for variants in proposals(request, preferences, job)
        ]
        if not any(fix is not None and fix.verdict == "fits" for fix in tried):
            fitting = 0
            for variants in pairs(request, preferences, job):
                fix = self._mildest(request, preferences, variants, base)
                tried.append(fix)
                fitting += fix is not None and fix.verdict == "fits"
                if fitting == FIXES:
                    break
        return [fix for fix in tried if fix is not None]

    def _mildest(
        self,
        request: EstimateRequest,
        preferences: Preferences,
        variants: list[Change],
        base: Assessment | None,
    ) -> Fix | None:
        """The first variant that fits; the last possible one where none does."""
        found = None
        for change in variants:
            outcome = self._outcome(request, preferences, change, base)
            found = outcome or found
            if outcome is not None and outcome.verdict == "fits":
                break
        return found

    def _outcome(
        self,
        request: EstimateRequest,
        preferences: Preferences,
        change: Change,
        base: Assessment | None,
    ) -> Fix | None:
        try:
            patched, wishes = apply(request, preferences, change.patch)
        except ValidationError:
            return None  # the change leaves the bounds of a request
        job, strategies = self._estimator.resolve(patched)
        best = preferred(allowed(assess(job, strategies).outcomes, wishes.offload))
        if best is None or best.usage is None or best.judgement is None:
            return None
        before = peak_of(best if base is None else base)
        return Fix(
            change=change.text,
            noun=change.noun,
            detail=change.detail,
            patch=change.patch,
            strategy=best.strategy.id,
            strategy_title=best.strategy.title,
            verdict=best.judgement.verdict,
            headroom_bytes=best.judgement.headroom,
            saves_bytes=before - best.usage.peak,
            cost=change.cost,
        )


def _verdict(outcome: Assessment) -> str:
    return outcome.judgement.verdict if outcome.judgement is not None else "unsupported"


def _headline(
    job: Job,
    preferences: Preferences,
    assessed: Assessed,
    best: Assessment | None,
    fixes: list[Fix],
    tried: list[Fix],
) -> Headline:
    if best is None or best.usage is None or best.judgement is None:
        return _nothing_possible(assessed, fixes)
    usable = _gib(assessed.capacity.usable)
    judgement, title = best.judgement, best.strategy.title
    headroom = round(abs(judgement.headroom) / GIB)
    detail = (
        f"{METHOD_TITLES[job.training.method]} peaks at {_gib(best.usage.peak)} on each GPU "
        f"({title}); {usable} is usable."
    )
    if judgement.verdict == "fits":
        text = f"Fits with {title}: {headroom:,} GiB headroom per GPU."
        return Headline("fits", text, detail, best.strategy.id)
    if judgement.verdict == "tight":
        text = f"Tight: {headroom:,} GiB headroom with {title}, not enough to be sure."
        return Headline("tight", text, f"{detail} {' '.join(judgement.notes)}", best.strategy.id)
    return Headline(
        "does_not_fit",
        _refusal(judgement.short_of, judgement.headroom, fixes, tried),
        _shortfall(job, preferences, assessed, best, usable, fixes),
        _strategy_to_open(assessed, best),
    )


def _refusal(short_of: tuple[str, ...], headroom: int, fixes: list[Fix], tried: list[Fix]) -> str:
    if fixes:
        cheapest = fixes[0]
        room = round(cheapest.headroom_bytes / GIB)
        fix = f"{cheapest.noun}, with {room:,} GiB headroom"
        return f"Does not fit in {' and '.join(short_of)}. Cheapest fix: {fix}."
    better = [fix for fix in tried if fix.headroom_bytes > headroom]
    if not better:
        return "Does not fit, and no change we know makes it fit."
    closest = max(better, key=_closeness)
    fix = f"{closest.noun}, {_miss(closest)}"
    return f"Does not fit, and no change we know makes it fit safely. Closest: {fix}."


def _closeness(fix: Fix) -> tuple[bool, bool, int]:
    """What is tight first, then what misses in GPU memory by least, then what lacks a host."""
    return fix.verdict == "tight", fix.headroom_bytes < 0, fix.headroom_bytes


def _miss(fix: Fix) -> str:
    if fix.verdict == "tight":
        return "which is tight"
    if fix.headroom_bytes < 0:
        return f"over by {-fix.headroom_bytes / GIB:,.0f} GiB"
    return "but host memory or NVMe is short"


def _shortfall(
    job: Job,
    preferences: Preferences,
    assessed: Assessed,
    best: Assessment,
    usable: str,
    fixes: list[Fix],
) -> str:
    lean = leanest(allowed(assessed.outcomes, preferences.offload)) or best
    peak = lean.usage.peak if lean.usage is not None else 0
    notes = " ".join(lean.judgement.notes) if lean.judgement is not None else ""
    need = (
        f"{METHOD_TITLES[job.training.method]} needs at least {_gib(peak)} on each GPU "
        f"({lean.strategy.title}); {usable} is usable."
    )
    ending = f"{_NUMERALS[len(fixes)]} it fit:" if fixes else ""
    return " ".join(part for part in (need, notes, ending) if part)


def _strategy_to_open(assessed: Assessed, best: Assessment) -> str:
    """One that fits with deeper offload, rather than one that fails; else the nearest miss."""
    deeper = preferred(assessed.outcomes)
    if deeper is not None and _verdict(deeper) != "does_not_fit":
        return deeper.strategy.id
    return best.strategy.id


def _nothing_possible(assessed: Assessed, fixes: list[Fix]) -> Headline:
    reasons = list(dict.fromkeys(o.reason for o in assessed.outcomes if o.reason is not None))
    title = "This combination cannot be trained."
    if fixes:
        title = f"This combination cannot be trained. Cheapest fix: {fixes[0].noun}."
    return Headline("unsupported", title, " ".join(reasons[:2]), None)


def _gib(size: int) -> str:
    return f"{size / GIB:,.1f} GiB"
