"""Bulk planning: a CSV of jobs in, a CSV of answers out; nothing is kept here.

Without JavaScript the form answers with the file. The page's script asks for JSON Lines instead,
counts them, and puts the same file together from them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import APIRouter, File, Request, UploadFile
from starlette.responses import Response

from app.domain.errors import InvalidInput
from app.http.dependencies import ServicesDep
from app.http.streaming import JsonLines, stream_lines
from app.schemas.batches import MAX_JOBS
from app.services.container import Services
from app.web import bulk_files, forms
from app.web.bars import VERDICT_WORDS
from app.web.bulk_files import EXAMPLE, RESULT_COLUMNS, JobRow
from app.web.csv_text import MARK, csv_line
from app.web.fields import FIELDS, Field
from app.web.numbers import signed_gib
from app.web.rendering import render

router = APIRouter(prefix="/bulk", include_in_schema=False)

_CSV = "text/csv; charset=utf-8"


@router.get("")
def bulk(request: Request) -> Response:
    """The form, and what the columns mean."""
    return render(request, "bulk/page.html", _context())


@router.get("/example.csv")
def example() -> Response:
    """Three jobs to start from."""
    return Response(EXAMPLE, media_type=_CSV, headers=_attachment("shardplan-jobs.csv"))


@router.post("")
def plan_jobs(
    request: Request, services: ServicesDep, jobs: Annotated[UploadFile | None, File()] = None
) -> Response:
    """Plans every job of a file, each when the reader has taken the one before."""
    wants_lines = JsonLines.media_type in request.headers.get("accept", "")
    try:
        rows = bulk_files.read_jobs(b"" if jobs is None else jobs.file.read())
    except InvalidInput as error:
        told = error.errors[0].detail
        if wants_lines:
            return Response(json.dumps({"error": told}), 422, media_type="application/json")
        return render(request, "bulk/page.html", _context() | {"error": told}, status=422)
    if wants_lines:
        return stream_lines(_progress(services, rows), JsonLines.media_type)
    name = _attachment("shardplan-results.csv")
    return stream_lines(bulk_files.results(services, rows), _CSV, name)


def _attachment(filename: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{filename}"'}


def _progress(services: Services, rows: list[JobRow]) -> Iterator[str]:
    """What the page's script reads: how many there are, then one line a job, then the end.

    `csv` is the job's line of the results' file.
    """
    yield _json({"jobs": len(rows), "csv": MARK + csv_line(RESULT_COLUMNS)})
    for row in rows:
        line = bulk_files.planned(services, row)
        shown: dict[str, Any] = {"row": line.row, "name": line.name}
        if line.summary is None:
            shown |= {"error": bulk_files.error_of(line)}
        else:
            verdict, room = line.summary.verdict, line.summary.headroom_bytes
            word = "Does not fit" if verdict == "does_not_fit" else VERDICT_WORDS[verdict]
            shown |= {
                "verdict": verdict,
                "word": word,
                "headline": line.summary.headline,
                "headroom": "" if room is None else f"{signed_gib(room)} GiB",
            }
        yield _json(shown | {"csv": bulk_files.result_line(line)})
    yield _json({"done": len(rows)})


def _json(document: dict[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False, allow_nan=False) + "\n"


def _context() -> dict[str, Any]:
    columns = [(param.name, *_described(FIELDS[param.name])) for param in forms.PARAMS]
    return {"columns": columns, "most": MAX_JOBS, "error": ""}


def _described(field: Field) -> tuple[str, str, str]:
    """A column's meaning, what it takes, and what an empty cell stands for."""
    label = f"{field.label}, {field.unit}" if field.unit else field.label
    takes = ", ".join(value for value, _ in field.choices if value)
    if field.control == "checkbox":
        takes = "true, false"
    needed = field.name in ("model", "gpu")
    return label, takes, "needed" if needed else forms.DEFAULT_TEXT[field.name]
