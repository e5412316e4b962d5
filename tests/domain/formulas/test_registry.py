"""The printed equation is what the function computes, with any numbers."""

from __future__ import annotations

import random
import re
from fractions import Fraction
from math import isclose

import pytest

import app.domain.frameworks  # noqa: F401 - registers every formula
from app.domain.formulas.registry import FORMULAS, Formula, formula, readable

REGISTERED = sorted(FORMULAS.values(), key=lambda f: f.name)
SAMPLES = 20
MOST_RANKS = 64
SHARD_TOLERANCE = 1e-5
DECIMAL_TOLERANCE = 1e-3

every_formula = pytest.mark.parametrize("formula", REGISTERED, ids=lambda f: f.name)


def symbols_for(formula: Formula, seed: int) -> dict[str, int]:
    """Large, so that a shard's rounding is invisible beside a wrong factor."""
    source = random.Random(f"{formula.name} {seed}")
    drawn = {name: source.randrange(10**8, 10**9) for name in formula.symbols}
    if "lin" in drawn:  # a part of P
        drawn["lin"] = source.randrange(10**7, 5 * 10**7)
    if "N" in drawn:
        drawn["N"] = source.randrange(1, MOST_RANKS)
    return drawn


def evaluate(equation: str, symbols: dict[str, int]) -> Fraction:
    """The equation as a reader would work it out."""
    python = equation.translate(str.maketrans("×÷−", "*/-", ","))
    return Fraction(
        eval(python, {"__builtins__": {}}, {k: Fraction(v) for k, v in symbols.items()})
    )


def tolerance(formula: Formula) -> float:
    """None, but for the fullest shard's last element and for decimals that are printed rounded."""
    if re.search(r"\d\.\d", formula.equation):
        return DECIMAL_TOLERANCE
    return SHARD_TOLERANCE if "N" in formula.symbols else 0


@every_formula
def test_the_printed_equation_gives_what_the_function_returns(formula: Formula) -> None:
    for seed in range(SAMPLES):
        symbols = symbols_for(formula, seed)
        expected = evaluate(formula.equation, symbols)
        returned = formula.function(**symbols)
        assert isinstance(returned, int)
        if tolerance(formula):
            assert isclose(returned, expected, rel_tol=tolerance(formula)), symbols
        else:
            assert returned == expected, symbols


@pytest.mark.parametrize(
    "formula", [f for f in REGISTERED if tolerance(f) == SHARD_TOLERANCE], ids=lambda f: f.name
)
def test_a_shard_is_rounded_up_and_never_down(formula: Formula) -> None:
    for seed in range(SAMPLES):
        symbols = symbols_for(formula, seed)
        assert formula.function(**symbols) >= evaluate(formula.equation, symbols)


@every_formula
def test_values_replace_every_symbol_and_still_give_the_result(formula: Formula) -> None:
    for seed in range(SAMPLES):
        symbols = symbols_for(formula, seed)
        term = formula(**symbols)
        left = re.sub(r"\d[\d,.]*(e\d+)?", "", term.values)
        assert not re.search(r"[A-Za-z_]", left), term.values
        assert isclose(evaluate(term.values, {}), term.bytes, rel_tol=5e-3), term.values


@every_formula
def test_a_formula_names_its_label_and_its_source(formula: Formula) -> None:
    assert formula.label.strip()
    assert formula.source.strip()
    assert formula.url.startswith("https://")


@every_formula
def test_only_formulas_marked_per_sample_depend_on_tokens(formula: Formula) -> None:
    assert formula.per_sample == ("t" in formula.symbols)


@pytest.mark.parametrize("formula", [f for f in REGISTERED if f.per_sample], ids=lambda f: f.name)
def test_a_per_sample_formula_is_exactly_proportional_to_the_tokens(formula: Formula) -> None:
    for seed in range(SAMPLES):
        symbols = symbols_for(formula, seed)
        one = formula.function(**{**symbols, "t": 1})
        assert formula.function(**{**symbols, "t": 0}) == 0
        assert formula.function(**symbols) == one * symbols["t"]


def test_two_formulas_of_one_name_are_refused() -> None:
    def weights(P: int) -> int:  # noqa: N803 - the paper's symbol
        return P

    register = formula(label="Weights", group="weights", equation="P", source="twice")
    with pytest.raises(ValueError, match="two formulas are called weights"):
        register(weights)


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (0, "0"),
        (999_999, "999,999"),
        (1_000_000, "1e6"),
        (8_030_261_248, "8.03e9"),
        (70_553_706_496, "70.55e9"),
        (123_456_789, "123.5e6"),
    ],
)
def test_large_numbers_are_shown_in_powers_of_a_thousand(number: int, shown: str) -> None:
    assert readable(number) == shown
