from __future__ import annotations

import csv
import io

import pytest

from app.web.csv_text import MARK, csv_text, neutral, original


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "＝1", '=HYPERLINK("x")'],
)
def test_text_that_a_spreadsheet_would_run_is_shown_instead(text: str) -> None:
    assert neutral(text) == f"'{text}"
    assert original(f"'{text}") == text


@pytest.mark.parametrize("value", ["plain", "a=b", "'quoted'", "", 5, -5, -0.5, None])
def test_everything_else_stays_as_it_is(value: str | int | float | None) -> None:
    assert neutral(value) == value


def test_an_apostrophe_that_somebody_typed_stays() -> None:
    assert original("'s-Hertogenbosch") == "'s-Hertogenbosch"


def test_a_file_is_read_back_whatever_its_cells_hold() -> None:
    text = csv_text(["name", "n"], [['a,\n"b"', 1], ["=x", None]])
    assert text.startswith(MARK)
    rows = list(csv.reader(io.StringIO(text.removeprefix(MARK), newline="")))
    assert rows == [["name", "n"], ['a,\n"b"', "1"], ["'=x", ""]]
