"""The validated region: which jobs are like the measured runs, and what follows for the band.

A job can differ from the runs in kind (no run of its strategy, of its model's family, …) or in
amount (more parameters, a longer sequence, …, or another GPU architecture). What no run has in kind
may allocate what nobody has seen, so it counts for more than what only grows: formulas are
polynomials of the amounts, and twice what was measured is still taken as inside.

The band, in per cent of the estimate: 3 inside the region; 4 where amounts alone lie outside;
6 for one kind and 10 for more. It is never narrower than the errors that nine of ten runs kept to,
of those with the same strategy, and of those with the same method on a like feed-forward block.
docs/accuracy.md holds runs out and reports how many of them the rule would have covered.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from functools import lru_cache
from math import ceil
from typing import NamedTuple, TypeAlias

from app.domain.frameworks import FRAMEWORKS
from app.domain.job import Job
from app.domain.optimizers import OPTIMIZERS
from app.domain.strategies import STRATEGIES, Strategy
from app.domain.training import AttentionKernel, Method, OptimizerId, PrecisionId
from app.domain.units import Integer, largest
from app.domain.verdict import DERIVED_BAND_PERCENT

FEED_FORWARDS = {False: "dense models", True: "mixtures of experts"}
METHODS = {"full": "full fine-tuning", "lora": "LoRA", "qlora": "QLoRA"}
ATTENTION = {"sdpa": "SDPA", "eager": "eager", "flash_attention_2": "FlashAttention-2"}

# Twice what was measured is near: what grows does so as the formulas say.
NEAR = 2
AMOUNTS_BAND_PERCENT = 4
KIND_BAND_PERCENTS = (DERIVED_BAND_PERCENT, 6, 10)


class Traits(NamedTuple):
    """What of a job can be new in kind."""

    model_type: str
    is_assumed: bool
    has_towers: bool
    is_mixture: bool
    method: Method
    precision: PrecisionId
    optimizer: OptimizerId
    attention: AttentionKernel
    fused_loss: bool


def traits_of(job: Job) -> Traits:
    """The traits of a job of plain numbers, or of arrays."""
    spec, training = job.spec, job.training
    return Traits(
        spec.model_type,
        bool(spec.assumptions) and not spec.towers,
        bool(spec.towers),
        spec.is_mixture,
        training.method,
        training.precision,
        training.optimizer,
        training.attention,
        training.fused_loss,
    )


class Kind(NamedTuple):
    """A respect that a run either has or has not. Jobs with equal keys are alike in it."""

    name: str
    key: Callable[[Traits, Strategy], Hashable]
    sentence: Callable[[Traits, Strategy], str]


class Amount(NamedTuple):
    """A respect that grows. `of` takes a job of plain numbers or of arrays."""

    name: str
    of: Callable[[Job], Integer]
    unit: str


def places(strategy: Strategy) -> tuple[str, str, str]:
    """The allocation model of a strategy and where it keeps its states: alike, if equal."""
    return strategy.engine, strategy.optimizer_on, strategy.parameters_on


def _framework(strategy: Strategy) -> str:
    return FRAMEWORKS[strategy.framework].title


KINDS = (
    Kind(
        "strategy",
        lambda traits, strategy: strategy.id,
        lambda traits, strategy: f"No measured run of {strategy.title}.",
    ),
    Kind(
        "model family",
        lambda traits, strategy: traits.model_type,
        lambda traits, strategy: f"No measured run of the model family {traits.model_type[:60]}.",
    ),
    Kind(
        "architecture as read",
        lambda traits, strategy: traits.is_assumed,
        lambda traits, strategy: "No measured run of a model whose architecture is assumed.",
    ),
    Kind(
        "towers",
        lambda traits, strategy: traits.has_towers,
        lambda traits, strategy: "No measured run of a model with a vision or audio tower.",
    ),
    Kind(
        "method with the strategy",
        lambda traits, strategy: (*places(strategy), traits.method),
        lambda traits, strategy: (
            f"No measured run of {METHODS[traits.method]} with {strategy.title}."
        ),
    ),
    Kind(
        "method with the feed-forward block",
        lambda traits, strategy: (traits.method, traits.is_mixture),
        lambda traits, strategy: (
            f"No measured run of {METHODS[traits.method]} on {FEED_FORWARDS[traits.is_mixture]}."
        ),
    ),
    Kind(
        "precision with the framework",
        lambda traits, strategy: (strategy.framework, traits.precision),
        lambda traits, strategy: (
            f"No measured run of {traits.precision} with {_framework(strategy)}."
        ),
    ),
    Kind(
        "optimizer with the framework",
        lambda traits, strategy: (strategy.framework, traits.optimizer),
        lambda traits, strategy: (
            f"No measured run of {OPTIMIZERS[traits.optimizer].title} with {_framework(strategy)}."
        ),
    ),
    Kind(
        "attention kernel",
        lambda traits, strategy: traits.attention,
        lambda traits, strategy: f"No measured run with {ATTENTION[traits.attention]} attention.",
    ),
    Kind(
        "fused loss",
        lambda traits, strategy: traits.fused_loss,
        lambda traits, strategy: "No measured run with a fused loss.",
    ),
)

AMOUNTS = (
    Amount("parameters", lambda job: job.spec.total_parameters, "parameters"),
    Amount("sequence length", lambda job: job.training.sequence_length, "tokens in a sequence"),
    Amount(
        "tokens in a micro-batch",
        lambda job: job.training.sequence_length * job.training.micro_batch_size,
        "tokens in a micro-batch",
    ),
    Amount("GPUs", lambda job: job.hardware.world_size, "GPUs"),
    Amount(
        "LoRA rank",
        lambda job: 0 if job.training.method == "full" else job.training.lora.rank,
        "LoRA ranks",
    ),
)

# What a strategy or a method must not be faulted for twice.
_IMPLIED = {"method with the strategy": "strategy"}

# A measured job, and the signed relative error of its estimated peak.
Case: TypeAlias = tuple[Job, Strategy, float]
# What nobody measured in kind, in sentences, and the errors of the runs that come nearest.
_Judged: TypeAlias = tuple[tuple[str, ...], int]


def peers(traits: Traits, strategy: Strategy) -> tuple[Hashable, ...]:
    """The groups of runs whose errors speak for a job: its strategy's, and its method's."""
    return strategy.id, (traits.method, traits.is_mixture)


def ninth_of_ten(errors: Iterable[float]) -> float:
    """The size that nine of ten errors do not pass; with fewer than ten, the largest."""
    sizes = sorted(map(abs, errors))
    return sizes[ceil(0.9 * len(sizes)) - 1] if sizes else 0.0


class ValidatedRegion:
    """What the measured runs cover."""

    def __init__(self, cases: Iterable[Case]) -> None:
        self._seen: dict[str, set[Hashable]] = {kind.name: set() for kind in KINDS}
        self._most: dict[str, int] = {amount.name: 0 for amount in AMOUNTS}
        self.architectures: set[str] = set()
        errors: dict[Hashable, list[float]] = defaultdict(list)
        for job, strategy, error in cases:
            traits = traits_of(job)
            for kind in KINDS:
                self._seen[kind.name].add(kind.key(traits, strategy))
            for amount in AMOUNTS:
                self._most[amount.name] = max(self._most[amount.name], amount.of(job))
            self.architectures.add(job.hardware.gpu.architecture)
            for peer in peers(traits, strategy):
                # The band lies around the estimate, so as a share of that.
                errors[peer].append(1 / (1 + error) - 1)
        self._shown = {peer: ceil(ninth_of_ten(found) * 100) for peer, found in errors.items()}
        self._judged = lru_cache(maxsize=4096)(self._judge)

    def most(self, amount: str) -> int:
        """The largest measured amount of that name."""
        return self._most[amount]

    def seen(self, kind: str) -> set[Hashable]:
        """The keys of that kind which were measured."""
        return self._seen[kind]

    def outside(self, job: Job, strategies: Sequence[Strategy]) -> list[str]:
        """A sentence for each respect in which a job of plain numbers is unlike every run.

        With several strategies, those respects in which all of them are.
        """
        traits = traits_of(job)
        kinds = [self._judged(traits, strategy.id)[0] for strategy in strategies]
        if not kinds:
            return []
        shared = [s for s in kinds[0] if all(s in others for others in kinds[1:])]
        return [*shared, *self._amounts_outside(job)]

    def band_percent(self, job: Job, strategy: Strategy) -> Integer:
        """The half-width of the band in per cent; an array where the job's amounts are arrays."""
        kinds, shown = self._judged(traits_of(job), strategy.id)
        if kinds:
            return max(KIND_BAND_PERCENTS[min(len(kinds), 2)], shown)
        beyond: Integer = job.hardware.gpu.architecture not in self.architectures
        for amount in AMOUNTS:
            beyond = beyond | (amount.of(job) > NEAR * self._most[amount.name])
        wider = AMOUNTS_BAND_PERCENT - DERIVED_BAND_PERCENT
        return largest(DERIVED_BAND_PERCENT + wider * beyond, shown)

    def _amounts_outside(self, job: Job) -> Iterator[str]:
        for amount in AMOUNTS:
            value, most = amount.of(job), self._most[amount.name]
            if value > NEAR * most:
                yield f"{value:,} {amount.unit}; measured to {most:,}."
        architecture = job.hardware.gpu.architecture
        if architecture not in self.architectures:
            measured = " and ".join(sorted(self.architectures))
            yield f"GPU architecture {architecture}; measured on {measured}."

    def _judge(self, traits: Traits, strategy_id: str) -> _Judged:
        strategy = STRATEGIES[strategy_id]
        missing = {
            kind.name: kind
            for kind in KINDS
            if kind.key(traits, strategy) not in self._seen[kind.name]
        }
        sentences = tuple(
            kind.sentence(traits, strategy)
            for name, kind in missing.items()
            if _IMPLIED.get(name) not in missing
        )
        return sentences, max(self._shown.get(peer, 0) for peer in peers(traits, strategy))
