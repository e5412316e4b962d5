from __future__ import annotations

import pytest

from app.domain.units import GB, GIB
from app.web import numbers


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0.0"),
        (int(93.46 * GIB), "93.5"),
        (int(999.94 * GIB), "999.9"),
        (int(999.96 * GIB), "1,000"),
        (1320 * GIB, "1,320"),
        (-1226 * GIB, "−1,226"),
        (-GIB // 2, "−0.5"),
        (-1, "0.0"),
    ],
)
def test_gib_has_one_decimal_below_a_thousand_and_none_above(count: int, text: str) -> None:
    assert numbers.gib(count) == text


def test_headroom_is_signed_with_a_true_minus() -> None:
    assert numbers.signed_gib(46 * GIB) == "+46.0"
    assert numbers.signed_gib(-54 * GIB) == "−54.0"


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (70_553_706_496, "70.55 B"),
        (207_000_000, "207 M"),
        (1_040_000_000_000, "1.04 T"),
        (12, "12"),
    ],
)
def test_parameters_read_as_people_say_them(count: int, text: str) -> None:
    assert numbers.parameters(count) == text


def test_a_price_is_a_range_one_figure_or_said_to_be_missing() -> None:
    assert numbers.dollars(800_000, 920_000) == "$8,000–9,200"
    assert numbers.dollars(800_000, 800_000) == "$8,000"
    assert numbers.dollars(None, 800_000) == "$8,000"
    assert numbers.dollars(None, None) == "No public price"


def test_a_fraction_is_a_percentage_with_a_space_before_its_sign() -> None:
    assert numbers.percent(0.0123) == "1.2 %"


def test_a_measured_error_is_never_said_to_be_nothing() -> None:
    assert numbers.percent(0.0004) == "under 0.1 %"
    assert numbers.percent(0.0006) == "0.1 %"


def test_what_a_node_needs_is_rounded_up_like_the_sentence_that_says_so() -> None:
    assert numbers.whole_gib(1821 * GIB) == "1,821"
    assert numbers.whole_gib(1821 * GIB + 1) == "1,822"


def test_gb_are_for_what_others_published_in_them() -> None:
    assert numbers.gb(17_500_000_000) == "17.5 GB"
    assert numbers.gb(1_200 * GB) == "1,200 GB"
