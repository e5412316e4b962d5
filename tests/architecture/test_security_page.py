"""docs/security.md: every requirement of the standard's first level, and tests that exist."""

from __future__ import annotations

import ast
import re
from functools import cache

from tests.architecture.repository import ROOT

PAGE = (ROOT / "docs" / "security.md").read_text()

# OWASP ASVS 5.0.0, level 1: the requirements of each section.
LEVEL_1 = {
    "1.2": (1, 2, 3, 4, 5), "1.3": (1, 2), "1.5": (1,),
    "2.1": (1,), "2.2": (1, 2), "2.3": (1,),
    "3.2": (1, 2), "3.3": (1,), "3.4": (1, 2), "3.5": (1, 2, 3),
    "4.1": (1,), "4.4": (1,),
    "5.2": (1, 2), "5.3": (1, 2),
    "6.1": (1,), "6.2": (1, 2, 3, 4, 5, 6, 7, 8), "6.3": (1, 2), "6.4": (1, 2),
    "7.2": (1, 2, 3, 4), "7.4": (1, 2),
    "8.1": (1,), "8.2": (1, 2), "8.3": (1,),
    "9.1": (1, 2, 3), "9.2": (1,),
    "10.4": (1, 2, 3, 4, 5),
    "11.3": (1, 2), "11.4": (1,),
    "12.1": (1,), "12.2": (1, 2),
    "13.4": (1,),
    "14.2": (1,), "14.3": (1,),
    "15.1": (1,), "15.2": (1,), "15.3": (1,),
}  # fmt: skip
# A document is all that this asks for.
WITHOUT_TEST = {"15.1.1"}


def rows() -> list[tuple[str, str, str]]:
    return re.findall(r"^\| (\d+\.\d+\.\d+) \| (.+) \| (.+) \|$", PAGE, re.MULTILINE)


@cache
def names_in(file: str) -> set[str]:
    tree = ast.parse((ROOT / "tests" / file).read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_requirement_of_level_1_has_one_row_in_order() -> None:
    required = [f"{section}.{number}" for section, each in LEVEL_1.items() for number in each]
    assert len(required) == 70
    assert [item for item, _, _ in rows()] == required


def test_every_test_that_is_named_exists() -> None:
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", PAGE)
    assert len(named) > 70
    for file, test in named:
        assert test.startswith("test_")
        assert test in names_in(file), f"{file}::{test}"


def test_what_has_no_test_does_not_apply() -> None:
    for item, how, test in rows():
        if item not in WITHOUT_TEST:
            assert "::" in test or how.startswith("Does not apply: "), item
