"""What must hold of every estimate, whatever the model, the strategy and the job."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.assessment import Assessment, assess
from app.domain.estimate import STEP_PHASES, Load, phase_peaks
from app.domain.job import PHASES, Job, Moment, Phase
from app.domain.optimizers import OPTIMIZERS
from app.domain.strategies import STRATEGIES, Strategy
from app.domain.units import GIB
from tests.jobs import job, usage

KNOBS: dict[str, tuple[Any, ...]] = {
    "method": ("full", "lora", "qlora"),
    "precision": ("bf16_mixed", "bf16_pure", "fp16_mixed", "fp32"),
    "optimizer": tuple(OPTIMIZERS),
    "activation_checkpointing": (True, False),
    "attention": ("sdpa", "eager", "flash_attention_2"),
    "fused_loss": (True, False),
    "optimizer_kernel": ("fused", "foreach"),
    "gradient_accumulation_steps": (1, 4),
}
GRID = [dict(zip(KNOBS, values, strict=True)) for values in product(*KNOBS.values())]
MODELS = (
    "meta-llama/Llama-3.1-8B",  # untied
    "meta-llama/Llama-3.2-1B",  # tied
    "Qwen/Qwen3-30B-A3B",  # mixture of experts
    "deepseek-ai/DeepSeek-V3",  # latent attention, dense first layers
    "Qwen/Qwen3-Next-80B-A3B-Instruct",  # linear and softmax attention
    "openai-community/gpt2",  # learned positions, fused qkv, gelu
    "google/gemma-3-1b-pt",  # sliding window, fp32 norms
)
# Prime, and no divisor of any knob's choices: each model sees every choice of every pair of knobs,
# and the models together see most of the grid.
STRIDE = 13
PROPERTY = settings(max_examples=40, deadline=None, derandomize=True)

every_strategy = pytest.mark.parametrize("strategy", STRATEGIES)
small_models = st.sampled_from(
    ("meta-llama/Llama-3.2-1B", "google/gemma-3-270m", "openai-community/gpt2")
)
knobs = st.sampled_from(GRID)
strategies = st.sampled_from(tuple(STRATEGIES.values()))


def outcomes(job: Job) -> list[Assessment]:
    return [outcome for outcome in assess(job).outcomes if outcome.reason is None]


def one(job: Job, strategy: Strategy) -> Assessment:
    return assess(job, [strategy]).outcomes[0]


def check(outcome: Assessment) -> None:
    usage, judgement = outcome.usage, outcome.judgement
    assert usage is not None
    assert judgement is not None
    assert list(usage.phases) == list(PHASES)
    sizes = [*usage.phases.values(), usage.peak, usage.reserved, usage.device_used, usage.host]
    sizes += [usage.nvme, usage.second_step, judgement.low, judgement.high]
    sizes += [term.bytes for load in usage.loads for term in load.moment.terms]
    assert all(type(size) is int for size in sizes)
    assert min(sizes) >= 0
    assert sum(term.bytes for term in usage.components) == usage.peak
    assert usage.peak == max(usage.phases[phase] for phase in STEP_PHASES)
    assert min(usage.phases[phase] for phase in STEP_PHASES) >= usage.phases["resident"]
    assert judgement.low <= usage.peak <= judgement.high
    assert usage.peak <= usage.reserved <= usage.device_used
    assert judgement.max_micro_batch >= 0


@pytest.mark.parametrize(("offset", "model"), list(enumerate(MODELS)), ids=MODELS)
def test_every_combination_gives_whole_bytes_that_add_up(offset: int, model: str) -> None:
    checked = set()
    for training in GRID[offset::STRIDE]:
        for outcome in outcomes(job(model, nodes=2, sequence_length=1000, **training)):
            try:
                check(outcome)
            except AssertionError as error:
                error.add_note(f"{model} under {outcome.strategy.id} with {training}")
                raise
            checked.add(outcome.strategy.id)
    assert checked == set(STRATEGIES)


def test_the_sample_of_the_grid_meets_every_pair_of_choices_with_every_model() -> None:
    names = list(KNOBS)
    for offset in range(len(MODELS)):
        sample = GRID[offset::STRIDE]
        for a, first in enumerate(names):
            for second in names[a + 1 :]:
                met = {(t[first], t[second]) for t in sample}
                assert met == set(product(KNOBS[first], KNOBS[second]))


@PROPERTY
@given(small_models, knobs, strategies, st.integers(1, 1023), st.integers(1, 1023))
def test_a_longer_sequence_never_needs_less(
    model: str, training: dict[str, Any], strategy: Strategy, first: int, second: int
) -> None:
    shorter, longer = sorted((first, second))
    less = usage(job(model, nodes=2, sequence_length=shorter, **training), strategy.id)
    more = usage(job(model, nodes=2, sequence_length=longer, **training), strategy.id)
    assert all(less.phases[phase] <= more.phases[phase] for phase in PHASES)


@PROPERTY
@given(small_models, knobs, strategies, st.integers(1, 512), st.integers(1, 512))
def test_a_larger_micro_batch_never_needs_less(
    model: str, training: dict[str, Any], strategy: Strategy, first: int, second: int
) -> None:
    smaller, larger = sorted((first, second))
    less = usage(job(model, nodes=2, micro_batch_size=smaller, **training), strategy.id)
    more = usage(job(model, nodes=2, micro_batch_size=larger, **training), strategy.id)
    assert all(less.phases[phase] <= more.phases[phase] for phase in PHASES)


@pytest.mark.parametrize("method", ["full", "lora", "qlora"])
@pytest.mark.parametrize(
    "strategy", [s.id for s in STRATEGIES.values() if s.shard_optimizer != "none"]
)
def test_more_gpus_never_mean_more_model_state_on_each(strategy: str, method: str) -> None:
    def states(gpus: int) -> int:
        used = usage(job("meta-llama/Llama-3.2-1B", gpus=gpus, nodes=2, method=method), strategy)
        (resident,) = (x for x in used.loads if x.moment.phase == "resident")
        groups = ("weights", "optimizer_states")
        return sum(t.bytes for t in resident.moment.terms if t.formula.group in groups)

    needed = [states(gpus) for gpus in range(1, 65)]
    assert needed == sorted(needed, reverse=True)


@PROPERTY
@given(
    small_models,
    knobs,
    strategies,
    st.integers(1, 80 * GIB),
    st.integers(1, 80 * GIB),
)
def test_more_usable_memory_never_worsens_the_verdict(
    model: str, training: dict[str, Any], strategy: Strategy, first: int, second: int
) -> None:
    order = ("fits", "tight", "does_not_fit")
    verdicts = []
    for usable in sorted((first, second)):
        judgement = one(job(model, nodes=2, usable=usable, **training), strategy).judgement
        if judgement is None:
            return
        verdicts.append(order.index(judgement.verdict))
    assert verdicts[0] >= verdicts[1]


@PROPERTY
@given(
    small_models,
    knobs,
    strategies,
    st.integers(1, 1023),
    st.integers(1, 16),
    st.integers(1, 80).map(GIB.__mul__),
)
def test_the_largest_micro_batch_fits_and_one_more_does_not(
    model: str,
    training: dict[str, Any],
    strategy: Strategy,
    sequence: int,
    micro_batch: int,
    usable: int,
) -> None:
    def verdict(size: int) -> str:
        asked = job(
            model,
            nodes=2,
            usable=usable,
            sequence_length=sequence,
            micro_batch_size=size,
            **training,
        )
        judgement = one(asked, strategy).judgement
        assert judgement is not None
        return judgement.verdict

    asked = job(
        model,
        nodes=2,
        usable=usable,
        sequence_length=sequence,
        micro_batch_size=micro_batch,
        **training,
    )
    judgement = one(asked, strategy).judgement
    if judgement is None:
        return
    largest = judgement.max_micro_batch
    if largest:
        assert verdict(largest) == "fits"
    assert verdict(largest + 1) != "fits"


def test_the_largest_micro_batch_does_not_depend_on_the_one_asked_for() -> None:
    found = set()
    for size in (1, 2, 3, 7, 64):
        judgement = one(job(micro_batch_size=size), STRATEGIES["fsdp2"]).judgement
        assert judgement is not None
        found.add(judgement.max_micro_batch)
    assert len(found) == 1
    assert found.pop() > 1


def test_no_phase_is_below_what_is_resident_when_it_starts() -> None:
    sizes: dict[Phase, int] = {"setup": 1, "resident": 10, "forward": 4, "backward": 12, "step": 9}
    loads = [Load(Moment(phase, "", ()), size, 0) for phase, size in sizes.items()]
    expected = {"setup": 1, "resident": 10, "forward": 10, "backward": 12, "step": 10}
    assert phase_peaks(loads) == expected


@every_strategy
def test_the_peak_names_the_phase_and_the_moment_that_it_belongs_to(strategy: str) -> None:
    used = usage(job(nodes=2), strategy)
    assert used.phases[used.top.phase] == used.peak
    assert used.top.label
