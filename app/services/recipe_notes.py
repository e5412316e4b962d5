"""What the training loop changes in an estimate, setting by setting, with the bytes of each.

A setting's bytes are what the estimate would lose without it, all else as the recipe has it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

from app.domain.estimate import STEP_PHASES, Evaluator, Usage
from app.domain.job import Job
from app.domain.recipe import PLAIN
from app.domain.strategies import Strategy
from app.domain.training import Training
from app.domain.units import GIB, MIB

_FSDP = ("fsdp2", "fsdp1")

LOADED_DTYPE = (
    "from_pretrained loads bf16 unless dtype=float32 is given, and Trainer upcasts nothing here: "
    "without it choose bf16_pure."
)


class _Setting(NamedTuple):
    """A field of the recipe: what it does, and where it can matter at all."""

    field: str
    text: str
    engines: tuple[str, ...]
    matters: Callable[[Job], bool] = lambda job: True


def _accumulates(job: Job) -> bool:
    return job.training.gradient_accumulation_steps > 1


def _has_block_states(job: Job) -> bool:
    return job.training.optimizer == "adamw_8bit"


def _is_adapted(job: Job) -> bool:
    return job.training.method != "full"


def _is_tied(job: Job) -> bool:
    return job.spec.tied_embeddings


_SETTINGS = (
    _Setting(
        "clones_outputs",
        "DDP looks for unused parameters, so it clones the logits and rebuilds no bucket",
        ("ddp",),
    ),
    _Setting(
        "wide_embedding_states",
        "the embedding's optimizer states stay in 32 bit",
        ("ddp", "fsdp2"),
        _has_block_states,
    ),
    _Setting("reduces_in_half", "gradients are reduced in 16 bit", _FSDP),
    _Setting(
        "defers_reduction",
        "only the last micro-batch of a step reduces; the others leave whole gradients on each GPU",
        _FSDP,
        _accumulates,
    ),
    _Setting("separate_ends", "embedding and head are no part of the root's group", ("fsdp2",)),
    _Setting("wide_adapters", "adapters are kept in fp32", ("fsdp2",), _is_adapted),
    _Setting(
        "keeps_ties", "the tied head stays tied when the model is wrapped", ("fsdp1",), _is_tied
    ),
    _Setting("no_backward_prefetch", "backward prefetches no layer", ("fsdp1",)),
    _Setting(
        "upcasts_shards", "the 16-bit shards that were loaded live until the first step", ("fsdp1",)
    ),
)


class RecipeNotes:
    """Notes on the estimates of one job; evaluates it without each setting once."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._without: dict[str, Evaluator] = {}

    def of(self, strategy: Strategy, usage: Usage) -> list[str]:
        """Sentences for one strategy's usage; none under a plain loop."""
        return [] if self._job.options.recipe == PLAIN else list(self._notes(strategy, usage))

    def _notes(self, strategy: Strategy, usage: Usage) -> Iterator[str]:
        for setting in _SETTINGS:
            if strategy.engine in setting.engines and setting.matters(self._job):
                changed = _changed(usage, self._evaluator(setting.field).usage(strategy))
                if changed:
                    yield f"Hugging Face Trainer: {setting.text}: {changed}."
        if strategy.engine == "ddp" and _is_mixed_whole(self._job.training):
            yield LOADED_DTYPE

    def _evaluator(self, field: str) -> Evaluator:
        if field not in self._without:
            options = self._job.options
            changes: dict[str, Any] = {field: False}
            recipe = replace(options.recipe, **changes)
            job = replace(self._job, options=replace(options, recipe=recipe))
            self._without[field] = Evaluator(job)
        return self._without[field]


def _is_mixed_whole(training: Training) -> bool:
    return training.method == "full" and training.precision == "bf16_mixed"


def _changed(usage: Usage, without: Usage) -> str:
    """By how much the peak differs, or else the phase that differs most, or the first steps."""
    peak = usage.peak - without.peak
    if peak:
        return f"{_signed(peak)} at the peak"
    by_phase = {p: usage.phases[p] - without.phases[p] for p in (*STEP_PHASES, "resident", "setup")}
    phase, most = max(by_phase.items(), key=lambda item: abs(item[1]))
    if most:
        return f"{_signed(most)} in {phase}, the peak is the same"
    second = usage.second_step - without.second_step
    return f"{_signed(second)} in the first steps at most" if second else ""


def _signed(size: int) -> str:
    """+0.49 GiB, or −12 MiB where it is little."""
    sign = "+" if size > 0 else "−"
    amount = abs(size)
    text = f"{amount / GIB:,.2f} GiB" if amount >= GIB // 10 else f"{amount / MIB:,.1f} MiB"
    return sign + text
