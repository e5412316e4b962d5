"""What else could be done: every other strategy with why not, and what would change the advice."""

from __future__ import annotations

from app.domain.assessment import Assessed, Assessment
from app.domain.choice import Choice, choose, headroom_of, reaches, verdict_of
from app.domain.guidance import LEVELS, Wishes
from app.domain.job import Job
from app.domain.traffic import communication
from app.domain.verdict import VERDICTS
from app.schemas.planning import Alternative, Swing
from app.services.reasons import OFFLOAD_WORDS, offload_sentence
from app.services.words import gib, traffic

# Every preference but the depth of offload, which changes what may be used at all.
_SWINGS: tuple[tuple[str, dict[str, object]], ...] = (
    ("The team runs DeepSpeed", {"team_knows_deepspeed": True}),
    ("The team does not run DeepSpeed", {"team_knows_deepspeed": False}),
    ("Readable stack traces matter", {"debugging_matters": True}),
    ("Stack traces do not matter", {"debugging_matters": False}),
    ("Training runs in Hugging Face Trainer", {"trainer": "hf_trainer"}),
    ("Training runs in native PyTorch", {"trainer": "pytorch"}),
    ("Training will move to Megatron-DeepSpeed", {"trainer": "megatron"}),
)


def alternatives(job: Job, assessed: Assessed, choice: Choice, wishes: Wishes) -> list[Alternative]:
    """Every strategy that was asked about but the chosen one, the most suitable first."""
    chosen = choice.best.strategy.id if choice.best is not None and choice.level else None
    others = [o for o in assessed.outcomes if o.strategy.id != chosen]
    others.sort(key=lambda o: _order(o, wishes))
    return [
        Alternative(
            strategy=o.strategy.id,
            title=o.strategy.title,
            framework=o.strategy.framework,
            verdict=VERDICTS[VERDICTS.index(verdict_of(o))],
            why_not=_why_not(job, assessed, choice, wishes, o),
        )
        for o in others
    ]


def swings(job: Job, assessed: Assessed, choice: Choice, wishes: Wishes) -> list[Swing]:
    """The single preferences that would change the advice. Costs no new evaluation."""
    if len({outcome.strategy.framework for outcome in choice.level}) < 2:
        return []
    found = []
    for words, change in _SWINGS:
        other = wishes._replace(**change)  # type: ignore[arg-type]
        swung = choose(job, assessed.evaluator.quantities, assessed.outcomes, other).best
        if swung is None or choice.best is None or swung.strategy is choice.best.strategy:
            continue
        strategy = swung.strategy
        patch = {"preferences": change}
        found.append(Swing(words, patch, strategy.id, strategy.title, strategy.framework))
    return found


def _order(outcome: Assessment, wishes: Wishes) -> tuple[int, bool, bool, int, int]:
    missing = verdict_of(outcome) == "does_not_fit"
    return (
        VERDICTS.index(verdict_of(outcome)),
        not reaches(wishes.offload, outcome.strategy),
        not outcome.strategy.common,
        0 if missing else outcome.strategy.complexity,
        -headroom_of(outcome),
    )


def _why_not(
    job: Job, assessed: Assessed, choice: Choice, wishes: Wishes, outcome: Assessment
) -> str:
    """One sentence, with a number of this job where there is one."""
    judgement, strategy = outcome.judgement, outcome.strategy
    if judgement is None or outcome.usage is None:
        return outcome.reason or ""
    if judgement.verdict == "does_not_fit":
        if judgement.headroom < 0:
            need = f"Needs {gib(outcome.usage.peak)} on each GPU"
            return " ".join((f"{need}, {gib(-judgement.headroom)} too much.", *judgement.notes))
        return " ".join(judgement.notes)
    if not reaches(wishes.offload, strategy):
        allowed = OFFLOAD_WORDS[wishes.offload]
        moved = offload_sentence(job, assessed, outcome)
        return f"Offload allowed is {allowed}. It would run: {moved}"
    best = choice.best
    if best is None or judgement.verdict != choice.verdict:
        return f"Only tight: {gib(judgement.headroom)} would be left."
    if not strategy.common:
        return f"{_runs(outcome)}, but is superseded: {_lowered(strategy.summary)}"
    if outcome in choice.level:
        return _why_not_an_equal(job, assessed, choice, best, outcome)
    if strategy.offload != "none":
        return f"{_runs(outcome)}, but {_lowered(offload_sentence(job, assessed, outcome))}"
    return f"{_runs(outcome)}, but {_sends(job, assessed, best, outcome)}"


def _why_not_an_equal(
    job: Job, assessed: Assessed, choice: Choice, best: Assessment, outcome: Assessment
) -> str:
    if outcome.strategy.framework != best.strategy.framework and choice.rules:
        return f"{_runs(outcome)}. {choice.rules[0].text}"
    quantities = assessed.evaluator.quantities
    own = communication(job, outcome.strategy, quantities)
    other = communication(job, best.strategy, quantities)
    if own.between_nodes > other.between_nodes:
        return (
            f"{_runs(outcome)}, but each node sends {traffic(own.between_nodes)} to the others in "
            f"every step, not {traffic(other.between_nodes)}."
        )
    if own.sent > other.sent:
        return f"{_runs(outcome)}, but {_sends(job, assessed, best, outcome)}"
    return f"{_runs(outcome)}, but leaves less room: {gib(headroom_of(outcome))}."


def _sends(job: Job, assessed: Assessed, best: Assessment, outcome: Assessment) -> str:
    quantities = assessed.evaluator.quantities
    own = communication(job, outcome.strategy, quantities).sent
    other = communication(job, best.strategy, quantities).sent
    if own > other:
        return f"each GPU sends {traffic(own)} in every step, not {traffic(other)}."
    return f"is not needed. {LEVELS[outcome.strategy.complexity].text}"


def _runs(outcome: Assessment) -> str:
    return "Fits as well" if verdict_of(outcome) == "fits" else "As tight"


def _lowered(text: str) -> str:
    return text if text.startswith(("NVMe", "PCIe")) else text[:1].lower() + text[1:]
