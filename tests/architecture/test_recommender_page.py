"""docs/recommender.md states the levels and the rules as they are in the records."""

from __future__ import annotations

import pytest

from app.domain.guidance import LEVELS, RULES, Rule
from app.domain.strategies import STRATEGIES
from tests.architecture.repository import ROOT

PAGE = (ROOT / "docs" / "recommender.md").read_text()


@pytest.mark.parametrize("number", LEVELS)
def test_every_level_is_listed_with_its_strategies(number: int) -> None:
    level = LEVELS[number]
    at = [s.id for s in STRATEGIES.values() if s.complexity == number and s.common]
    names = ", ".join(f"`{name}`" for name in at)
    source = f"[{level.source}]({level.source_url})"
    assert f"| {number} | {names} | `{level.id}` | {level.text} | {source} |" in PAGE


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_every_rule_is_listed_with_its_source(rule: Rule) -> None:
    source = f"[{rule.source}]({rule.source_url})"
    assert f"| `{rule.id}` | `{rule.favours}` | {rule.text} | {source} |" in PAGE


def test_the_rules_are_listed_in_the_order_in_which_they_are_asked() -> None:
    places = [PAGE.index(f"| `{rule.id}` |") for rule in RULES]
    assert places == sorted(places)
