"""Why a strategy is recommended: sentences that each have a number of this job or a source."""

from __future__ import annotations

from dataclasses import replace

from app.domain.assessment import Assessed, Assessment
from app.domain.choice import Choice, allowed, headroom_of, leanest, reaches, verdict_of
from app.domain.estimate import Evaluator
from app.domain.frameworks import FRAMEWORKS
from app.domain.guidance import LEVELS, NOT_PLANNED, Rule, Wishes
from app.domain.job import Job
from app.domain.recipe import HF_TRAINER, PLAIN
from app.domain.strategies import FrameworkId
from app.domain.traffic import Communication, Flow, communication, offload_flows, time_floor
from app.schemas.planning import Effect, FiredRule, Reason, Stream, Traffic
from app.services.words import at_least, gib, listed, traffic, whole_gib

ESTIMATE = "This job's estimate"
_LARGE_MODELS = "https://www.deepspeed.ai/tutorials/large-models-w-deepspeed/"
_ACCELERATE = "accelerate, fsdp2_prepare_model and Accelerator.prepare_model"
_ACCELERATE_URL = "https://github.com/huggingface/accelerate/blob/main/src/accelerate"
# One part in so many of the peak is worth a sentence.
NOTABLE = 100
OFFLOAD_WORDS = {"none": "none", "cpu": "host memory", "nvme": "NVMe"}


def reasons(job: Job, assessed: Assessed, choice: Choice, wishes: Wishes) -> list[Reason]:
    """Why the chosen strategy is the one, or why none is; the most telling first."""
    found: list[Reason] = []
    if wishes.trainer == "megatron":
        said = "DeepSpeed, Training your large model with DeepSpeed: 3D parallelism"
        found.append(Reason(NOT_PLANNED, said, _LARGE_MODELS))
    if choice.best is None:
        return found + _impossible(assessed)
    if not choice.level:
        return found + _shortfall(job, assessed, wishes)
    return (
        found
        + _for_the_best(job, assessed, choice, choice.best)
        + _by_trainer(job, choice.best, wishes)
    )


def rules(choice: Choice) -> list[FiredRule]:
    """The rules that apply to a choice with their effect; the one that orders strategies first."""
    best = choice.best
    if best is None or not choice.level:
        return []
    level = LEVELS[best.strategy.complexity]
    ordering = FiredRule(
        id=level.id,
        favours=None,
        text=level.text,
        source=level.source,
        source_url=level.source_url,
        effect="decides",
        explanation=f"{best.strategy.title} is the first in this order that {_runs(best)}.",
    )
    frameworks = {outcome.strategy.framework for outcome in choice.level}
    return [ordering, *(_fired(rule, choice, best, frameworks) for rule in choice.rules)]


def traffic_of(job: Job, assessed: Assessed, best: Assessment) -> Traffic:
    """What a step of the chosen strategy moves."""
    quantities = assessed.evaluator.quantities
    moved = communication(job, best.strategy, quantities)
    offloaded = offload_flows(job, best.strategy, quantities)
    floor = time_floor(job.hardware.gpu, offloaded)
    flows = [flow for flow in (*moved.flows, *offloaded) if flow.bytes]
    return Traffic(
        streams=[_stream(flow) for flow in flows],
        sent_per_gpu_bytes=int(moved.sent),
        sent_between_nodes_bytes=int(moved.between_nodes),
        floor_seconds=None if floor is None else floor.seconds,
        floor_link="" if floor is None else floor.link,
    )


def offload_sentence(job: Job, assessed: Assessed, outcome: Assessment) -> str:
    """What an offloading strategy moves in a step and the time floor that follows."""
    flows = offload_flows(job, outcome.strategy, assessed.evaluator.quantities)
    pcie = sum(int(flow.bytes) for flow in flows if flow.route.startswith("pcie"))
    nvme = sum(int(flow.bytes) for flow in flows if flow.route.startswith("nvme"))
    crossing = [f"{traffic(pcie)} cross PCIe on each GPU"]
    if nvme:
        crossing.append(f"{traffic(nvme)} go to and from NVMe on each node")
    floor = time_floor(job.hardware.gpu, flows)
    if floor is None:
        return f"{listed(crossing)} in every step."
    return f"{listed(crossing)} in every step: {at_least(floor.seconds)} ({floor.link})."


def _runs(outcome: Assessment) -> str:
    return "fits" if verdict_of(outcome) == "fits" else "runs at all, if tightly"


def _fired(rule: Rule, choice: Choice, best: Assessment, frameworks: set[FrameworkId]) -> FiredRule:
    title = FRAMEWORKS[best.strategy.framework].title
    others = listed(
        [o.strategy.title for o in choice.level if o.strategy.framework != rule.favours]
    )
    effect: Effect
    if len(frameworks) == 1:
        effect = "no_effect"
        explanation = f"Only {title} has a strategy at this level that {_runs(best)}."
    elif rule is choice.rules[0]:
        effect = "decides"
        explanation = f"It puts {best.strategy.title} before {others}."
    elif rule.favours == best.strategy.framework:
        effect, explanation = "agrees", "It says the same."
    else:
        effect = "overruled"
        explanation = f"A stronger rule decides: {choice.rules[0].text}"
    return FiredRule(
        id=rule.id,
        favours=rule.favours,
        text=rule.text,
        source=rule.source,
        source_url=rule.source_url,
        effect=effect,
        explanation=explanation,
    )


def _for_the_best(job: Job, assessed: Assessed, choice: Choice, best: Assessment) -> list[Reason]:
    usage, judgement = best.usage, best.judgement
    if usage is None or judgement is None:
        return []
    title, usable = best.strategy.title, assessed.capacity.usable
    left = judgement.headroom
    room = f"{gib(-left)} less" if left < 0 else f"which leaves {gib(left)}"
    found = [
        Reason(
            f"{title} peaks at {gib(usage.peak)} on each GPU; {gib(usable)} is usable, {room}.",
            ESTIMATE,
        )
    ]
    found += [Reason(note, ESTIMATE) for note in judgement.notes]
    found += _simpler(assessed, best)
    found += _moved(job, assessed, best)
    for fired in rules(choice):
        if fired.favours is not None and fired.effect == "decides":
            found.append(
                Reason(f"{fired.text} {fired.explanation}", fired.source, fired.source_url)
            )
    return found


def _by_trainer(job: Job, best: Assessment, wishes: Wishes) -> list[Reason]:
    """What Trainer makes of the peak, where training runs in it and the job says a plain loop."""
    usage, options = best.usage, job.options
    if usage is None or wishes.trainer != HF_TRAINER.trainer or options.recipe != PLAIN:
        return []
    by_trainer = replace(job, options=replace(options, recipe=HF_TRAINER))
    peak = Evaluator(by_trainer).usage(best.strategy).peak
    if abs(peak - usage.peak) * NOTABLE <= usage.peak:
        return []
    more = f"{gib(abs(peak - usage.peak))} {'more' if peak > usage.peak else 'less'}"
    text = (
        f"In Hugging Face Trainer it peaks at {gib(peak)}, {more} than in a plain PyTorch loop, "
        "which this estimate is of: set options.trainer to hf_trainer."
    )
    return [Reason(text, _ACCELERATE, _ACCELERATE_URL)]


def _simpler(assessed: Assessed, best: Assessment) -> list[Reason]:
    """The rule that orders strategies, with what the simpler ones lack."""
    level = LEVELS[best.strategy.complexity]
    text = level.text
    missed = [
        o
        for o in assessed.outcomes
        if o.judgement is not None
        and o.strategy.common
        and o.strategy.complexity < best.strategy.complexity
        and o.strategy.offload in ("none", best.strategy.offload)
    ]
    if missed:
        nearest = max(missed, key=headroom_of)
        text += f" {_lacks(nearest)}"
    return [Reason(text, level.source, level.source_url)]


def _lacks(outcome: Assessment) -> str:
    judgement, title = outcome.judgement, outcome.strategy.title
    if judgement is None:
        return ""
    if judgement.headroom < 0:
        return f"{title}, the nearest before it, misses by {gib(-judgement.headroom)}."
    if judgement.short_of:
        return f"{title}, before it, lacks {listed(list(judgement.short_of))}."
    return f"{title}, before it, would leave only {gib(judgement.headroom)}."


def _moved(job: Job, assessed: Assessed, best: Assessment) -> list[Reason]:
    """Communication, and offload with its floor, as numbers of this job."""
    quantities = assessed.evaluator.quantities
    moved = communication(job, best.strategy, quantities)
    found = []
    if moved.sent:
        flow = moved.flows[0]
        text = f"Each GPU sends {traffic(moved.sent)} to others in every step"
        if moved.between_nodes:
            text += f", and each node {traffic(moved.between_nodes)} to other nodes"
        found.append(Reason(f"{text}{_compared(job, assessed, best, moved)}.", *_cited(flow)))
    flows = offload_flows(job, best.strategy, quantities)
    if flows:
        text = offload_sentence(job, assessed, best)
        found.append(Reason(text, *_cited(flows[0])))
        found += _host(job, best)
    return found


def _compared(job: Job, assessed: Assessed, best: Assessment, moved: Communication) -> str:
    """Against full sharding, where less than that is sharded."""
    full = next(
        (
            o.strategy
            for o in assessed.outcomes
            if o.strategy.framework == best.strategy.framework
            and o.strategy.shard_parameters == "world"
            and o.strategy.regathers
            and o.strategy.common
        ),
        None,
    )
    if full is None or full.id == best.strategy.id:
        return ""
    other = communication(job, full, assessed.evaluator.quantities)
    if other.sent <= moved.sent and other.between_nodes <= moved.between_nodes:
        return ""
    across = moved.between_nodes and other.between_nodes > moved.between_nodes
    amount = other.between_nodes if across else other.sent
    return f"; {full.title} would send {traffic(amount)}{' between nodes' if across else ''}"


def _host(job: Job, best: Assessment) -> list[Reason]:
    usage, hardware = best.usage, job.hardware
    if usage is None:
        return []
    places = [
        ("host memory", usage.host, hardware.host_memory_bytes),
        ("NVMe", usage.nvme, hardware.nvme_bytes),
    ]
    words = [
        f"{whole_gib(need)} of {whole_gib(there)} {name}" for name, need, there in places if need
    ]
    return [Reason(f"Each node needs {listed(words)}.", ESTIMATE)]


def _impossible(assessed: Assessed) -> list[Reason]:
    notes = list(dict.fromkeys(o.reason for o in assessed.outcomes if o.reason is not None))
    return [Reason(note, "What the frameworks and the GPU support") for note in notes]


def _shortfall(job: Job, assessed: Assessed, wishes: Wishes) -> list[Reason]:
    lean = leanest(allowed(assessed.outcomes, wishes.offload))
    if lean is None or lean.usage is None or lean.judgement is None:
        return []
    usable = assessed.capacity.usable
    found = [
        Reason(
            f"{lean.strategy.title}, the leanest, needs {gib(lean.usage.peak)} on each GPU; "
            f"{gib(usable)} is usable.",
            ESTIMATE,
        )
    ]
    found += [Reason(note, ESTIMATE) for note in lean.judgement.notes]
    deeper = [
        o
        for o in assessed.outcomes
        if not reaches(wishes.offload, o.strategy) and verdict_of(o) == "fits"
    ]
    if deeper:
        first = min(deeper, key=lambda o: o.strategy.complexity)
        place = OFFLOAD_WORDS[first.strategy.offload]
        found.append(
            Reason(
                f"With offload to {place}, which is not allowed, {first.strategy.title} would fit: "
                f"{_uncapitalised(offload_sentence(job, assessed, first))}",
                *_cited(offload_flows(job, first.strategy, assessed.evaluator.quantities)[0]),
            )
        )
    return found


def _uncapitalised(text: str) -> str:
    return text[:1].lower() + text[1:]


def _cited(flow: Flow) -> tuple[str, str]:
    return flow.source, flow.source_url


def _stream(flow: Flow) -> Stream:
    return Stream(
        name=flow.label,
        route=flow.route,
        bytes=int(flow.bytes),
        formula=flow.equation,
        values=flow.values,
        source=flow.source,
        source_url=flow.source_url,
    )
