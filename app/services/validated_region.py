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
from collections.abc import Callable, Hashable, Iterable
from functools import lru_cache
from math import ceil
from typing import NamedTuple, TypeAlias

from app.domain.frameworks import FRAMEWORKS
from app.domain.job import Job
from app.domain.optimizers import OPTIMIZERS
from app.domain.strategies import Strategy
from app.domain.units import Integer, largest
from app.domain.verdict import DERIVED_BAND_PERCENT

METHODS = {"full": "full fine-tuning", "lora": "LoRA", "qlora": "QLoRA"}
ATTENTION = {"sdpa": "SDPA", "eager": "eager", "flash_attention_2": "FlashAttention-2"}

# Twice what was measured is near: what grows does so as the formulas say.
NEAR = 2
AMOUNTS_BAND_PERCENT = 4
KIND_BAND_PERCENTS = (DERIVED_BAND_PERCENT, 6, 10)


class Kind(NamedTuple):
    """A respect that a run either has or has not. Jobs with equal keys are alike in it."""

    name: str
    key: Callable[[Job, Strategy], Hashable]
    sentence: Callable[[Job, Strategy], str]


class Amount(NamedTuple):
    """A respect that grows. `of` takes a job of plain numbers or of arrays."""

    name: str
    of: Callable[[Job], Integer]
    unit: str


def places(strategy: Strategy) -> tuple[str, str, str]:
    """The allocation model of a strategy and where it keeps its states: alike, if equal."""
    return strategy.engine, strategy.optimizer_on, strategy.parameters_on


def _feed_forward(job: Job) -> str:
    return "mixtures of experts" if job.spec.is_mixture else "dense models"


def _framework(strategy: Strategy) -> str:
    return FRAMEWORKS[strategy.framework].title


KINDS = (
    Kind(
        "strategy",
        lambda job, strategy: strategy.id,
        lambda job, strategy: f"No measured run of {strategy.title}.",
    ),
    Kind(
        "model family",
        lambda job, strategy: job.spec.model_type,
        lambda job, strategy: f"No measured run of the model family {job.spec.model_type[:60]}.",
    ),
    Kind(
        "method with the strategy",
        lambda job, strategy: (*places(strategy), job.training.method),
        lambda job, strategy: (
            f"No measured run of {METHODS[job.training.method]} with {strategy.title}."
        ),
    ),
    Kind(
        "method with the feed-forward block",
        lambda job, strategy: (job.training.method, job.spec.is_mixture),
        lambda job, strategy: (
            f"No measured run of {METHODS[job.training.method]} on {_feed_forward(job)}."
        ),
    ),
    Kind(
        "precision with the framework",
        lambda job, strategy: (strategy.framework, job.training.precision),
        lambda job, strategy: (
            f"No measured run of {job.training.precision} with {_framework(strategy)}."
        ),
    ),
    Kind(
        "optimizer with the framework",
        lambda job, strategy: (strategy.framework, job.training.optimizer),
        lambda job, strategy: (
            f"No measured run of {OPTIMIZERS[job.training.optimizer].title} "
            f"with {_framework(strategy)}."
        ),
    ),
    Kind(
        "attention kernel",
        lambda job, strategy: job.training.attention,
        lambda job, strategy: (
            f"No measured run with {ATTENTION[job.training.attention]} attention."
        ),
    ),
    Kind(
        "fused loss",
        lambda job, strategy: job.training.fused_loss,
        lambda job, strategy: "No measured run with a fused loss.",
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
_Traits: TypeAlias = tuple[Hashable, ...]


def peers(job: Job, strategy: Strategy) -> tuple[Hashable, ...]:
    """The groups of runs whose errors speak for a job: its strategy's, and its method's."""
    return strategy.id, (job.training.method, job.spec.is_mixture)


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
            for kind in KINDS:
                self._seen[kind.name].add(kind.key(job, strategy))
            for amount in AMOUNTS:
                self._most[amount.name] = max(self._most[amount.name], amount.of(job))
            self.architectures.add(job.hardware.gpu.architecture)
            for peer in peers(job, strategy):
                # The band lies around the estimate, so as a share of that.
                errors[peer].append(1 / (1 + error) - 1)
        self._shown = {peer: ceil(ninth_of_ten(found) * 100) for peer, found in errors.items()}
        self._missing_of = lru_cache(maxsize=4096)(self._missing)

    def most(self, amount: str) -> int:
        """The largest measured amount of that name."""
        return self._most[amount]

    def seen(self, kind: str) -> set[Hashable]:
        """The keys of that kind which were measured."""
        return self._seen[kind]

    def outside(self, job: Job, strategy: Strategy) -> list[str]:
        """A sentence for each respect in which a job of plain numbers is unlike every run."""
        sentences = [kind.sentence(job, strategy) for kind in self._kinds_outside(job, strategy)]
        for amount in AMOUNTS:
            value, most = amount.of(job), self._most[amount.name]
            if value > NEAR * most:
                sentences.append(f"{value:,} {amount.unit}; measured to {most:,}.")
        architecture = job.hardware.gpu.architecture
        if architecture not in self.architectures:
            measured = " and ".join(sorted(self.architectures))
            sentences.append(f"GPU architecture {architecture}; measured on {measured}.")
        return sentences

    def band_percent(self, job: Job, strategy: Strategy) -> Integer:
        """The half-width of the band in per cent; an array where the job's amounts are arrays."""
        kinds = len(self._kinds_outside(job, strategy))
        shown = [self._shown.get(peer, 0) for peer in peers(job, strategy)]
        if kinds:
            return max(KIND_BAND_PERCENTS[min(kinds, 2)], *shown)
        beyond: Integer = job.hardware.gpu.architecture not in self.architectures
        for amount in AMOUNTS:
            beyond = beyond | (amount.of(job) > NEAR * self._most[amount.name])
        wider = AMOUNTS_BAND_PERCENT - DERIVED_BAND_PERCENT
        return largest(DERIVED_BAND_PERCENT + wider * beyond, *shown)

    def _kinds_outside(self, job: Job, strategy: Strategy) -> tuple[Kind, ...]:
        return self._missing_of(tuple(kind.key(job, strategy) for kind in KINDS))

    def _missing(self, traits: _Traits) -> tuple[Kind, ...]:
        missing = {
            kind.name: kind
            for kind, trait in zip(KINDS, traits, strict=True)
            if trait not in self._seen[kind.name]
        }
        return tuple(k for name, k in missing.items() if _IMPLIED.get(name) not in missing)
