"""Compare: up to four scenarios side by side, all of them in the address.

`/compare?s=<planner query, urlencoded>&plan=<plan id>…`: each `s` is a what-if that is computed
now, each `plan` a saved plan that is shown with its stored numbers; the order of the parameters is
the order of the columns, and the first column is the baseline.

To add a scenario, link to `/compare/add?<planner query>` or `/compare/add?plan=<plan id>`: it
appends the scenario to the comparison that this visitor looked at last (a cookie remembers that
address and nothing else) and leads to the whole address. Without a cookie it starts a comparison.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from app.domain.version import ENGINE_VERSION
from app.http.cookies import cookie, forget_cookie, keep_cookie
from app.http.dependencies import ServicesDep
from app.schemas.planning import Preferences
from app.services.clock import utc_now
from app.services.container import Services
from app.services.errors import NotFound
from app.web import forms, planner
from app.web.comparison import LETTERS, comparison_of
from app.web.csv_text import csv_text
from app.web.export_rows import HEADER, rows_of
from app.web.fields import FIELDS
from app.web.rendering import render
from app.web.report import report_of
from app.web.sheet import Sheet, live_sheet, stored_sheet

router = APIRouter(prefix="/compare", include_in_schema=False)

MOST = len(LETTERS)
COOKIE = "compare"
COOKIE_PATH = "/compare"
# Browsers keep 4,096 bytes of a cookie, its name and attributes included.
COOKIE_BYTES = 3_900
OFFERED = 8
WHAT_IF, PLAN = "s", "plan"

Wanted = tuple[str, str]

# The worked example: the planner's own, and two ways out of its refusal.
_EXAMPLES: tuple[dict[str, Any], ...] = (
    {"preferences": {"offload": "cpu"}, "hardware": {"host_memory_gib": 1536}},
    {"training": {"method": "lora"}},
    {"hardware": {"gpu": "b200-180-sxm", "gpus_per_node": 8}},
)


@dataclass(frozen=True)
class Problem:
    """A scenario that cannot be shown: what is wrong, and where to correct it."""

    title: str
    details: tuple[str, ...]
    href: str
    remove: str


@dataclass(frozen=True)
class Offer:
    """Something that can be added to the comparison."""

    title: str
    note: str
    href: str


@router.get("")
def compare(request: Request, services: ServicesDep) -> Response:
    """The scenarios of the address side by side; without any, how to begin."""
    given = _wanted(request.query_params.multi_items())
    wanted = given[:MOST]
    sheets, shown, problems = _sheets(services, wanted)
    comparison = comparison_of(sheets) if sheets else None
    context = {
        "comparison": comparison,
        "subject": _subject(sheets),
        "problems": problems,
        "cut": len(given) - len(wanted),
        "room": MOST - len(wanted),
        "links": [_links(wanted, place) for place in shown],
        "offers": _offers(services, wanted, sheets),
        "plans": _plans(services, wanted),
        "copy": next((sheet.query for sheet in sheets if sheet.query), ""),
        "last": _last(request) if not wanted else None,
        "csv": address(wanted).replace("/compare", "/compare/export.csv", 1),
        "example": address([(WHAT_IF, query) for query in example_queries()]),
        "engine": ENGINE_VERSION,
        "catalog": services.catalog.version,
    }
    status = 422 if problems else 200
    response = render(request, "compare/page.html", context, status=status)
    _remember(response, request, wanted)
    return response


@router.get("/export.csv")
def export(request: Request, services: ServicesDep) -> Response:
    """The scenarios as one table, each with a row for each strategy, as its own file has it."""
    wanted = _wanted(request.query_params.multi_items())[:MOST]
    sheets, shown, problems = _sheets(services, wanted)
    if problems or not sheets:
        return RedirectResponse(address(wanted), status_code=303)
    base = str(request.base_url).rstrip("/")
    now = utc_now()
    rows = [
        (letter, *row)
        for letter, sheet, place in zip(LETTERS, sheets, shown, strict=False)
        for row in rows_of(report_of(services, sheet, now, base + _links(wanted, place)["open"]))
    ]
    return Response(
        csv_text(("scenario", *HEADER), rows),
        media_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": 'attachment; filename="shardplan-comparison.csv"',
            "Cache-Control": "no-store",
        },
    )


@router.get("/add")
def add(request: Request) -> Response:
    """Appends a scenario to the last comparison. Four is the most: then the last one gives way."""
    pairs = request.query_params.multi_items()
    plan = dict(pairs).get(PLAN)
    new: Wanted = (PLAN, plan) if plan else (WHAT_IF, request.url.query)
    kept = [one for one in _remembered(request) if one != new]
    return RedirectResponse(address([*kept[: MOST - 1], new]), status_code=303)


@router.post("/clear")
def clear(request: Request) -> Response:
    """Forgets the last comparison."""
    response = RedirectResponse("/compare", status_code=303)
    forget_cookie(response, request, COOKIE, path=COOKIE_PATH)
    return response


def address(wanted: Sequence[Wanted]) -> str:
    """The page's address for scenarios in this order."""
    return "/compare" + (f"?{urlencode(wanted)}" if wanted else "")


def example_queries() -> list[str]:
    """The planner's queries of the worked example."""
    jobs = (forms.patched(forms.EXAMPLE, Preferences(), patch) for patch in _EXAMPLES)
    return [forms.query(request, preferences) for request, preferences in jobs]


def _wanted(pairs: Sequence[tuple[str, str]]) -> list[Wanted]:
    return [(name, value) for name, value in pairs if name in (WHAT_IF, PLAN) and value]


def _sheets(
    services: Services, wanted: Sequence[Wanted]
) -> tuple[list[Sheet], list[int], list[Problem]]:
    """The sheets that could be made, their places among the wanted, and what stops the others."""
    sheets: list[Sheet] = []
    places: list[int] = []
    problems: list[Problem] = []
    for place, (kind, value) in enumerate(wanted):
        without = address([*wanted[:place], *wanted[place + 1 :]])
        if kind == PLAN:
            try:
                sheets.append(stored_sheet(services.plans.get(value)))
                places.append(place)
            except NotFound as error:
                problems.append(Problem("A saved plan is missing.", (str(error),), "", without))
            continue
        evaluation = planner.evaluate(services, parse_qsl(value, keep_blank_values=True))
        sheet = live_sheet(services, evaluation)
        if sheet is not None:
            sheets.append(sheet)
            places.append(place)
            continue
        details = tuple(
            f"{FIELDS[name].label}: {text}" if name in FIELDS else text
            for name, text in evaluation.submission.errors.items()
        )
        problems.append(Problem("A scenario cannot be computed.", details, f"/?{value}", without))
    return sheets, places, problems


def _links(wanted: Sequence[Wanted], place: int) -> dict[str, str]:
    """Where a column's buttons lead."""
    others = [one for other, one in enumerate(wanted) if other != place]
    kind, value = wanted[place]
    return {
        "remove": address(others),
        "first": address([wanted[place], *others]) if place else "",
        "open": f"/plans/{value}" if kind == PLAN else f"/?{value}",
    }


def _offers(services: Services, wanted: Sequence[Wanted], sheets: Sequence[Sheet]) -> list[Offer]:
    """Changes worth setting beside the first scenario: what would make it fit, cheapest first."""
    if not sheets or len(wanted) >= MOST or not sheets[0].query:
        return []
    base = sheets[0]
    found = []
    for fix in base.result.fixes:
        job = forms.patched(base.request, base.preferences, fix.patch)
        new = (WHAT_IF, forms.query(*job))
        if new not in wanted:
            found.append(Offer(fix.change, fix.cost, address([*wanted, new])))
    return found[:OFFERED]


def _plans(services: Services, wanted: Sequence[Wanted]) -> list[Offer]:
    """The newest saved plans that are not compared yet."""
    if len(wanted) >= MOST:
        return []
    page = services.plans.page(None, OFFERED + MOST)
    free = [plan for plan in page.items if (PLAN, plan.id) not in wanted]
    return [
        Offer(plan.name, f"Stored {plan.updated_at:%-d %b %Y}", address([*wanted, (PLAN, plan.id)]))
        for plan in free[:OFFERED]
    ]


def _subject(sheets: Sequence[Sheet]) -> str:
    """What all scenarios are about: model, sequence length and micro-batch, where they agree."""
    words = [
        {sheet.scenario.model for sheet in sheets},
        {sheet.scenario.tokens for sheet in sheets},
        {sheet.scenario.batch for sheet in sheets},
    ]
    return ", ".join(next(iter(values)) for values in words if len(values) == 1)


def _remembered(request: Request) -> list[Wanted]:
    return _wanted(parse_qsl(cookie(request, COOKIE)))[:MOST]


def _last(request: Request) -> Offer | None:
    """The comparison that this visitor looked at last."""
    wanted = _remembered(request)
    if not wanted:
        return None
    count = "1 scenario" if len(wanted) == 1 else f"{len(wanted)} scenarios"
    return Offer("Continue with your last comparison", count, address(wanted))


def _remember(response: Response, request: Request, wanted: Sequence[Wanted]) -> None:
    value = urlencode(wanted)
    if not wanted or len(value) > COOKIE_BYTES:
        return
    keep_cookie(response, request, COOKIE, value, path=COOKIE_PATH)
