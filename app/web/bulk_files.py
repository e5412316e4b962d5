"""The table of jobs that comes in, and the table of answers that goes out.

Columns are the planner's own parameters and a name, so a row means what an address of the planner
means; an empty cell is the planner's default. Both tables are read by spreadsheets: nothing in them
runs as a formula.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

from app.domain.errors import FieldError, InvalidInput
from app.domain.units import GIB
from app.schemas.batches import MAX_JOBS, BatchLine
from app.services.batches import planned_line, refused
from app.services.container import Services
from app.web import forms
from app.web.csv_text import MARK, Value, csv_line, csv_text, original
from app.web.fields import FIELDS
from app.web.planner import read_job

NAME = "name"
COLUMNS = (NAME, *(param.name for param in forms.PARAMS))
_NEEDED = (("model", "model_profile"), ("gpu", "hardware_profile"))
RESULT_COLUMNS = (
    "row", NAME, "verdict", "headline", "strategy", "framework", "peak_gib", "usable_gib",
    "headroom_gib", "host_gib", "nvme_gib", "max_micro_batch_size", "change_to_fit",
    "cards_low_usd", "cards_high_usd", "measured_runs", "peak_bytes", "headroom_bytes", "error",
)  # fmt: skip
EXAMPLE = csv_text(
    (NAME, "model", "gpu", "gpus_per_node", "method", "sequence_length", "micro_batch_size"),
    (
        ("What they have", "meta-llama/Llama-3.1-8B", "rtx4090", 2, "lora", 2048, 1),
        ("What they could buy", "meta-llama/Llama-3.1-8B", "h100-80-sxm", 8, "full", 4096, 1),
        ("The large one", "meta-llama/Llama-3.1-70B", "b200-180-sxm", 8, "full", 4096, 1),
    ),
)


@dataclass(frozen=True)
class JobRow:
    """A row as it was read: its number among the jobs from 1, and its cells that are not empty."""

    number: int
    name: str
    pairs: tuple[tuple[str, str], ...]
    error: str = ""


def read_jobs(content: bytes) -> list[JobRow]:
    """The jobs of a CSV file, split by commas, semicolons or tabs.

    Raises:
        InvalidInput: it is no such table, it has no jobs, or too many.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _unreadable("Save the file as CSV in UTF-8 and choose it again.") from None
    if not text.strip() or "\0" in text:
        raise _unreadable("Choose a CSV file with a line of column names and a line for each job.")
    first = text.lstrip().split("\n", 1)[0]
    reader = csv.reader(
        io.StringIO(text.lstrip(), newline=""), delimiter=max(",;\t", key=first.count)
    )
    try:
        header = [cell.strip().lower().replace(" ", "_") for cell in next(reader)]
        rows = [cells for cells in reader if any(cell.strip() for cell in cells)]
    except csv.Error as error:
        raise _unreadable(f"This is not a CSV file: {error}.") from None
    _check(header, len(rows))
    return [_row(number, header, cells) for number, cells in enumerate(rows, 1)]


def _unreadable(detail: str) -> InvalidInput:
    return InvalidInput(FieldError("/jobs", detail))


def _check(header: list[str], count: int) -> None:
    unknown = [name for name in header if name not in COLUMNS]
    if unknown:
        named = ", ".join(repr(name[:40]) for name in unknown[:5])
        raise _unreadable(f"There is no column {named}. The columns are listed below.")
    if len(set(header)) != len(header):
        raise _unreadable("A column stands there twice. Keep one of each.")
    for names in _NEEDED:
        if not set(names) & set(header):
            raise _unreadable(f"Add a column {' or '.join(names)}.")
    if not count:
        raise _unreadable("The file has no jobs: add a line below the column names.")
    if count > MAX_JOBS:
        raise _unreadable(f"The file has {count:,} jobs; send at most {MAX_JOBS:,} at a time.")


def _row(number: int, header: list[str], cells: list[str]) -> JobRow:
    texts = [original(cell.strip()) for cell in cells]
    given = {name: text for name, text in zip(header, texts, strict=False) if text}
    name = given.pop(NAME, "")[:200]
    error = ""
    if any(texts[len(header) :]):
        error = "This row has more cells than there are columns."
    for names in _NEEDED:
        if not error and not set(names) & given.keys():
            error = f"Give a {' or '.join(FIELDS[each].spoken for each in names)}."
    return JobRow(number, name, tuple(given.items()), error)


def planned(services: Services, row: JobRow) -> BatchLine:
    """The answer to a row; what is wrong with it is told under its columns' names."""
    if row.error:
        return refused(row.number, row.name, [FieldError("", row.error)])
    submission = read_job(services, list(row.pairs))
    errors = dict(submission.errors)
    if submission.request is not None and not errors:
        try:
            return planned_line(
                row.number,
                row.name,
                submission.request,
                submission.preferences,
                services.planner,
                services.resolver,
            )
        except InvalidInput as error:
            errors = forms.field_messages(error.errors)
    return refused(row.number, row.name, [FieldError(f"/{n}", t) for n, t in errors.items()])


def error_of(line: BatchLine) -> str:
    """What is wrong with a row, in one sentence a column; "" where it was answered."""
    return " ".join(
        f"{error.pointer.strip('/')}: {error.detail}" if error.pointer else error.detail
        for error in line.errors
    )


def result_line(line: BatchLine) -> str:
    """A row of the results as CSV."""
    summary = line.summary
    if summary is None:
        empty: list[Value] = [None] * (len(RESULT_COLUMNS) - 3)
        return csv_line([line.row, line.name, *empty, error_of(line)])
    return csv_line(
        [
            line.row, line.name, summary.verdict, summary.headline, summary.strategy,
            summary.framework, _gib(summary.peak_allocated_bytes), _gib(summary.usable_bytes),
            _gib(summary.headroom_bytes), _gib(summary.host_bytes), _gib(summary.nvme_bytes),
            summary.max_micro_batch_size, summary.change, summary.cards_low_usd,
            summary.cards_high_usd, summary.measured_runs, summary.peak_allocated_bytes,
            summary.headroom_bytes, None,
        ]
    )  # fmt: skip


def _gib(count: int | None) -> float | None:
    return None if count is None else round(count / GIB, 1)


def results(services: Services, rows: list[JobRow]) -> Iterator[str]:
    """The results' file, line by line."""
    yield MARK + csv_line(RESULT_COLUMNS)
    for row in rows:
        yield result_line(planned(services, row))
