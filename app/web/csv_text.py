"""CSV for spreadsheets: nothing that somebody typed is run as a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

# What spreadsheets take for the start of a formula, full-width forms included.
_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
# Excel reads UTF-8 only behind this mark.
MARK = "\ufeff"

Value = str | int | float | None


def neutral(value: Value) -> Value:
    """A cell that is shown and never run: text that starts like a formula gets an apostrophe."""
    if isinstance(value, str) and value.lstrip(" ").startswith(_STARTS):
        return f"'{value}"
    return value


def original(text: str) -> str:
    """What was typed, where `neutral` has put an apostrophe before it."""
    return text[1:] if text.startswith("'") and neutral(text[1:]) != text[1:] else text


def csv_line(values: Iterable[Value]) -> str:
    """One line with its end, every cell neutral."""
    text = io.StringIO()
    csv.writer(text).writerow([neutral(value) for value in values])
    return text.getvalue()


def csv_text(header: Sequence[str], rows: Iterable[Iterable[Value]]) -> str:
    """A whole file."""
    return MARK + csv_line(header) + "".join(map(csv_line, rows))
