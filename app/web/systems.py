"""Find systems: the whole search is in the address, the answer is one page or a part of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from starlette.responses import RedirectResponse, Response

from app.domain.errors import InvalidInput
from app.http.dependencies import ServicesDep
from app.schemas.system_searches import SystemSearch
from app.services.container import Services
from app.web import system_forms, system_rows
from app.web.csv_text import csv_text
from app.web.fields import choice_word
from app.web.numbers import integer
from app.web.options import options_of
from app.web.rendering import is_fragment_request, render
from app.web.system_forms import ALL_FIELDS, SHOWN, Search
from app.web.system_rows import found_of

router = APIRouter(include_in_schema=False)


@router.get("/systems")
def systems(
    request: Request,
    services: ServicesDep,
    x_change: Annotated[str, Header()] = "",
) -> Response:
    """The systems that the query asks for; without a query, those of the worked example."""
    search = system_forms.read(services, request.query_params.multi_items())
    search, result = _answered(services, search)
    context = _context(services, search, result)
    status = 422 if search.errors else 200
    if not is_fragment_request(request):
        return render(request, "systems/page.html", context, status=status)
    if search.errors:
        return render(
            request,
            "systems/page.html",
            context,
            blocks=["messages"],
            status=status,
            headers={"HX-Reswap": "none"},
        )
    here = system_forms.address(search)
    headers = {
        "HX-Replace-Url" if x_change == "typing" else "HX-Push-Url": here,
        "HX-Trigger": json.dumps({"shardplan:values": {"values": _numbers(search.values)}}),
    }
    blocks = ["answer", "updates", "status"]
    return render(request, "systems/page.html", context, blocks=blocks, headers=headers)


@router.get("/systems.csv")
def systems_csv(request: Request, services: ServicesDep) -> Response:
    """What the page's query finds, as a table; a search that is wrong leads back to the page."""
    search = system_forms.read(services, request.query_params.multi_items())
    search, result = _answered(services, search)
    if result is None:
        return RedirectResponse(f"/systems?{request.url.query}", status_code=303)
    base = str(request.base_url).rstrip("/")
    rows = system_rows.csv_rows(result, lambda row: system_forms.planner_query(search, row), base)
    return Response(
        csv_text(system_rows.CSV_HEADER, rows),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="shardplan-systems.csv"'},
    )


def _answered(services: Services, search: Search) -> tuple[Search, SystemSearch | None]:
    """The search with its answer, or with all that is wrong with it."""
    job, request = search.job, search.request
    try:
        if request is not None:
            return search, services.systems.search(request, search.preferences.wishes)
        if job is not None:
            services.resolver.question(job.model, job.training, job.options)
    except InvalidInput as error:
        errors = {**system_forms.messages(error.errors), **search.errors}
        return replace(search, errors=errors), None
    return search, None


def _numbers(values: Mapping[str, str]) -> dict[str, str]:
    """What number fields should read once they are left."""
    return {
        name: text
        for name, text in values.items()
        if name in ALL_FIELDS and ALL_FIELDS[name].control == "number"
    }


def _context(services: Services, search: Search, result: SystemSearch | None) -> dict[str, Any]:
    found = None
    if result is not None:
        found = found_of(
            result, services.catalog, lambda row: system_forms.planner_query(search, row)
        )
    every = search.values["every"] == "true"
    cut = found is not None and len(found.rows) == min(SHOWN)
    return {
        "fields": ALL_FIELDS,
        "values": search.values,
        "errors": search.errors,
        "options": options_of(services),
        "advanced_names": system_forms.ADVANCED,
        "advanced_changes": search.advanced_changes,
        "result": result,
        "found": found,
        "job": _job(search),
        "every": every,
        "query": system_forms.address(search).partition("?")[2],
        "every_href": system_forms.address(search, every="false" if every else "true"),
        "more_href": system_forms.address(search, limit=str(max(SHOWN))) if cut else None,
        "offload_href": _deeper(search),
    }


def _job(search: Search) -> str:
    """The training in a few words."""
    if search.job is None:
        return ""
    training = search.job.training
    return ", ".join(
        (
            f"{integer(training.sequence_length)} tokens",
            f"micro-batch {integer(training.micro_batch_size)}",
            choice_word("precision", training.precision),
            choice_word("optimizer", training.optimizer),
            "checkpointing on" if training.activation_checkpointing else "checkpointing as needed",
        )
    )


def _deeper(search: Search) -> str | None:
    """The same search with offload to the host, where that is not allowed yet."""
    if search.preferences.offload != "none":
        return None
    preferences = search.preferences.model_copy(update={"offload": "cpu"})
    return system_forms.address(replace(search, preferences=preferences))
