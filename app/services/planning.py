"""The plan: the estimate, the one line that answers the customer, the advice and what would fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from app.domain.assessment import Assessed, Assessment
from app.domain.choice import Choice, allowed, choose, leanest, reaches, verdict_of
from app.domain.errors import FieldError, InvalidInput
from app.domain.hardware import Gpu
from app.domain.job import Job
from app.domain.strategies import Strategy
from app.domain.units import GIB
from app.schemas.estimates import EstimateRequest
from app.schemas.planning import Advice, Fix, Headline, PlanResult, Preferences
from app.services.alternatives import alternatives, swings
from app.services.estimating import Estimator
from app.services.fixing import Fixer, Found
from app.services.reasons import OFFLOAD_WORDS, reasons, rules, traffic_of
from app.services.words import gib, listed

METHOD_TITLES = {"full": "Full fine-tuning", "lora": "LoRA", "qlora": "QLoRA"}
_NUMERALS = ("No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten")


class Answer(NamedTuple):
    """A request, answered: everything that the plan and the recommendation are made of."""

    job: Job
    assessed: Assessed
    choice: Choice
    headline: Headline
    advice: Advice
    found: Found


class Planner:
    """Answers a job: does it fit, with what, why, and what is the cheapest change if not."""

    def __init__(self, estimator: Estimator, market: Sequence[Gpu]) -> None:
        self._estimator = estimator
        self._fixer = Fixer(estimator, market)

    def plan(self, request: EstimateRequest, preferences: Preferences) -> PlanResult:
        """Plan a request.

        Raises:
            InvalidInput: see `answer`.
        """
        answer = self.answer(request, preferences)
        return PlanResult(
            estimate=self._estimator.document(answer.job, answer.assessed),
            headline=answer.headline,
            fixes=answer.found.fixes,
            advice=answer.advice,
            nearest=answer.found.nearest,
        )

    def answer(self, request: EstimateRequest, preferences: Preferences) -> Answer:
        """Choose for a request, say why, and look for changes where it does not fit.

        Raises:
            InvalidInput: preferences and strategies contradict each other; see also
                `Estimator.estimate`.
        """
        job, strategies = self._estimator.resolve(request)
        _check_offload(strategies, preferences)
        assessed = self._estimator.assess(job, strategies)
        wishes = preferences.wishes
        choice = choose(job, assessed.evaluator.quantities, assessed.outcomes, wishes)
        found = Found([], None)
        if choice.verdict != "fits":
            found = self._fixer.find(request, preferences, job, assessed, choice.best)
        headline = _headline(job, preferences, assessed, choice, found)
        advice = _advice(job, assessed, choice, preferences)
        return Answer(job, assessed, choice, headline, advice, found)


def _check_offload(strategies: list[Strategy], preferences: Preferences) -> None:
    """Refuse to choose among strategies that all offload deeper than is allowed."""
    if any(reaches(preferences.offload, strategy) for strategy in strategies):
        return
    needed = "cpu" if any(s.offload == "cpu" for s in strategies) else "nvme"
    names = listed([strategy.id for strategy in strategies])
    raise InvalidInput(
        FieldError(
            "/preferences/offload",
            f'Offload is "{preferences.offload}", but every strategy asked for offloads to '
            f'{OFFLOAD_WORDS[needed]}: {names}. Set offload to "{needed}".',
        ),
        FieldError(
            "/strategies",
            f'All of {names} offload deeper than offload "{preferences.offload}" allows. '
            "Add one that does not, or leave strategies out.",
        ),
    )


def _advice(job: Job, assessed: Assessed, choice: Choice, preferences: Preferences) -> Advice:
    wishes = preferences.wishes
    taken = choice.best if choice.level else None
    return Advice(
        framework="none" if taken is None else taken.strategy.framework,
        strategy=None if taken is None else taken.strategy.id,
        title="" if taken is None else taken.strategy.title,
        reasons=reasons(job, assessed, choice, wishes),
        alternatives=alternatives(job, assessed, choice, wishes),
        rules=rules(choice),
        traffic=None if taken is None else traffic_of(job, assessed, taken),
        swings=swings(job, assessed, choice, wishes),
    )


def _headline(
    job: Job, preferences: Preferences, assessed: Assessed, choice: Choice, found: Found
) -> Headline:
    best = choice.best
    if best is None or best.usage is None or best.judgement is None:
        return _nothing_possible(assessed, found)
    usable = gib(assessed.capacity.usable)
    judgement, title = best.judgement, best.strategy.title
    headroom = round(abs(judgement.headroom) / GIB)
    alone = " without tensor or pipeline parallelism" if _is_megatron(preferences) else ""
    detail = (
        f"{METHOD_TITLES[job.training.method]} peaks at {gib(best.usage.peak)} on each GPU "
        f"({title}); {usable} is usable."
    )
    if judgement.verdict == "fits":
        text = f"Fits with {title}{alone}: {headroom:,} GiB headroom per GPU."
        return Headline("fits", text, detail, best.strategy.id)
    if judgement.verdict == "tight":
        room = f"Tight{alone}: {headroom:,} GiB headroom with {title}, not enough to be sure."
        over = f"Tight{alone}: {headroom:,} GiB over with {title}, inside the error band."
        text = over if judgement.headroom < 0 else room
        return Headline("tight", text, f"{detail} {' '.join(judgement.notes)}", best.strategy.id)
    return Headline(
        "does_not_fit",
        _refusal(judgement.short_of, alone, found),
        _shortfall(job, preferences, assessed, best, usable, found),
        _strategy_to_open(job, assessed, best, preferences),
    )


def _is_megatron(preferences: Preferences) -> bool:
    return preferences.trainer == "megatron"


def _refusal(short_of: tuple[str, ...], alone: str, found: Found) -> str:
    if found.fixes:
        cheapest = found.fixes[0]
        room = round(cheapest.headroom_bytes / GIB)
        fix = f"{cheapest.noun}, with {room:,} GiB headroom"
        return f"Does not fit in {' and '.join(short_of)}{alone}. Cheapest fix: {fix}."
    closest = found.nearest
    if closest is None:
        return f"Does not fit{alone}, and no change we know makes it fit."
    fix = f"{closest.noun}, {_miss(closest)}"
    return f"Does not fit{alone}, and no change we know makes it fit safely. Closest: {fix}."


def _miss(fix: Fix) -> str:
    if fix.verdict == "tight":
        return "which is tight"
    if fix.headroom_bytes < 0:
        return f"over by {-fix.headroom_bytes / GIB:,.0f} GiB"
    return f"but {fix.missing_bytes / GIB:,.0f} GiB of host memory or NVMe are missing"


def _shortfall(
    job: Job,
    preferences: Preferences,
    assessed: Assessed,
    best: Assessment,
    usable: str,
    found: Found,
) -> str:
    lean = leanest(allowed(assessed.outcomes, preferences.offload)) or best
    peak = lean.usage.peak if lean.usage is not None else 0
    notes = " ".join(lean.judgement.notes) if lean.judgement is not None else ""
    need = (
        f"{METHOD_TITLES[job.training.method]} needs at least {gib(peak)} on each GPU "
        f"({lean.strategy.title}); {usable} is usable."
    )
    return " ".join(part for part in (need, notes, _ending(len(found.fixes))) if part)


def _ending(count: int) -> str:
    if not count:
        return ""
    numeral = _NUMERALS[count] if count < len(_NUMERALS) else f"{count}"
    return f"{numeral} change makes it fit:" if count == 1 else f"{numeral} changes make it fit:"


def _strategy_to_open(
    job: Job, assessed: Assessed, best: Assessment, preferences: Preferences
) -> str:
    """One that fits with deeper offload, rather than one that fails; else the nearest miss."""
    wishes = preferences.wishes._replace(offload="nvme")
    deeper = choose(job, assessed.evaluator.quantities, assessed.outcomes, wishes).best
    if deeper is not None and verdict_of(deeper) != "does_not_fit":
        return deeper.strategy.id
    return best.strategy.id


def _nothing_possible(assessed: Assessed, found: Found) -> Headline:
    notes = list(dict.fromkeys(o.reason for o in assessed.outcomes if o.reason is not None))
    title = "This combination cannot be trained."
    if found.fixes:
        title = f"This combination cannot be trained. Cheapest fix: {found.fixes[0].noun}."
    return Headline("unsupported", title, " ".join(notes[:2]), None)
