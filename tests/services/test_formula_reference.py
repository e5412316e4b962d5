"""The reference of formulas, held against jobs that it was not made from."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from typing import Any, get_args, get_type_hints

from app.catalog import load_catalog
from app.domain.errors import InvalidInput
from app.domain.estimate import Evaluator
from app.domain.formulas.registry import FORMULAS
from app.domain.formulas.symbols import COMMON, PARTICULAR, meaning
from app.domain.hardware import Hardware
from app.domain.job import Job, Phase
from app.domain.limits import unsupported
from app.domain.strategies import STRATEGIES
from app.domain.training import DeepSpeedOptions, Options, Training
from app.schemas.formulas import AliveIn, FormulaDocument
from app.services.evidence import measured_comparisons
from app.services.formula_grid import MODEL
from app.services.formula_reference import (
    LAYERS,
    formula_id,
    formula_reference,
    moment_name,
)
from tests.jobs import job, usage


def documents() -> dict[str, FormulaDocument]:
    return {item.id: item for item in formula_reference(load_catalog()).items}


def test_every_registered_formula_is_in_the_reference_once() -> None:
    assert sorted(item.id for item in formula_reference(load_catalog()).items) == sorted(FORMULAS)


def test_no_formula_is_left_that_no_job_yields() -> None:
    assert [item.id for item in documents().values() if not item.appearances] == []
    assert [item.id for item in documents().values() if item.example is None] == []


def random_jobs(count: int) -> Iterator[Job]:
    """Any model, GPU, size and training; always the same ones."""
    chance = random.Random(20_26)
    catalog = load_catalog()
    specs = [entry.spec for entry in catalog.models.values()]
    gpus = [entry.gpu for entry in catalog.gpus.values()]
    choices = {
        name: [True, False] if kind is bool else get_args(kind)
        for name, kind in get_type_hints(Training).items()
        if kind is bool or get_args(kind)
    }
    for _ in range(count):
        values: dict[str, Any] = {name: chance.choice(of) for name, of in choices.items()}
        values["gradient_accumulation_steps"] = chance.choice([1, 4])
        values["sequence_length"] = chance.choice([128, 1024])
        keys: dict[str, Any] = {
            "reduce_bucket_size": chance.choice([1_000_000, 500_000_000]),
            "overlap_comm": chance.choice([None, True]),
        }
        size, nodes = chance.choice([1, 2, 8]), chance.choice([1, 2, 4])
        hardware = Hardware(chance.choice(gpus), size, nodes, 10**15, 10**15)
        options = Options(DeepSpeedOptions(**keys))
        yield Job(chance.choice(specs), hardware, Training(**values), options)


def allocations(one: Job) -> Iterator[tuple[str, str, Phase, str]]:
    """Formula, strategy, phase and moment of everything that a job allocates."""
    evaluator = Evaluator(one)
    for strategy in STRATEGIES.values():
        if unsupported(one, strategy) is not None:
            continue
        try:
            moments = evaluator.timeline(strategy).moments
        except InvalidInput:  # a model without linear layers to adapt
            return
        for moment in moments:
            for term in moment.terms:
                if term.bytes:
                    yield term.formula.name, strategy.id, moment.phase, moment.label


def test_what_any_job_allocates_is_said_of_that_strategy_and_phase() -> None:
    said = documents()
    untold = {
        (name, strategy, phase)
        for one in random_jobs(150)
        for name, strategy, phase, moment in allocations(one)
        if not any(
            strategy in place.strategies and told(place.phases, phase, moment)
            for place in said[name].appearances
        )
    }
    assert untold == set()


def told(phases: list[AliveIn], phase: Phase, label: str) -> bool:
    inside = label != moment_name(label)
    return any(
        alive.phase == phase
        and (
            not alive.moments
            or moment_name(label) in alive.moments
            or (inside and LAYERS in alive.moments)
        )
        for alive in phases
    )


def test_a_formula_is_said_to_be_in_the_measured_runs_that_contain_it() -> None:
    comparisons = measured_comparisons(load_catalog())
    assert formula_reference(load_catalog()).measured_runs == len(comparisons)
    assert documents()["cublas_workspaces"].measured_runs == len(comparisons)
    adapted = [c for c in comparisons if c.job.training.method != "full"]
    assert documents()["lora_inputs"].measured_runs == len(adapted)


def test_an_example_is_what_the_engine_says_of_that_job() -> None:
    example = documents()["gathered_root"].example
    assert example is not None
    assert (example.model, example.job) == (MODEL.split("/")[1], "")
    moments = usage(job(sequence_length=4096, activation_checkpointing=False), example.strategy)
    found = [
        term
        for load in moments.loads
        if (load.moment.phase, load.moment.label) == (example.phase, example.moment)
        for term in load.moment.terms
        if term.formula.name == "gathered_root"
    ]
    assert {(term.bytes, term.values) for term in found} == {(example.bytes, example.values)}


def test_an_example_of_the_common_model_is_taken_where_it_has_the_term() -> None:
    models = [item.example.model for item in documents().values() if item.example]
    common, *others = (count for _, count in Counter(models).most_common())
    assert models.count(MODEL.split("/")[1]) == common > 4 * max(others)


def test_every_symbol_of_an_equation_says_what_it_stands_for() -> None:
    for formula in FORMULAS.values():
        for symbol in formula.symbols:
            assert meaning(formula, symbol), f"{symbol} of {formula.name}"


def test_no_meaning_is_given_to_a_symbol_that_no_equation_has() -> None:
    used = {symbol for formula in FORMULAS.values() for symbol in formula.symbols}
    assert used >= COMMON.keys()
    assert FORMULAS.keys() >= PARTICULAR.keys()
    for name, symbols in PARTICULAR.items():
        assert set(FORMULAS[name].symbols) >= symbols.keys(), name


def test_a_component_leads_to_its_formula_and_an_unknown_one_nowhere() -> None:
    for formula in FORMULAS.values():
        assert formula_id(formula.label, formula.equation) == formula.name
    assert formula_id("Weights", "an equation of last year") == ""
