"""What the common rule of thumb leaves out: the same job by the rule, by the engine, measured.

The rule is that of most calculators: 16 bytes for every parameter, divided by the GPUs, and the
activations of a GPT layer.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache

from app.catalog import Catalog
from app.domain.estimate import STEP_PHASES, Evaluator, Load, Usage
from app.domain.formulas.registry import Term
from app.domain.job import Job, Phase
from app.domain.strategies import STRATEGIES
from app.domain.training import Training
from app.domain.units import ceil_div
from app.services.evidence import Comparison, measured_comparisons
from app.services.formula_grid import BASE, MODEL, base_hardware
from app.services.formula_reference import moment_name

STRATEGY = "fsdp2"
VARIANTS: tuple[tuple[str, Training], ...] = (
    ("Checkpointing off", replace(BASE, activation_checkpointing=False)),
    ("Checkpointing on", replace(BASE, activation_checkpointing=True)),
    ("On, with a fused loss", replace(BASE, activation_checkpointing=True, fused_loss=True)),
)

RULE = (
    "Most calculators add 16 bytes for every parameter (weights, gradients, Adam states), divided "
    "by the GPUs, to the activations of a GPT layer: 34 × t × h bytes, or 2 × t × h with "
    "checkpointing, for t tokens and hidden size h (ZeRO, section 3.1; Korthikanti et al., 2022, "
    "equation 1). That is a fair count of what training keeps. It is not what a step allocates."
)
BRIDGE_REMARK = (
    "At the loss no gradient exists yet: the rule counts bytes that are not there, and that hides "
    "a part of what it leaves out. Embedding, final norm and head are gathered whole on every GPU, "
    "and neither they nor the logits shrink with more GPUs. A fused loss makes no logits, and yet "
    "the peak hardly falls: it moves to the reduction of the root’s gradients."
)
MOMENTS_REMARK = (
    "Several moments come close to the peak, so what removes the highest uncovers the next. The "
    "gradients of embedding, final norm and head are reduced in one piece: 2 bytes an element in "
    "bf16 and 4 in the fp32 buffer that they are copied to, on every GPU, however many there are."
)

# What the rule counts: formulas of training state, and the group of activations.
_STATE = ("weights", "master_weights", "gradients", "optimizer_states")


def rule_state(parameters: int, ranks: int) -> int:
    """16 × P ÷ N: fp32 weights, gradients and two Adam states; ZeRO, section 3.1."""
    return int(ceil_div(16 * parameters, ranks))


def rule_activations(job: Job) -> int:
    """34 × t × h a layer, or 2 × t × h with checkpointing: Korthikanti et al., 2022, equation 1.

    The quadratic part of that equation is left away, as fused attention does.
    """
    training = job.training
    per_channel = 2 if training.activation_checkpointing else 34
    tokens = training.micro_batch_size * training.sequence_length
    return per_channel * tokens * job.spec.hidden_size * len(job.spec.layers)


@dataclass(frozen=True)
class BridgeRow:
    """One step from the rule to what nvidia-smi shows; bytes, one for each variant."""

    label: str
    amounts: tuple[int, ...]
    is_total: bool = False
    formula: str = ""


@dataclass(frozen=True)
class Part:
    """An allocation that the rule does not count."""

    label: str
    bytes: int
    formula: str


@dataclass(frozen=True)
class MomentRow:
    """A moment of the step with checkpointing: bytes allocated, and those that the rule omits."""

    phase: Phase
    moment: str
    allocated: int
    left_out: int
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class RunRow:
    """A measured run: the peak as measured, as the rule has it and as the engine predicts it."""

    id: str
    job: str
    measured: int
    rule: int
    predicted: int

    @property
    def rule_error(self) -> float:
        """Relative and signed, like `error`."""
        return self.rule / self.measured - 1

    @property
    def error(self) -> float:
        return self.predicted / self.measured - 1


@dataclass(frozen=True)
class LeftOut:
    """The whole comparison, with what to read in it.

    `peaks` names the moment of each variant's peak.
    """

    job: str
    variants: tuple[str, ...]
    peaks: tuple[str, ...]
    bridge: tuple[BridgeRow, ...]
    moments: tuple[MomentRow, ...]
    runs: tuple[RunRow, ...]
    rule: str = RULE
    bridge_remark: str = BRIDGE_REMARK
    moments_remark: str = MOMENTS_REMARK

    @property
    def rule_error(self) -> float:
        """Mean absolute relative error of the rule on the runs."""
        return sum(abs(run.rule_error) for run in self.runs) / len(self.runs)

    @property
    def error(self) -> float:
        """Mean absolute relative error of the engine on the runs."""
        return sum(abs(run.error) for run in self.runs) / len(self.runs)


@lru_cache(maxsize=1)
def left_out(catalog: Catalog) -> LeftOut:
    """The comparison for the base job; computed once for a catalogue."""
    spec, hardware = catalog.model(MODEL).spec, base_hardware(catalog)
    jobs = [Job(spec, hardware, training) for _, training in VARIANTS]
    strategy = STRATEGIES[STRATEGY]
    usages = [Evaluator(job).usage(strategy) for job in jobs]
    return LeftOut(
        job=(
            f"{spec.name} under {strategy.title} on {hardware.world_size} × {hardware.gpu.name}, "
            f"{BASE.precision}, {BASE.optimizer}, {BASE.sequence_length:,} tokens, "
            f"micro-batch {BASE.micro_batch_size}"
        ),
        variants=tuple(name for name, _ in VARIANTS),
        peaks=tuple(f"{usage.top.phase}, {usage.top.label}" for usage in usages),
        bridge=tuple(_bridge(jobs, usages)),
        moments=tuple(_moments(usages[1])),
        runs=tuple(_runs(measured_comparisons(catalog))),
    )


def _bridge(jobs: list[Job], usages: list[Usage]) -> Iterable[BridgeRow]:
    columns = list(zip(jobs, usages, strict=True))
    state = tuple(rule_state(j.spec.total_parameters, j.hardware.world_size) for j in jobs)
    activations = tuple(rule_activations(job) for job in jobs)
    rule = tuple(map(sum, zip(state, activations, strict=True)))
    yield BridgeRow("Training state: 16 × P ÷ N", state)
    yield BridgeRow("Activations: 34 × t × h a layer, 2 × t × h with checkpointing", activations)
    yield BridgeRow("What the rule says", rule, is_total=True)
    alive = tuple(_state(usage) - said for usage, said in zip(usages, state, strict=True))
    yield BridgeRow("Training state that is not there yet, or no more, at the peak", alive)
    kept = tuple(_kept(usage) - rule_activations(job) for job, usage in columns)
    yield BridgeRow("Activations beyond the rule’s", kept)
    yield from _omitted(usages)
    peak = tuple(usage.peak for usage in usages)
    yield BridgeRow("Peak of what is allocated", peak, is_total=True)
    cached = tuple(usage.reserved - usage.peak for usage in usages)
    yield BridgeRow("Reserved by the caching allocator beyond the peak", cached)
    outside = tuple(usage.device_used - usage.reserved for usage in usages)
    yield BridgeRow("CUDA context, loaded kernels and libraries, NCCL", outside)
    yield BridgeRow("What nvidia-smi shows", tuple(u.device_used for u in usages), is_total=True)


def _is_state(term: Term) -> bool:
    return term.formula.name in _STATE


def _is_counted(term: Term) -> bool:
    return _is_state(term) or term.formula.group == "activations"


def _state(usage: Usage) -> int:
    return sum(term.bytes for term in usage.components if _is_state(term))


def _kept(usage: Usage) -> int:
    return sum(term.bytes for term in usage.components if term.formula.group == "activations")


def _omitted(usages: list[Usage]) -> list[BridgeRow]:
    """What is alive at any of the peaks and not in the rule, the largest first."""
    terms = [[term for term in usage.components if not _is_counted(term)] for usage in usages]
    labels = {term.formula.name: term.formula.label for own in terms for term in own}
    rows = [
        BridgeRow(
            label,
            tuple(sum(term.bytes for term in own if term.formula.name == name) for own in terms),
            formula=name,
        )
        for name, label in labels.items()
    ]
    return sorted(rows, key=lambda row: -max(row.amounts))


def _moments(usage: Usage) -> Iterable[MomentRow]:
    """The moments of a step, of those inside the layers the largest of each kind."""
    largest: dict[tuple[Phase, str], Load] = {}
    for load in usage.loads:
        key = (load.moment.phase, moment_name(load.moment.label))
        if key[0] in STEP_PHASES and (key not in largest or load.bytes > largest[key].bytes):
            largest[key] = load
    for (phase, _), load in largest.items():
        parts = _parts(load)
        omitted = sum(part.bytes for part in parts)
        yield MomentRow(phase, load.moment.label, load.bytes, omitted, parts)


def _parts(load: Load) -> tuple[Part, ...]:
    """What the rule omits at a moment, the largest first."""
    sums: dict[str, Part] = {}
    for term in load.moment.terms:
        name, label = term.formula.name, term.formula.label
        if term.bytes and not _is_counted(term):
            before = sums[name].bytes if name in sums else 0
            sums[name] = Part(label, before + term.bytes, name)
    return tuple(sorted(sums.values(), key=lambda part: -part.bytes))


def _runs(comparisons: Iterable[Comparison]) -> Iterable[RunRow]:
    """Measured runs that the rule is about: the whole model trained in mixed precision."""
    for run in comparisons:
        training, strategy = run.job.training, run.strategy
        same = (strategy.engine, training.method, training.precision, training.optimizer) == (
            STRATEGIES[STRATEGY].engine,
            BASE.method,
            BASE.precision,
            BASE.optimizer,
        )
        if same and run.job.spec.id == MODEL and strategy.offload == "none":
            ranks = run.job.hardware.world_size
            rule = rule_state(run.job.spec.total_parameters, ranks) + rule_activations(run.job)
            measured = run.measured.steady_peak_allocated
            yield RunRow(run.run_id, _words(run), measured, rule, run.usage.peak)


def _words(run: Comparison) -> str:
    training = run.job.training
    words = [
        f"{run.job.hardware.world_size} GPUs",
        f"{training.sequence_length:,} tokens",
        f"micro-batch {training.micro_batch_size}",
        f"checkpointing {'on' if training.activation_checkpointing else 'off'}",
    ]
    if run.strategy.id != STRATEGY:
        words.append(run.strategy.title)
    if training.fused_loss:
        words.append("fused loss")
    if training.gradient_accumulation_steps > 1:
        words.append(f"accumulation over {training.gradient_accumulation_steps}")
    if training.optimizer_kernel != BASE.optimizer_kernel:
        words.append(f"{training.optimizer_kernel} kernel")
    if run.job.options.fsdp_reduce_dtype != "fp32":
        words.append(f"reduced in {run.job.options.fsdp_reduce_dtype}")
    return ", ".join(words)
