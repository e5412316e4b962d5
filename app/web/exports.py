"""A plan to take away as PDF, CSV or JSON: of a what-if, of a saved plan, of a shared link.

What-ifs are computed now, from the planner's own query; plans and links give what was stored. All
show the numbers of the page and of the API.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from app.http.dependencies import ServicesDep
from app.schemas.planning import PLAN_RESULT
from app.services.clock import utc_now
from app.services.container import Services
from app.web import planner
from app.web.csv_text import csv_text
from app.web.export_rows import HEADER, rows_of
from app.web.report import Report, report_of
from app.web.sheet import Sheet, live_sheet, stored_sheet

router = APIRouter(include_in_schema=False)

Format = Literal["pdf", "csv", "json"]


@router.get("/export.{kind}")
def export_what_if(request: Request, services: ServicesDep, kind: Format) -> Response:
    """What the planner's query asks for. A job without an answer leads to the planner."""
    evaluation = planner.evaluate(services, request.query_params.multi_items())
    sheet = live_sheet(services, evaluation)
    if sheet is None:
        return RedirectResponse(f"/?{request.url.query}", status_code=303)
    now = utc_now()
    link = f"{_base(request)}/?{sheet.query}"
    if kind == "json":
        return _file(_what_if(sheet, now, link), _report(services, sheet, now, link), kind)
    return _exported(_report(services, sheet, now, link), kind)


@router.get("/plans/{plan_id}/export.{kind}")
def export_plan(
    request: Request,
    services: ServicesDep,
    plan_id: str,
    kind: Format,
    strategy: str | None = None,
) -> Response:
    """A saved plan with its stored numbers; as JSON the document that the API gives."""
    plan = services.plans.get(plan_id)
    sheet = stored_sheet(plan, strategy)
    report = _report(services, sheet, utc_now(), f"{_base(request)}/plans/{plan.id}")
    return _file(plan.document(), report, kind) if kind == "json" else _exported(report, kind)


@router.get("/s/{token}/export.{kind}")
def export_shared(
    request: Request,
    services: ServicesDep,
    token: str,
    kind: Format,
    strategy: str | None = None,
) -> Response:
    """What a link leads to, with its stored numbers."""
    shared = services.shares.open(token)
    sheet = stored_sheet(shared.plan, strategy)
    link = f"{_base(request)}/s/{token}"
    report = report_of(services, sheet, utc_now(), link, shared.expires_at)
    return _file(shared.document(), report, kind) if kind == "json" else _exported(report, kind)


def _base(request: Request) -> str:
    return str(request.base_url).rstrip("/")


def _report(services: Services, sheet: Sheet, now: datetime, link: str) -> Report:
    return report_of(services, sheet, now, link)


def _what_if(sheet: Sheet, now: datetime, link: str) -> str:
    """A what-if as a plan's document would have it, without an id."""
    estimate = sheet.result.estimate
    document: dict[str, Any] = {
        "name": sheet.title,
        "engine_version": estimate.engine_version,
        "catalog_version": estimate.catalog_version,
        "computed_at": now.isoformat(),
        "link": link,
        "request": sheet.request.model_dump(mode="json", exclude_unset=True),
        "preferences": sheet.preferences.model_dump(mode="json"),
        "result": PLAN_RESULT.dump_python(sheet.result, mode="json"),
    }
    return json.dumps(document, ensure_ascii=False, allow_nan=False, indent=1) + "\n"


def _exported(report: Report, kind: Format) -> Response:
    if kind == "pdf":
        # A seventh of the time that a start takes, and the first page needs no font.
        from app.web.pdf.document import pdf_of

        return _file(pdf_of(report), report, kind)
    return _file(csv_text(HEADER, rows_of(report)), report, kind)


_MEDIA_TYPES: dict[Format, str] = {
    "pdf": "application/pdf",
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
}


def _file(content: str | bytes, report: Report, kind: Format) -> Response:
    """An attachment. Its name is plain ASCII, and in full where the browser takes that."""
    whole = quote(f"{report.sheet.title[:80].strip()}.{kind}", safe="")
    disposition = f"attachment; filename=\"{report.filename}.{kind}\"; filename*=UTF-8''{whole}"
    headers = {"Content-Disposition": disposition, "Cache-Control": "no-store"}
    return Response(content, media_type=_MEDIA_TYPES[kind], headers=headers)
