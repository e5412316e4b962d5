"""Every formula can be checked by a reader: it says what it computes and where that is written."""

from __future__ import annotations

import importlib
import inspect

import pytest

from app.domain.formulas.registry import FORMULAS, Formula
from tests.architecture.repository import ROOT, python_modules

for path in python_modules("app/domain"):
    importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))

REGISTERED = sorted(FORMULAS.values(), key=lambda formula: formula.name)


def test_there_are_formulas_to_check() -> None:
    assert REGISTERED


@pytest.mark.parametrize("formula", REGISTERED, ids=lambda formula: formula.name)
def test_a_formula_says_what_it_computes_and_names_its_source(formula: Formula) -> None:
    assert inspect.getdoc(formula.function), "no docstring: what is it, in which unit?"
    assert formula.label
    assert formula.equation
    assert formula.source, "a constant without a source is marked as assumed, with the reason"
    assert formula.kind != "derived" or formula.url.startswith("https://"), "where can it be read?"
